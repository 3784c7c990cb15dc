"""The energy of an attempt, as an estimate, and what the estimate rests on.

A processor's counter (RAPL) counts the whole package: an attempt has the share of it that it has of the machine's busy
CPU time. Where there is no counter, or only root may read it (Linux since 5.10, CVE-2020-8694), CPU seconds count times
a stated figure. A GPU's counter (NVML) counts all that runs on it meanwhile; without it GPU seconds count times a
stated figure.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from truestrength.trainer.contract.records.cost import WATTS_OF_A_CORE, WATTS_OF_A_GPU

MOST_WATTS_OF_A_PACKAGE = 1000.0
"""At which a counter could have come around more than once."""
_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)
"""Places of idle and iowait in the first line of /proc/stat; guests (8, 9) are in user already."""


class EnergyMeter:
    """Runs from when it is made."""

    def __init__(
        self, powercap: Path = Path("/sys/class/powercap"), machine: Path = Path("/proc/stat"), nvml: str | None = None
    ) -> None:
        """Read the counters that may be read.

        Args:
            powercap: the kernel's folder of processors' counters.
            machine: the machine's times.
            nvml: the library that knows GPUs (NVIDIA's).
        """
        self._powercap = powercap
        self._machine = machine
        self._nvml = nvml or "libnvidia-ml.so.1"
        self._packages = _packages(powercap)
        self._busy = _busy_seconds(machine)
        self._gpu = _gpu_joules(self._nvml)

    def joules(self, seconds: float, cpu_seconds: float, gpu_seconds: float | None) -> tuple[float, str]:
        """What an attempt used, and from what that is known: `rapl` or `cpu_seconds`, then `+nvml` or `+gpu_seconds`.

        Args:
            seconds: since the meter was made.
            cpu_seconds: of the attempt.
            gpu_seconds: of the attempt; None without a GPU.
        """
        package = self._package_joules(seconds)
        busy = _busy_seconds(self._machine) - self._busy
        if package is not None and busy > 0:
            used, source = package * min(1.0, cpu_seconds / busy), "rapl"
        else:
            used, source = cpu_seconds * WATTS_OF_A_CORE, "cpu_seconds"
        if gpu_seconds is None:
            return used, source
        gpu = _gpu_joules(self._nvml)
        if gpu is not None and self._gpu is not None:
            return used + gpu - self._gpu, f"{source}+nvml"
        return used + gpu_seconds * WATTS_OF_A_GPU, f"{source}+gpu_seconds"

    def _package_joules(self, seconds: float) -> float | None:
        """Of all packages since the meter was made; None where a counter is missing or may have come around twice."""
        now = _packages(self._powercap)
        if not now or now.keys() != self._packages.keys():
            return None
        total = 0.0
        for name, (counted, most) in now.items():
            if seconds * MOST_WATTS_OF_A_PACKAGE > most:
                return None
            difference = counted - self._packages[name][0]
            total += difference if difference >= 0 else difference + most
        return total


def _packages(powercap: Path) -> dict[str, tuple[float, float]]:
    """Joules counted, and those at which the counter begins anew, by package; empty where they may not be read."""
    found = {}
    with suppress(OSError, ValueError):
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if (zone / "name").read_text(encoding="ascii").startswith("package"):
                files = (zone / "energy_uj", zone / "max_energy_range_uj")
                counted, most = (int(file.read_text(encoding="ascii")) / 1e6 for file in files)
                found[zone.name] = (counted, most)
        return found
    return {}


def _busy_seconds(machine: Path) -> float:
    """CPU seconds that the machine has been busy since it was started; 0 where it does not tell."""
    with suppress(OSError, ValueError, IndexError):
        ticks = [int(word) for word in machine.read_text(encoding="ascii").splitlines()[0].split()[1:9]]
        return sum(count for place, count in enumerate(ticks) if place not in _IDLE) / _TICKS
    return 0.0


def _gpu_joules(library: str) -> float | None:
    """What the GPU in use has counted since its driver was loaded; None without one, or without a counter."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    with suppress(OSError, AttributeError, RuntimeError):
        name = f"GPU-{torch.cuda.get_device_properties(torch.cuda.current_device()).uuid}"
        nvml = ctypes.CDLL(library)
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        if (
            nvml.nvmlInit_v2() == 0
            and nvml.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle)) == 0
            and nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)) == 0
        ):
            return millijoules.value / 1000
    return None
