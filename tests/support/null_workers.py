"""Workers whose runs only sleep, for the ledger's tests: `python null_workers.py BATCH SECONDS LEASE`.

Each line on standard input starts one, by fork, so that the imports are paid once; its pid is printed.
"""

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path

from optuna.storages import RDBStorage

from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.search import samplers  # noqa: F401 - imported once, before the forks
from truestrength.trainer.worker.drain import TrialJob, TrialOutcome, drain

BATCH_ID, SECONDS, LEASE_S = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])


def run(job: TrialJob) -> TrialOutcome:
    """Leave a folder, refusing one that is there, and find a value that depends on the parameters only."""
    folder = OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id).run(job.run_id).folder
    folder.mkdir(parents=True)
    time.sleep(SECONDS)
    value = job.config.model_b.learning_rate + job.config.model_a.epochs
    return TrialOutcome(value, dict.fromkeys(Objective, value))


def work() -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Ledger(database_url(), patience_s=240) as ledger:
        worker = ledger.start_worker(BATCH_ID, "testhost", os.getpid(), "job_7", LEASE_S)
        result = drain(ledger, BATCH_ID, worker, run, stop, lease_s=LEASE_S)
        ledger.stop_worker(worker, result.reason)


RDBStorage("sqlite://")  # imports SQLAlchemy and alembic once, before the forks
logging.basicConfig(level=logging.WARNING)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    pid = os.fork()
    if pid == 0:
        os.close(0)
        work()
        os._exit(0)
    sys.stdout.write(f"{pid}\n")
    sys.stdout.flush()
