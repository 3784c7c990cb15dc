"""Reads the held-out season once, when every sweep of a plan is complete: for the best run of each target.

The trainer does the reading, in the same container as the workers. A target whose held-out season was read before, for
whatever run, is left alone: choosing again after a look would make the figure worth nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from truestrength.launcher.containers.contained import run_to_end
from truestrength.launcher.containers.settings import Container
from truestrength.launcher.report.reading import read_alike
from truestrength.launcher.report.trials import best_of_target, trials_of_target
from truestrength.launcher.trainer_commands import holdout
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.words import Target


class HeldOut(NamedTuple):
    """What came of the runs that were to be evaluated."""

    read: int
    unread: int


def read_held_out(
    ledger: Ledger,
    outputs: OutputsRoot,
    batch_ids: Sequence[str],
    *,
    container: Container | None,
    say: Callable[[str], None],
    meanwhile: Callable[[], None],
) -> HeldOut:
    """Leave `holdout.json` in the folder of the best run of each target.

    Args:
        ledger: Where the sweeps are registered.
        outputs: The root that holds their folders.
        batch_ids: The plan's sweeps; others of the root that were measured like them may have the best run, too.
        container: Where the trainer runs.
        say: Told which runs are read, and what goes wrong.
        meanwhile: Called while the trainer reads, if there is anything to read.

    Returns:
        How many runs were evaluated now, and how many could not be. What goes wrong is said and stops nothing.
    """
    chosen = list(_unread(ledger, outputs, batch_ids, say))
    if not chosen:
        return HeldOut(0, 0)
    beside = _Beside(meanwhile)
    problem = run_to_end(container, holdout([run.folder for run in chosen]))
    read = [run for run in chosen if run.holdout.exists()]
    if problem:
        unread = ", ".join(run.folder.name for run in chosen if run not in read)
        say(f"the held-out season could not be read for {unread}:\n{problem}")
    beside.result()
    return HeldOut(len(read), len(chosen) - len(read))


def _unread(
    ledger: Ledger, outputs: OutputsRoot, batch_ids: Sequence[str], say: Callable[[str], None]
) -> Iterator[RunPaths]:
    """The best run of each target of which the held-out season has not been read, for no run."""
    sweeps = read_alike(ledger, outputs, batch_ids)
    for target in Target:
        best = best_of_target(sweeps, target)
        if best is None or best.run_id is None or any(trial.holdout for trial in trials_of_target(sweeps, target)):
            continue
        say(f"reading the held-out season for {best.run}, the best run for {target}")
        yield outputs.sweep(best.batch_id).run(best.run_id)


class _Beside(threading.Thread):
    """Runs a task while its maker does something else. Nobody waits for it when the maker is interrupted."""

    def __init__(self, task: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._task = task
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._task()
        except Exception as error:
            self._error = error

    def result(self) -> None:
        """Wait for the task.

        Raises:
            Exception: what the task raised.
        """
        self.join()
        if self._error is not None:
            raise self._error
