"""What runs inside a job: the worker command as a child process that is told to stop when the job is, and dies with it.

Surprising: signal handlers run in the middle of `__call__`, so waiting must never hold Popen's lock (`Popen.wait()`
without a timeout does, and a handler that waits too would hang for ever). Imports no torch and holds no secret.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from submitit import JobEnvironment
from submitit.core.utils import DelayedSubmission, JobPaths, UncompletedJobError

from truestrength.launcher.containers.contained import contained
from truestrength.launcher.containers.settings import Container
from truestrength.trainer.contract import files
from truestrength.trainer.contract.process import tether

POLL_S = 0.1
SUBMITITS_FOLDER = "SUBMITIT_FOLDER"
"""Set by submitit in the processes that it loads a job in."""


class WorkerJob:
    """A callable that submitit pickles: runs the worker, leaves its exit code as text, and returns it.

    Args:
        words: What is said to the interpreter, for example `-m trainer work --batch-id B`.
        environment: Added to the job's environment; None removes a variable.
        grace_s: Seconds that the worker gets to stop by itself before it is killed.
        container: What the worker runs in, with the image's interpreter; None: a plain process.
        python: The interpreter of a plain process.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str | None],
        grace_s: float,
        container: Container | None = None,
        python: str = sys.executable,
    ) -> None:
        self.words = tuple(words)
        self.environment = dict(environment)
        self.grace_s = grace_s
        self.container = container
        self.python = python
        self._child: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None

    def __call__(self) -> int:
        """Run the worker to its end; SIGTERM (a stop, `scancel`) is passed on to it."""
        code = self._run()
        if SUBMITITS_FOLDER in os.environ:
            files.write_secret(_exit_code_file(JobEnvironment().paths), str(code))
        return code

    def _run(self) -> int:
        signal.signal(signal.SIGTERM, self._stop)
        with contained(self.container, self.words, self.environment, self.python) as launch:
            self._child = start_tethered(launch.arguments, launch.environment)
            if self.told_to_stop:  # before there was anybody to tell
                self._child.terminate()
            try:
                return self._wait(self._child)
            except UncompletedJobError:
                # submitit was told to stop (SIGUSR2) and `checkpoint` found that there was nothing left to continue.
                if self._child.returncode == 0:
                    return 0
                raise

    @property
    def told_to_stop(self) -> bool:
        """Whether somebody wanted the worker to end before its work was done."""
        return self._deadline is not None

    def checkpoint(self) -> DelayedSubmission | None:
        """Called by submitit on preemption or when the time is up: stop the worker; None when all work was done.

        The slots are in the ledger, so what is put back into the queue is this very job.
        """
        self._stop()
        if self._child is not None and self._wait(self._child) == 0:
            return None
        return DelayedSubmission(WorkerJob(self.words, self.environment, self.grace_s, self.container, self.python))

    def _stop(self, _signum: int = 0, _frame: FrameType | None = None) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + self.grace_s
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        while (code := child.poll()) is None:
            if self._deadline is not None and time.monotonic() > self._deadline:
                child.kill()
            time.sleep(POLL_S)
        return code


def exit_code(paths: JobPaths) -> int | None:
    """What a job's worker ended with; None when the job was killed or failed before it could say so.

    submitit's own result is a pickle: to load one is to run whatever stands in it.
    """
    with suppress(OSError, ValueError):
        return int(_exit_code_file(paths).read_text(encoding="ascii"))
    return None


def _exit_code_file(paths: JobPaths) -> Path:
    return paths.result_pickle.with_suffix(".exit_code")


def start_tethered(command: Sequence[str], environment: Mapping[str, str | None]) -> subprocess.Popen[bytes]:
    """Start a process that is sent SIGTERM when this one dies, however it dies, so that no worker is left behind.

    SIGUSR2 is ignored in the child: SLURM sends it to every process of a step, and its default action kills.
    """
    merged = {**os.environ, **environment}
    parent = os.getpid()

    def prepare() -> None:
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        tether(parent)

    return subprocess.Popen(
        list(command),
        env={name: value for name, value in merged.items() if value is not None},
        preexec_fn=prepare,  # noqa: PLW1509 - the job has one thread
    )
