"""A launcher whose workers search and train nothing: `prior_launcher.py launch CONFIG PRIOR N_TRIALS`, sweep `new`."""

import os
import sys
import threading
import time
from pathlib import Path

from truestrength.launcher.expansion import Budget, expand_sweep
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.progress import PlainLines
from truestrength.launcher.local.run_plan import run_plan
from truestrength.trainer.contract import process
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.worker.forks import serve

SECONDS = 0.4
LEASE_S = 3.0


class NoReports:
    def sweep(self, batch_id):
        """Write nothing."""

    def end(self, *, changed, complete):
        """Write nothing."""


def launch(config_file, prior, n_trials):
    budget = Budget(n_trials=int(n_trials), n_jobs=2, prior=tuple(prior.split(",")))
    plan = expand_sweep(load_config(Path(config_file)), budget, Words(), "new")
    executor = LocalExecutor(2, lambda batch_id, *_: [__file__, "work", batch_id])
    with Ledger(database_url(), patience_s=20) as ledger:
        return run_plan(plan, ledger, executor, PlainLines(), NoReports())


def work(batch_id):
    from truestrength.trainer.worker.drain import TrialOutcome, drain

    def run(job):
        OutputsRoot(Path(job.config.paths.outputs)).sweep(batch_id).run(job.run_id).folder.mkdir(parents=True)
        time.sleep(SECONDS)
        value = 1.0 - abs(job.config.model_b.max_depth - 5) / 10
        return TrialOutcome(value, dict.fromkeys(Objective, value))

    with Ledger(database_url()) as ledger:
        worker = ledger.start_worker(batch_id, process.host(), os.getpid(), process.job_id(), LEASE_S)
        drain(ledger, batch_id, worker, run, threading.Event(), lease_s=LEASE_S)
        ledger.stop_worker(worker, "no slots left")
    return 0


def fork(batch_id, _flag, folder):
    return serve(Path(folder), lambda _: work(batch_id), lambda: None, lambda: None)


if __name__ == "__main__":
    try:
        sys.exit(fork(*sys.argv[2:]) if sys.argv[1] == "work" else launch(*sys.argv[2:]))
    except UserError as error:
        print(f"error: {error}")
        sys.exit(2)
