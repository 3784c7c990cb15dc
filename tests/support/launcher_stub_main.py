"""A launcher whose workers are stubs: `launcher_stub_main.py CONFIG N_TRIALS N_JOBS BATCH_ID…`."""

import sys
from pathlib import Path

from truestrength.launcher.database import database_for_command
from truestrength.launcher.expansion import Budget, expand_sweep
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.progress import PlainLines
from truestrength.launcher.local.run_plan import run_plan
from truestrength.launcher.plan import Plan
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.words import Objective, Phase, Target

STUB = Path(__file__).with_name("launcher_stub_worker.py")


class NoReports:
    """For a plan whose results nobody reads."""

    def sweep(self, batch_id: str) -> None:
        """Write nothing."""

    def end(self, *, changed: bool, complete: bool) -> None:
        """Write nothing."""


def stub_command(batch_id, threads, later=()):
    sweeps = [word for batch_id in (batch_id, *later) for word in ("--batch-id", batch_id)]
    return [str(STUB), *sweeps, "--threads", str(threads)]


def stub_plan(config_file, batch_ids, n_trials, n_jobs):
    config = load_config(config_file)
    words = Words(phase=Phase.PHASE1, objective=Objective.SPEARMAN, listmle_target=Target.FINAL_RANK)
    budget = Budget(n_trials=n_trials, n_jobs=n_jobs)
    planned = [expand_sweep(config, budget, words, batch_id).planned[0] for batch_id in batch_ids]
    return Plan(tuple(planned), config)


def main():
    config_file, n_trials, n_jobs, *batch_ids = sys.argv[1:]
    plan = stub_plan(Path(config_file), batch_ids, int(n_trials), int(n_jobs))
    with database_for_command(plan.outputs, print) as url, Ledger(url, patience_s=20) as ledger:
        executor = LocalExecutor(plan.n_jobs, stub_command)
        return run_plan(plan, ledger, executor, PlainLines(), NoReports())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
