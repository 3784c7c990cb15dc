"""Explains at the end of a plan what carried each team in every sweep's best run, unless `--no-run-explain` is given.

The trainer does it, in the same container as the workers, for all runs in one process. Nothing depends on it: what
cannot be explained is said, and the plan is whole all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from truestrength.launcher.containers.contained import run_to_end
from truestrength.launcher.containers.settings import Container
from truestrength.launcher.report.reading import read_sweep
from truestrength.launcher.report.trials import best_trial
from truestrength.launcher.trainer_commands import explain
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths


def explain_best(
    ledger: Ledger,
    outputs: OutputsRoot,
    batch_ids: Sequence[str],
    *,
    container: Container | None,
    say: Callable[[str], None],
) -> None:
    """Leave `contributions.csv` and its chart in the folder of every sweep's best run, unless they are there.

    Args:
        ledger: Where the sweeps are registered.
        outputs: The root that holds their folders.
        batch_ids: The plan's sweeps.
        container: Where the trainer runs.
        say: Told what goes wrong.
    """
    chosen = list(_unexplained(ledger, outputs, batch_ids))
    if chosen and (problem := run_to_end(container, explain([run.folder for run in chosen]))):
        names = ", ".join(run.folder.name for run in chosen if not run.contributions.exists())
        say(f"what carried the teams could not be explained for {names}:\n{problem}")


def _unexplained(ledger: Ledger, outputs: OutputsRoot, batch_ids: Sequence[str]) -> Iterator[RunPaths]:
    for batch_id in batch_ids:
        sweep = read_sweep(ledger, batch_id, outputs)
        best = best_trial(sweep.ranked, sweep.spec.objective)
        if best is None or best.run_id is None:
            continue
        run = outputs.sweep(batch_id).run(best.run_id)
        if not run.contributions.exists():
            yield run
