"""Wall and CPU seconds of a command and of everything that it starts, a PostgreSQL that becomes a daemon included.

The command runs below a helper process (this module as a script) that asks the kernel to hand it all orphans, so every
process that ends is counted to the microsecond. Who used the CPU (`by_role`) is sampled from /proc: a process that
lives for less than a sample is missing there, not in the sum. So is memory, as PSS: a page that several processes share
counts once in all of them together, so that the sum is what the machine has to have.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from truestrength.trainer.contract.errors import UserError

PR_SET_CHILD_SUBREAPER = 36
SAMPLE_S = 0.25
MEMORY_SAMPLE_S = 0.5
LEFTOVERS_S = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
ROLES = (
    ("workers", "trainer work"),
    ("workers", "null_worker"),
    ("held-out season", "trainer holdout"),
    ("job wrappers", "submitit"),
    ("database", "postgres"),
    ("launcher", "-m launcher"),
)
"""The first whose words stand in a process's command line."""


@dataclass(frozen=True)
class Usage:
    """What a command took."""

    code: int
    began: float
    """Seconds since 1970."""
    wall_s: float
    cpu_s: float
    """User and system time of all processes."""
    by_role: dict[str, float]
    """CPU seconds by `ROLES`; `other` is the rest of `cpu_s`."""
    peak_mib: dict[str, float]
    """PSS by role at the moment when the sum of all processes was highest."""

    @property
    def memory_mib(self) -> float:
        """The highest sum of the PSS of all processes."""
        return sum(self.peak_mib.values())


def measure(command: Sequence[str], environment: Mapping[str, str | None], log: Path, folder: Path = Path()) -> Usage:
    """Run a command to its end, and wait for everything it started.

    Args:
        command: What to run.
        environment: Added to this process's; None removes a variable.
        log: Gets what the command prints.
        folder: Where it runs.

    Raises:
        UserError: the command failed; with the end of its log.
    """
    merged = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
    merged["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder.absolute()), merged.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as scratch, log.open("ab") as sink:
        result = Path(scratch) / "usage.json"
        # By its path: another state of the repository that is measured has another module of this name.
        helper = [sys.executable, "-P", str(Path(__file__).absolute()), str(result), *command]
        subprocess.run(helper, cwd=folder, env=merged, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, check=False)
        if not result.exists():
            raise UserError(f"the measurement of `{' '.join(command)}` broke off; see {log}")
        usage = Usage(**json.loads(result.read_text()))
    if usage.code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise UserError(f"`{' '.join(command)}` ended with exit code {usage.code}; the end of {log}:\n{tail}")
    return usage


def role_of(command_line: str) -> str:
    """Whose CPU time it is.

    >>> role_of("python -m trainer work --batch-id b"), role_of("postgres: checkpointer"), role_of("git status")
    ('workers', 'database', 'other')
    """
    return next((role for role, words in ROLES if words in command_line), "other")


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process, of its children that have ended, and of those that live."""
    with suppress(OSError):
        found = processes()
        own = [p for p in found.values() if pid in (p.pid, p.parent)]
        return sum(p.cpu_s for p in own) + (found[pid].ended_children_s if pid in found else 0.0)
    return 0.0


def pss_mib(pid: int) -> float:
    """A process's own memory, and its part of what it shares, in MiB; 0 for one that has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


@dataclass(frozen=True)
class Process:
    """What /proc says of a process."""

    pid: int
    parent: int
    started: int
    cpu_s: float
    ended_children_s: float
    state: str
    """A letter; `T` is stopped, `Z` a zombie."""


def processes() -> dict[int, Process]:
    """All of this machine, by pid."""
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - four times a second
        if entry.isdigit():
            with suppress(OSError):
                text = Path(f"/proc/{entry}/stat").read_text(errors="replace")
                fields = text[text.rindex(")") + 2 :].split()
                own, ended = (sum(map(int, fields[i : i + 2])) / TICKS for i in (11, 13))
                found[int(entry)] = Process(int(entry), int(fields[1]), int(fields[19]), own, ended, fields[0])
    return found


def descendants(root: int, found: Mapping[int, Process]) -> list[Process]:
    """Children, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for process in found.values():
        children.setdefault(process.parent, []).append(process)
    below, todo = [], [root]
    while todo:
        born = children.get(todo.pop(), [])
        below += born
        todo += [process.pid for process in born]
    return below


class _Sampler(threading.Thread):
    """Remembers the last CPU time that it saw of each process below this one, and whose it was."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stop = threading.Event()
        self._seen: dict[tuple[int, int], tuple[str, float]] = {}
        self.peak_mib: dict[str, float] = {}

    def run(self) -> None:
        """Look four times a second, and half as often how much memory all have."""
        memory_at = time.monotonic()
        while not self.stop.wait(SAMPLE_S):
            for process in descendants(os.getpid(), processes()):
                with suppress(OSError):
                    words = Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ")
                    key = (process.pid, process.started)
                    # A process that has ended and waits to be reaped has no command line any more.
                    role = role_of(words.decode(errors="replace")) if words else self._seen.get(key, ("other",))[0]
                    self._seen[key] = (role, process.cpu_s)
            if time.monotonic() >= memory_at:
                memory_at = time.monotonic() + MEMORY_SAMPLE_S
                self._weigh()

    def _weigh(self) -> None:
        """Keep the PSS by role if the sum is the highest so far."""
        now: dict[str, float] = {}
        for process in descendants(os.getpid(), processes()):
            role, _ = self._seen.get((process.pid, process.started), ("other", 0.0))
            now[role] = now.get(role, 0.0) + pss_mib(process.pid)
        if sum(now.values()) > sum(self.peak_mib.values()):
            self.peak_mib = now

    def by_role(self) -> dict[str, float]:
        """CPU seconds."""
        total: dict[str, float] = {}
        for role, cpu_s in list(self._seen.values()):
            total[role] = total.get(role, 0.0) + cpu_s
        return total


def _run(command: Sequence[str]) -> Usage:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1)
    sampler = _Sampler()
    began, clock = time.time(), time.perf_counter()
    process = subprocess.Popen(list(command))
    sampler.start()
    code = process.wait()
    wall_s = time.perf_counter() - clock
    _reap(time.monotonic() + LEFTOVERS_S)
    sampler.stop.set()
    sampler.join()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = children.ru_utime + children.ru_stime
    by_role = sampler.by_role()
    by_role["other"] = max(0.0, cpu_s - sum(s for role, s in by_role.items() if role != "other"))
    return Usage(code, began, wall_s, cpu_s, by_role, sampler.peak_mib)


def _reap(deadline: float) -> None:
    """Wait for all processes below this one; what is there after the deadline is told to stop."""
    with suppress(ChildProcessError):
        while True:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
            if time.monotonic() > deadline:
                for left in descendants(os.getpid(), processes()):
                    with suppress(ProcessLookupError):
                        os.kill(left.pid, signal.SIGTERM)
                deadline += LEFTOVERS_S
            time.sleep(0.02)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(_run(sys.argv[2:]))))
