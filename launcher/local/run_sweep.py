"""Runs one sweep: submits workers, watches the ledger, replaces workers that died, until no slot is open.

Surprising: it never asks a job for its result. The ledger says what is done; a job only says whether it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from truestrength.launcher.local.crew import OUT_OF_MEMORY, Crew, WorkersFailedError
from truestrength.trainer.contract import disks
from truestrength.trainer.contract.ledger import Ledger, SlotState, SweepProgress, WorkerRow
from truestrength.trainer.contract.paths.outputs import OutputsRoot

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
    missing: int = 0
    """Complete runs whose folders are gone."""


def run_sweep(
    batch_id: str, ledger: Ledger, crew: Crew, show: Callable[[SweepProgress, int], None], later: Sequence[str] = ()
) -> Outcome:
    """Bring a registered sweep to its end; one that is complete already costs one query.

    Args:
        batch_id: The sweep.
        ledger: Where it is registered.
        crew: The workers; they live on after the sweep, and are stopped when this call is interrupted.
        show: Called with the progress and the number of workers at work, whenever the ledger was read.
        later: The sweeps that follow, which the same workers go on to.
    """
    submitted, pause, seen = 0, SHORTEST_PAUSE_S, None
    while True:
        progress = ledger.progress(batch_id)
        workers = _workers(ledger, batch_id, later) if progress.open else []
        at_work = crew.alive() + crew.strangers(workers)
        show(progress, at_work)
        if progress.cancelled:
            if not later:
                crew.stop()
            return Outcome(progress, f"{batch_id}: cancelled; the same command, run again, goes on with it", submitted)
        if not progress.open:
            return Outcome(progress, None, submitted)
        _explain(ledger, crew, workers)
        try:
            submitted += crew.fill(progress, workers, later, partial(_closed, ledger, later))
        except WorkersFailedError as error:
            return Outcome(progress, f"{error}\nOnce the cause is gone, run the same command again.", submitted)
        except OSError as error:
            if not (found := disks.fault(error)):
                raise
            return Outcome(progress, f"{batch_id}: {disks.stopping(found, crew.outputs.root)}", submitted)
        now = (progress.pending, progress.running, progress.done, progress.failed, at_work)
        pause = SHORTEST_PAUSE_S if now != seen else min(pause * 1.5, LONGEST_PAUSE_S)
        seen = now
        crew.wait(pause)


def _explain(ledger: Ledger, crew: Crew, workers: Sequence[WorkerRow]) -> None:
    """Write down what is known here of workers that ended without a word."""
    for worker in workers:
        if end := crew.end_of(worker):
            ledger.explain_worker(worker.worker_id, end)
            if end == OUT_OF_MEMORY:  # its trial will do so again, and may be tried as often as any that fails
                ledger.fail_slot_of(worker, end)


def _workers(ledger: Ledger, batch_id: str, later: Sequence[str]) -> list[WorkerRow]:
    """The sweep's workers, and where they have gone on to: they come back for a slot that falls free."""
    own = ledger.workers(batch_id)
    known = {(worker.place, worker.pid) for worker in own}
    gone_on = [w for name in later for w in ledger.workers(name) if (w.place, w.pid) in known]
    return [*own, *gone_on]


def _closed(ledger: Ledger, batch_ids: Sequence[str]) -> int:
    """Slots of some sweeps that are done or failed."""
    if not batch_ids:
        return 0
    return sum(now.closed for now in ledger.all_progress() if now.batch_id in batch_ids)


def failed_slots(ledger: Ledger, progress: SweepProgress, outputs: OutputsRoot) -> str:
    """Which slots failed, why, where to read more, and how to try them again."""
    lines = [f"{progress.batch_id}: {progress.failed} of {progress.n_trials} slots failed:"]
    for slot in ledger.slots(progress.batch_id):
        if slot.state is SlotState.FAILED:
            where = outputs.sweep(progress.batch_id).run(slot.run_id).log if slot.run_id else "it never began a run"
            tried = slot.failures + slot.deaths
            lines.append(f"  slot {slot.slot}, {tried} attempts: {slot.reason or 'no reason known'} ({where})")
    retry = f"truestrength retry {progress.batch_id}"
    return "\n".join([*lines, f"`{retry}` gives them new attempts; then run the same command again."])
