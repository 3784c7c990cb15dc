"""Where and in which number format model A is trained, found out without importing torch where that is possible.

bf16 needs no loss scaling; fp16 does, and only CUDA has it. A CPU without bf16 units can emulate bf16, slower than
float32, so `auto` does not. The surprising one: a worker that finds model A in the store never imports torch, so this
must not ask torch either.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from truestrength.trainer.contract.config.settings import Amp, Device
from truestrength.trainer.contract.errors import ConfigError

_NVIDIA = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
_spent: dict[str, float] = {}
_BF16_UNITS = {"avx512_bf16", "amx_bf16"}


@dataclass(frozen=True)
class Precision:
    """A device and the format of its matrix products; losses are always float32."""

    device: Literal["cpu", "cuda"]
    autocast: Literal["bf16", "fp16"] | None

    @property
    def name(self) -> str:
        """As logs and identities have it: "cpu/off", "cuda/bf16"."""
        return f"{self.device}/{self.autocast or 'off'}"


def choose_precision(amp: Amp, device: Device) -> Precision:
    """Resolve `training.amp` and `training.device` on this machine.

    Raises:
        ConfigError: for CUDA where there is none, or fp16 without CUDA.
    """
    cuda = device != "cpu" and _has_cuda()
    if device == "cuda" and not cuda:
        raise ConfigError("training.device: cuda is not available on this machine. Use auto or cpu")
    where: Literal["cpu", "cuda"] = "cuda" if cuda else "cpu"
    if amp == "fp16" and not cuda:
        raise ConfigError("training.amp: fp16 needs CUDA, and model A is trained on the CPU. Use auto, bf16 or off")
    match amp:
        case "off":
            return Precision(where, None)
        case "bf16" | "fp16":
            return Precision(where, amp)
        case "auto" if cuda:
            return Precision(where, "bf16" if _cuda_has_bf16() else "fp16")
        case "auto":
            return Precision(where, "bf16" if cpu_has_bf16_units() else None)
    assert_never(amp)


def cpu_has_bf16_units(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bf16 in hardware (AVX512_BF16 or AMX); False where nobody says."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(_BF16_UNITS & set(flags.split()))


@contextmanager
def timed(precision: Precision) -> Iterator[None]:
    """Count the wall time of the body as time on the GPU, where `precision` is one. The body ends with its results."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        if precision.device == "cuda":
            _spent["gpu"] = _spent.get("gpu", 0.0) + time.perf_counter() - begun


def gpu_seconds() -> float | None:
    """Wall seconds in which this process has trained on a GPU; None where it has used none."""
    return _spent.get("gpu", 0.0) if _gpu_in_use() else None


def gpu_memory_mb() -> float | None:
    """The most GPU memory that PyTorch has held since `reset_gpu_memory`, in MiB; None where it has used no GPU."""
    if not _gpu_in_use():
        return None
    return round(float(sys.modules["torch"].cuda.max_memory_reserved()) / 2**20, 1)


def reset_gpu_memory() -> None:
    """Let the mark of `gpu_memory_mb` begin at what is held now."""
    if _gpu_in_use():
        sys.modules["torch"].cuda.reset_peak_memory_stats()


def _gpu_in_use() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())


def _has_cuda() -> bool:
    if not any(path.exists() for path in _NVIDIA):
        return False
    import torch  # noqa: PLC0415 - only where there is a driver to ask for

    return torch.cuda.is_available()


def _cuda_has_bf16() -> bool:
    import torch  # noqa: PLC0415 - only where there is a driver to ask for

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
