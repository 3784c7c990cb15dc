"""`python -m trainer work --forks FOLDER`: one process that imports, and forks a worker for each that is asked for.

Workers of one machine share the memory of what they import, and a worker that was killed is replaced by a fork and not
by an import. What may run before the fork stands in `libraries`: a lock that some thread held at that moment is held in
the child for ever, and a child that waits for it uses no CPU and says nothing. So each child first tries out what
it will need, and one that gives no sign of life is killed. This process decides nothing else: it touches no table, no
store and no database, and says of each child only how it ended.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

from truestrength.trainer.contract import process
from truestrength.trainer.contract.command_line import exit_code_of, say
from truestrength.trainer.contract.fork_requests import ForkedWorker, ForkRequest, asked, may_ask, tell_end
from truestrength.trainer.contract.paths.forks import ForkPaths, worker_job_id, worker_log

LOCAL_JOB = "SUBMITIT_LOCAL_JOB_ID"
FIRST_SIGN_S = 120.0
"""A child has so long to try out the libraries, which takes a second; this machine may be very busy."""
POLL_S = 0.1
MORE_TO_KILL = 100
"""Thousandths of the memory by which the kernel, when there is none left, prefers a worker to what all hang on."""

Work = Callable[[Sequence[str]], int]
"""Serves sweeps, and returns the exit code of a worker."""


def serve(
    folder: Path,
    work: Work,
    load: Callable[[], None],
    try_out: Callable[[], None],
    first_sign_s: float = FIRST_SIGN_S,
) -> int:
    """Fork workers until nobody may ask for more and none is left, or until told to stop.

    Args:
        folder: where they are asked for.
        work: what a child does.
        load: imports what children share; starts no thread that has a lock of its own, and no CUDA.
        try_out: what a child does first, so that one that would hang is known before it takes anybody's slot.
        first_sign_s: seconds that a child has for this.

    Raises:
        OSError: it could not be written how a child ended; all others have been stopped.
    """
    parent = _Parent(ForkPaths(folder), work, try_out, first_sign_s)
    signal.signal(signal.SIGTERM, parent.tell)
    load()
    gc.collect()
    gc.freeze()  # else the collector writes to every object, and so makes every child a copy of its own
    try:
        parent.serve()
    finally:
        parent.stop()
    return 0


@dataclass
class _Child:
    number: int
    process: ForkProcess
    grace_s: float
    sign: Connection
    """Has something to read, or its end, once the child has tried out the libraries or ended."""
    deadline: float | None
    """By which it has to have given a sign of life, or to have ended; None: it lives, and may go on."""


class _Parent:
    def __init__(self, paths: ForkPaths, work: Work, try_out: Callable[[], None], first_sign_s: float) -> None:
        self._paths = paths
        self._work = work
        self._try_out = try_out
        self._first_sign_s = first_sign_s
        self._requests = 0
        self._children: list[_Child] = []
        self._told = False

    def tell(self, _signum: int, _frame: FrameType | None) -> None:
        """To stop."""
        self._told = True

    def serve(self) -> None:
        """Fork, and say how children end."""
        while not self._told:
            while not self._told and (request := asked(self._paths, self._requests)):
                self._requests += 1
                for worker in request.workers:
                    self._fork(worker, request)
            if not self._children and not may_ask(self._paths):
                return
            self._wait()

    def stop(self) -> None:
        """Tell all children to stop, and kill those that have not after the grace time."""
        for child in self._children:
            with suppress(ProcessLookupError):
                child.process.terminate()
            child.deadline = time.monotonic() + child.grace_s
        while self._children:
            with suppress(OSError):  # where it cannot be written how they ended, this process ends with an error
                self._wait()

    def _fork(self, worker: ForkedWorker, request: ForkRequest) -> None:
        read, write = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("fork")
        process = context.Process(target=self._child, args=(worker, request, os.getpid(), write))
        # Until the child has a handler of its own, it would only tell this one's copy.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        write.close()
        limit = time.monotonic() + self._first_sign_s
        self._children.append(_Child(worker.number, process, request.grace_s, read, limit))

    def _wait(self) -> None:
        """Wait a moment; look who has given a sign of life, who has ended, and who has to be killed."""
        ends: list[Connection | int] = [child.process.sentinel for child in self._children]
        signs = [child.sign for child in self._children if not child.sign.closed]
        wait([*ends, *signs], POLL_S)
        for child in list(self._children):
            if not child.sign.closed and child.sign.poll():
                child.sign.close()
                child.deadline = None if not self._told else child.deadline
            code = child.process.exitcode
            if code is not None:
                self._children.remove(child)
                tell_end(self._paths, child.number, code)
            elif child.deadline is not None and time.monotonic() > child.deadline:
                why = "did not stop" if self._told else f"gave no sign of life in {self._first_sign_s:.0f} s"
                say(f"worker {child.number} {why}: it is killed", aside=True)
                child.process.kill()
                child.process.join()

    def _child(self, worker: ForkedWorker, request: ForkRequest, parent: int, sign: Connection) -> None:
        """All of a worker's life."""
        process.tether(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _take_environment(worker)
        _write_to(worker_log(Path(request.logs), os.environ[LOCAL_JOB]))
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(min(1000, _oom_score_adj() + MORE_TO_KILL)))
        self._try_out()
        sign.send_bytes(b"1")
        sign.close()
        sys.exit(exit_code_of(lambda: self._work(request.batch_ids)))


def _take_environment(worker: ForkedWorker) -> None:
    for name, value in worker.environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    os.environ[LOCAL_JOB] = worker_job_id(os.environ.get(LOCAL_JOB, "0"), worker.number)


def _write_to(log: Path) -> None:
    """What this process says goes to a file of its own from now on."""
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for stream in (1, 2):
        os.dup2(sink, stream)
    os.close(sink)


def _oom_score_adj() -> int:
    return int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
