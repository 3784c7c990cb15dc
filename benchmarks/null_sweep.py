"""This project's launcher with null trials: `python -m benchmarks.null_sweep BATCH TRIALS WORKERS MARKS OUTPUTS`.

All of it is the real thing: the plan, the ledger and the study in PostgreSQL, submitit's local array, the crew that
watches. Only the worker is `benchmarks.null_worker`, and no tables are written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.setting import CONFIG
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.progress import display
from truestrength.launcher.local.run_plan import run_plan
from truestrength.launcher.plan import Plan, PlannedSweep
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target


class NoReports:
    """For a plan whose results nobody reads."""

    def sweep(self, batch_id: str) -> None:
        """Write nothing."""

    def end(self, *, changed: bool, complete: bool) -> None:
        """Write nothing."""


def null_spec(batch_id: str, n_trials: int, outputs: Path) -> SweepSpec:
    """A sweep over Phase I's search space; no data is read."""
    config = load_config(CONFIG, [f"paths.outputs={outputs}"])
    return SweepSpec(
        batch_id=batch_id,
        objective=Objective.RANK_RMSE,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=n_trials,
        config=config,
        data_fingerprint="none",
    )


def main(batch_id: str, trials: str, workers: str, marks: str, outputs: str) -> int:
    """Run the sweep."""
    spec = null_spec(batch_id, int(trials), Path(outputs))
    plan = Plan((PlannedSweep(spec, int(workers)),), spec.config)

    def command(name: str, _threads: int, _later: Sequence[str]) -> list[str]:
        return ["-m", "benchmarks.null_worker", name, marks]

    executor = LocalExecutor(plan.n_jobs, command)
    with display() as screen, Ledger(database_url()) as ledger:
        code = run_plan(plan, ledger, executor, screen, NoReports())
        done = ledger.progress(batch_id).done
    return code or int(done != spec.n_trials)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
