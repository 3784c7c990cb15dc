"""Measures one attempt: time, memory, the store's part in it.

Surprising: the kernel keeps one mark of a process's highest memory. It is set back at the start of each attempt where
the kernel lets us, so that a small trial does not carry the mark of a large one before it.
"""

from __future__ import annotations

import resource
from pathlib import Path

from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.models.precision import gpu_memory_mb, gpu_seconds, reset_gpu_memory
from truestrength.trainer.run.energy import EnergyMeter
from truestrength.trainer.stages.account import Account, Stopwatch
from truestrength.trainer.stages.store import Store

_PROCESS = Path("/proc/self")
_SET_BACK_PEAK = "5"


class Meter:
    """Runs from when it is made. One at a time in a process."""

    def __init__(self, process: Path = _PROCESS) -> None:
        """Start, and let the marks of memory begin at what is held now."""
        self._process = process
        self._watch = Stopwatch()
        self._account = Account()
        self._energy = EnergyMeter()
        self._since = "attempt" if _set_back_peak(process) else "process"
        self._gpu_before = gpu_seconds()
        reset_gpu_memory()

    def reads(self, store: Store) -> None:
        """What is had from this store from now on is the attempt's."""
        store.account = self._account

    def cost(self) -> Cost:
        """Up to now."""
        elapsed = self._watch.elapsed()
        alone = self._account.alone(elapsed)
        gpu = gpu_seconds()
        trained = None if gpu is None else round(gpu - (self._gpu_before or 0.0), 4)
        joules, known_from = self._energy.joules(elapsed.seconds, elapsed.cpu_seconds, trained)
        return Cost(
            wall_seconds=round(elapsed.seconds, 4),
            cpu_seconds=round(elapsed.cpu_seconds, 4),
            waited_seconds=round(self._account.waited_seconds, 4),
            alone_seconds=None if alone is None else round(alone.seconds, 4),
            alone_cpu_seconds=None if alone is None else round(alone.cpu_seconds, 4),
            memory_mb=_peak_mb(self._process),
            memory_since=self._since,
            gpu_seconds=trained,
            gpu_memory_mb=gpu_memory_mb(),
            energy_joules=round(joules, 1),
            energy_from=known_from,
        )


def _set_back_peak(process: Path) -> bool:
    try:
        (process / "clear_refs").write_text(_SET_BACK_PEAK)
    except OSError:
        return False
    return True


def _peak_mb(process: Path) -> float:
    try:
        lines = (process / "status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kib / 1024, 1)
