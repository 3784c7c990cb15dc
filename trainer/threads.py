"""CPU threads of a process: workers x threads = cores, set before the numeric libraries look."""

from __future__ import annotations

import os

from trainer.contract.errors import UserError
from trainer.contract.threads import thread_environment


def use_threads(threads: int | None) -> int:
    """Let this process compute with `threads` threads; None means all the cores it may use.

    Raises:
        UserError: for fewer than one.
    """
    if threads is not None and threads < 1:
        raise UserError(f"--threads {threads}: at least 1 is needed")
    number = threads or len(os.sched_getaffinity(0))
    # Variables, not calls: a worker that finds every stage in the store never imports torch.
    os.environ.update(thread_environment(number))
    return number
