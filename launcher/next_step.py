"""How long sweeps still take, and which command is worth running next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from truestrength.trainer.contract.ledger import SweepProgress


def seconds_left(sweeps: Sequence[SweepProgress]) -> float | None:
    """Time until the last of the sweeps has ended, by what a trial of them took in the mean and who works now.

    None while nobody works, or no trial is complete. Workers go on from one sweep to the next; a cancelled one waits
    for nothing.
    """
    wanted = [sweep for sweep in sweeps if sweep.open and not sweep.cancelled]
    n_open, workers = sum(sweep.open for sweep in wanted), sum(sweep.live_workers for sweep in wanted)
    if not n_open:
        return 0.0
    known = [(sweep.done, sweep.mean_seconds) for sweep in sweeps if sweep.done and sweep.mean_seconds is not None]
    if not workers or not known:
        return None
    mean = sum(done * seconds for done, seconds in known) / sum(done for done, _ in known)
    return mean * n_open / min(workers, n_open)


def next_step(
    program: str, sweeps: Sequence[SweepProgress], queued: Collection[str], command: Callable[[str], Path | None]
) -> list[str]:
    """The words of the next command worth running.

    Args:
        program: What the commands begin with, such as `truestrength`.
        sweeps: All of them.
        queued: Batch ids whose jobs wait in SLURM's queue.
        command: The file that says with which command a sweep was asked for last; None where it is not seen.
    """
    said = shlex.split(program)
    if not sweeps:
        return [*said, "plan"]
    wanted = [sweep for sweep in sweeps if not sweep.cancelled]
    if any(sweep.live_workers or sweep.batch_id in queued for sweep in sweeps):
        return [*said, "status", "--watch"]
    if failed := [sweep.batch_id for sweep in wanted if sweep.failed]:
        return [*said, "retry", failed[0]]
    if still := [sweep.batch_id for sweep in wanted if sweep.open]:
        file = command(still[0])
        if file is not None and file.is_file() and (words := shlex.split(file.read_text(encoding="utf-8"))):
            return words
        return [*said, "logs", still[0]]
    return [*said, "report"]
