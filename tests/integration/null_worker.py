"""A worker whose runs only sleep: run by the ledger's tests as `python null_worker.py BATCH SECONDS LEASE`."""

import os
import sys
import threading
import time
from pathlib import Path

from trainer.contract.database import database_url
from trainer.contract.ledger import Ledger
from trainer.contract.objectives import Objective
from trainer.contract.paths import OutputsRoot
from trainer.search.drain import TrialJob, TrialOutcome, drain

BATCH_ID, SECONDS, LEASE_S = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])


def run(job: TrialJob) -> TrialOutcome:
    """Leave a folder, refusing one that is there, and find a value that depends on the parameters only."""
    folder = OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id).run(job.run_id).folder
    folder.mkdir(parents=True)
    time.sleep(SECONDS)
    value = job.config.model_b.learning_rate + job.config.model_a.epochs
    return TrialOutcome(value, {objective: value for objective in Objective})


with Ledger(database_url(), patience_s=60) as ledger:
    worker = ledger.start_worker(BATCH_ID, "testhost", os.getpid(), None, LEASE_S)
    result = drain(ledger, BATCH_ID, worker, run, threading.Event(), lease_s=LEASE_S)
    ledger.stop_worker(worker, result.reason)
sys.stdout.write(f"{result}\n")
