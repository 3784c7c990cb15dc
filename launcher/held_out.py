"""Reads the held-out season once, when every sweep of a plan is complete: for the best run of each target.

The trainer does the reading, in the same container as the workers. A target whose held-out season was read before, for
whatever run, is left alone: choosing again after a look would make the figure worth nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from truestrength.launcher.report.reading import read_alike
from truestrength.launcher.report.trials import best_of_target, trials_of_target
from truestrength.launcher.trainer_commands import Trainer, holdout
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.words import Target


class HeldOut(NamedTuple):
    """What came of the runs that were to be evaluated."""

    read: int
    unread: int


def read_held_out(chosen: Sequence[RunPaths], trainer: Trainer, say: Callable[[str], None]) -> HeldOut:
    """Leave `holdout.json` in the folders of some runs.

    Args:
        chosen: As `unread` says.
        trainer: Runs the trainer's command.
        say: Told what goes wrong.

    Returns:
        How many runs were evaluated now, and how many could not be. What goes wrong is said and stops nothing.
    """
    problem = trainer(holdout([run.folder for run in chosen])) if chosen else None
    read = [run for run in chosen if run.holdout.exists()]
    if problem:
        not_read = ", ".join(run.folder.name for run in chosen if run not in read)
        say(f"the held-out season could not be read for {not_read}:\n{problem}")
    return HeldOut(len(read), len(chosen) - len(read))


def unread(
    ledger: Ledger, outputs: OutputsRoot, batch_ids: Sequence[str], say: Callable[[str], None]
) -> Iterator[RunPaths]:
    """The best run of each target of which the held-out season has not been read, for no run.

    Args:
        ledger: Where the sweeps are registered.
        outputs: The root that holds their folders.
        batch_ids: The plan's sweeps; others of the root that were measured like them may have the best run, too.
        say: Told which runs they are.
    """
    sweeps = read_alike(ledger, outputs, batch_ids)
    for target in Target:
        best = best_of_target(sweeps, target)
        if best is None or best.run_id is None or any(trial.holdout for trial in trials_of_target(sweeps, target)):
            continue
        say(f"reading the held-out season for {best.run}, the best run for {target}")
        yield outputs.sweep(best.batch_id).run(best.run_id)
