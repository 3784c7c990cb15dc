"""Where and in which number format model A is trained, found out without importing torch where that is possible.

bf16 needs no loss scaling; fp16 does, and only CUDA has it. A CPU without bf16 units can emulate bf16, slower than
float32, so `auto` does not. The surprising one: a worker that finds model A in the store never imports torch, so this
must not ask torch either.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never

from trainer.contract.config.settings import Amp, Device
from trainer.contract.errors import ConfigError

_NVIDIA = (Path("/dev/nvidiactl"), Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
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


def gpu_memory_mb() -> float | None:
    """The most GPU memory that PyTorch has held for this process, in MiB; None where it has used no GPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return round(float(torch.cuda.max_memory_reserved()) / 2**20, 1)


def _has_cuda() -> bool:
    if not any(path.exists() for path in _NVIDIA):
        return False
    import torch  # noqa: PLC0415 - only where there is a driver to ask for

    return torch.cuda.is_available()


def _cuda_has_bf16() -> bool:
    import torch  # noqa: PLC0415 - only where there is a driver to ask for

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))
