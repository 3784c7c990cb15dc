"""All processes of a round: whatever is started below this one, daemons and orphans included, and nothing else.

This process asks the kernel to hand it all orphans, so a process that lost its parent still belongs to the round, and
is waited for when it ends, as init would.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.process_tree import PR_SET_CHILD_SUBREAPER, descendants, processes

REAP_S = 0.1


class Family:
    """Starts processes and finds those that came of them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Nothing yet.

        Args:
            folder: where commands run.
            environment: all of theirs.
        """
        self._folder = folder
        self._environment = dict(environment)
        self._before = {process.pid for process in descendants(os.getpid(), processes())}
        self._own: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own, as a terminal would."""
        with self._lock, log.open("ab") as sink:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
            self._own[process.pid] = process
        return process

    def living(self) -> dict[int, str]:
        """The command lines of all processes that have not ended, by pid."""
        found = {}
        for process in descendants(os.getpid(), processes()):
            if process.pid not in self._before and process.state not in "ZX":
                with suppress(OSError):
                    words = Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ")
                    found[process.pid] = words.decode(errors="replace").strip()
        return found

    def reap(self) -> None:
        """Wait for orphans that have ended; a child that was started here is left to whoever started it."""
        with self._lock:
            for process in processes().values():
                if process.parent == os.getpid() and process.state == "Z" and process.pid not in self._before:
                    if process.pid in self._own:
                        self._own[process.pid].poll()
                        continue
                    with suppress(ChildProcessError):
                        os.waitpid(process.pid, os.WNOHANG)

    def left_after(self, seconds: float) -> dict[int, str]:
        """What still lives after so long a wait, which ends when nothing does."""
        deadline = time.monotonic() + seconds
        while (left := self.living()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left

    def end(self) -> None:
        """Kill what is left."""
        while left := self.living():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            self.reap()


@contextmanager
def family(folder: Path, environment: Mapping[str, str]) -> Iterator[Family]:
    """A family for the length of a block; nothing of it is left."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    found, over = Family(folder, environment), threading.Event()

    def reap() -> None:
        while not over.wait(REAP_S):
            found.reap()

    reaper = threading.Thread(target=reap, daemon=True)
    reaper.start()
    try:
        yield found
    finally:
        found.end()
        over.set()
        reaper.join()
        prctl(PR_SET_CHILD_SUBREAPER, 0)


def parent_of(pid: int) -> int:
    """The process that started another.

    Raises:
        ProcessLookupError: it is gone.
    """
    with suppress(KeyError):
        return processes()[pid].parent
    raise ProcessLookupError(pid)
