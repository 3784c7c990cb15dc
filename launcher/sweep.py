"""Runs one sweep: submits workers, watches the ledger, replaces workers that died, until no slot is open.

Surprising: it never asks a job for its result. The ledger says what is done; a job only says whether it lives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from launcher.crew import Crew, WorkersFailedError
from trainer.contract.ledger import Ledger, SlotState, SweepProgress
from trainer.contract.paths import OutputsRoot

SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands when the launcher leaves it."""

    progress: SweepProgress
    problem: str | None = None
    """Why it is not complete, and what to do next."""
    submitted: int = 0
    """Workers that were submitted for it."""


def run_sweep(ledger: Ledger, crew: Crew, outputs: OutputsRoot, show: Callable[[SweepProgress, int], None]) -> Outcome:
    """Bring a registered sweep to its end; one that is complete already costs one query.

    Args:
        ledger: Where the sweep is registered.
        crew: Its workers; stopped when this call is interrupted.
        outputs: The outputs root, for the paths in messages.
        show: Called with the progress and the number of workers at work, whenever the ledger was read.
    """
    try:
        return _watch(ledger, crew, outputs, show)
    except WorkersFailedError as error:
        progress = ledger.progress(crew.batch_id)
        return Outcome(progress, f"{error}\nOnce the cause is gone, run the same command again.", len(crew.arrays))
    except BaseException:
        crew.stop()
        raise


def _watch(ledger: Ledger, crew: Crew, outputs: OutputsRoot, show: Callable[[SweepProgress, int], None]) -> Outcome:
    submitted, pause, seen = 0, SHORTEST_PAUSE_S, None
    while True:
        progress = ledger.progress(crew.batch_id)
        workers = ledger.workers(crew.batch_id) if progress.open else []
        at_work = crew.alive() + crew.strangers(workers)
        show(progress, at_work)
        if progress.cancelled:
            crew.stop()
            hint = f"cancelled; open it again with `python -m launcher retry {crew.batch_id}`"
            return Outcome(ledger.progress(crew.batch_id), hint, submitted)
        if not progress.open:
            crew.leave()
            return Outcome(progress, _failed_slots(ledger, progress, outputs), submitted)
        submitted += crew.fill(progress, workers)
        now = (progress.pending, progress.running, progress.done, progress.failed, at_work)
        pause = SHORTEST_PAUSE_S if now != seen else min(pause * 1.5, LONGEST_PAUSE_S)
        seen = now
        crew.wait(pause)


def _failed_slots(ledger: Ledger, progress: SweepProgress, outputs: OutputsRoot) -> str | None:
    if not progress.failed:
        return None
    lines = [f"{progress.failed} of {progress.n_trials} slots failed:"]
    for slot in ledger.slots(progress.batch_id):
        if slot.state is SlotState.FAILED:
            where = outputs.sweep(progress.batch_id).run(slot.run_id).log if slot.run_id else "it never began a run"
            lines.append(f"  slot {slot.slot}, {slot.failures} attempts: {slot.reason or 'no reason known'} ({where})")
    retry = f"python -m launcher retry {progress.batch_id}"
    return "\n".join([*lines, f"`{retry}` gives them new attempts; then run the same command again."])
