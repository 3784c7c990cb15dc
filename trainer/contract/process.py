"""What a process knows of itself: where it is, which job it is, its cores and threads, and how it says it was stopped.

Surprising: a pid means something only within one pid namespace of one boot of one machine. Two containers with the same
host name have different processes under one number, so a death can be known at once only from the same place.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from truestrength.trainer.contract.errors import UserError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "POLARS_MAX_THREADS",
)
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Of this process's container: microseconds of CPU in a period, and the period."""
PR_SET_PDEATHSIG = 1
EXIT_TOLD_TO_STOP = 85
"""Of `python -m trainer work`: it was told to stop, gave back its slot, and work is left."""


@dataclass(frozen=True)
class Place:
    """A pid namespace of a boot of a machine; empty where the system does not tell."""

    name: str

    @classmethod
    def here(cls) -> Place:
        """The place of this process."""
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return cls(f"{boot}/{Path('/proc/self/ns/pid').readlink()}")
        return cls("")

    def knows_dead(self, other: str, pid: int) -> bool:
        """Whether process `pid` of place `other` is certainly gone. A zombie is; a number in use may be anybody's."""
        if not self.name or other != self.name:
            return False
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return True
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def oom_kills(vmstat: Path = Path("/proc/vmstat")) -> int:
    """How many processes of this machine the kernel has killed for want of memory since it was started."""
    with suppress(OSError, ValueError):
        rows = [line.split() for line in vmstat.read_text(encoding="ascii").splitlines()]
        return next((int(row[1]) for row in rows if row[0] == "oom_kill"), 0)
    return 0


def threads_per_worker(n_workers: int) -> int:
    """Workers x threads = cores, and at least one thread."""
    return max(1, cores() // n_workers)


def cores() -> int:
    """Cores that this process may use: affinity and, in a container, the cgroup's quota."""
    available = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        available = min(available, max(1, int(quota) // int(period)))
    return available


def job_id(environment: Mapping[str, str] = os.environ) -> str | None:
    """The id of the job this process runs in, as its scheduler prints it ("123_4" for an array task).

    >>> job_id({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"})
    '7_2'
    """
    if "SLURM_ARRAY_JOB_ID" in environment and "SLURM_ARRAY_TASK_ID" in environment:
        return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    return environment.get("SLURM_JOB_ID") or environment.get("SUBMITIT_LOCAL_JOB_ID")


def tether(parent: int) -> None:
    """Have this process sent SIGTERM when its parent dies, however it dies, so that no worker is left behind."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def give_back_memory() -> None:
    """Give the system the pages that are free in this process: glibc keeps those between two that are in use."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def host() -> str:
    """This machine's name."""
    return socket.gethostname()


def thread_environment(threads: int) -> dict[str, str]:
    """Variables that keep numeric libraries to `threads` threads.

    >>> thread_environment(2)["OMP_NUM_THREADS"]
    '2'
    """
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def use_threads(threads: int | None) -> int:
    """Let this process compute with `threads` threads; None takes all the cores it may use.

    Raises:
        UserError: for fewer than one.
    """
    if threads is not None and threads < 1:
        raise UserError(f"--threads {threads}: at least 1 is needed")
    number = threads or cores()
    # For what is loaded from now on: a worker that finds every stage in the store never imports torch.
    os.environ.update(thread_environment(number))
    threadpool_limits(number)  # for what is loaded already
    return number
