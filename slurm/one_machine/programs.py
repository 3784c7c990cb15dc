"""Programs in the background, known by name and pid file, stopped by pid.

The surprising one: a pid file holds the time of birth too, so that a pid that was given to another process, or a
zombie that nobody has reaped yet, never counts as ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class ClusterError(Exception):
    """The cluster cannot be installed, started or reached."""


@dataclass(frozen=True)
class Programs:
    """The programs whose pid files lie in `folder`/run and whose output goes to `folder`/log."""

    folder: Path

    def spawn(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Start a program in a session of its own, unless it runs."""
        if self.pid(name):
            return
        with (self.folder / "log" / f"{name}.out").open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file(name).write_text(f"{process.pid} {birth(process.pid)}\n")
        process.returncode = 0  # it outlives us on purpose: no warning that it still runs

    def stop(self, name: str, how: signal.Signals = signal.SIGKILL, grace_s: float = 0) -> None:
        """Signal a program, kill it when it has not ended after the grace, and wait until it is gone."""
        if pid := self.pid(name):
            os.kill(pid, how)
            deadline = time.monotonic() + grace_s
            while self.pid(name) and time.monotonic() < deadline:
                time.sleep(0.05)
            if self.pid(name):
                os.kill(pid, signal.SIGKILL)
            self.wait(10, f"the end of {name}", lambda: not self.pid(name))
        self._pid_file(name).unlink(missing_ok=True)

    def pid(self, name: str) -> int | None:
        """Pid of a program that runs, else None."""
        try:
            pid, born = self._pid_file(name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        with contextlib.suppress(ChildProcessError):
            os.waitpid(int(pid), os.WNOHANG)
        return int(pid) if birth(int(pid)) == born else None

    def wait(self, seconds: float, what: str, ready: Callable[[], bool]) -> None:
        """Wait until `ready()`; a `ClusterError` in it means not yet.

        Raises:
            ClusterError: with the ends of all logs, when it takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        error: object = "it is not ready"
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except ClusterError as again:
                error = again
            time.sleep(0.05)
        tails = [f"{log.name}: {log.read_text(errors='replace')[-500:]}" for log in (self.folder / "log").glob("*")]
        raise ClusterError(f"{what}: waited {seconds:g} s: {error}\n" + "\n".join(tails))

    def _pid_file(self, name: str) -> Path:
        return self.folder / "run" / f"{name}.pid"


def birth(pid: int) -> str:
    """When a process was started, in clock ticks since boot; empty when there is no such process, or a zombie."""
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(") ")[2].split()
    return "" if not fields or fields[0] in "ZX" else fields[19]


def children(pid: int) -> list[int]:
    """Pids of a process's children that live."""
    found = [int(child) for child in _read(Path(f"/proc/{pid}/task/{pid}/children")).split()]
    return [child for child in found if birth(child)]


def program(pid: int) -> str:
    """The name of what a process runs; empty when it has gone."""
    return _read(Path(f"/proc/{pid}/comm")).strip()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
