"""The GPUs of this machine and the MIG slices that some are cut into, dealt out to workers.

Surprising: a process sees one slice at most, whatever CUDA_VISIBLE_DEVICES lists, and a GPU that is cut into slices is
no device of its own any more. So each slice is dealt out like a GPU.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.provenance import gpu_memory_mb
from truestrength.trainer.contract.text_table import counted

VISIBLE = "CUDA_VISIBLE_DEVICES"
CONTEXT_MB = 600.0
"""What CUDA itself takes of a GPU's memory for a process, beside what is measured of its tensors; a cautious guess."""
TIMEOUT_S = 60
_GPU = re.compile(r"GPU (\d+): .*\(UUID: (GPU-[\w-]+)\)")
_SLICE = re.compile(r"\s+MIG (\S+)\s.*\(UUID: (MIG-[\w/-]+)\)")
_GIGABYTES = re.compile(r"\.(\d+)gb")


@dataclass(frozen=True)
class Device:
    """What one value of CUDA_VISIBLE_DEVICES names."""

    name: str
    slice: bool = False
    """Whether it is a MIG slice, which one worker gets alone."""
    memory_mb: float | None = None


def devices(environment: Mapping[str, str] = os.environ) -> list[Device]:
    """The devices that a process with this environment may use, in order."""
    here = _listed()
    named = environment.get(VISIBLE)
    if named is None:
        return [device for _, found in here for device in found]
    return [device for name in named.split(",") if name.strip() for device in _named(name.strip(), here)]


def deal(found: Sequence[Device], worker: int, workers_per_gpu: int | None) -> str | None:
    """The device of a worker: each gets one more in turn, until `workers_per_gpu` have each GPU and one each slice.

    Args:
        found: What there is; none: None is returned.
        worker: Its number, from 0.
        workers_per_gpu: None: as many as there are.
    """
    if not found:
        return None
    if workers_per_gpu is None:
        return found[worker % len(found)].name
    rounds = range(workers_per_gpu)
    places = [device.name for i in rounds for device in found if i == 0 or not device.slice]
    return places[worker % len(places)]


def check(found: Sequence[Device], n_workers: int, workers_per_gpu: int, peak_mb: float | None) -> None:
    """Refuse more workers than the devices have room for.

    Args:
        found: What there is.
        n_workers: That run at once.
        workers_per_gpu: That share a GPU.
        peak_mb: What a worker has been seen to take of a GPU's memory; None: nobody has looked yet.

    Raises:
        ConfigError: what was asked for, what there is, and what to ask for.
    """
    sharing = counted(workers_per_gpu, "worker") + " a GPU"
    if not found:
        raise ConfigError(f"{sharing}: this machine has no GPU (`nvidia-smi -L` lists none)")
    slices = sum(device.slice for device in found)
    gpus = len(found) - slices
    room = slices + gpus * workers_per_gpu
    if n_workers > room:
        there = [counted(n, what) for n, what in ((gpus, "GPU"), (slices, "MIG slice")) if n]
        raise ConfigError(
            f"{counted(n_workers, 'worker')}: {' and '.join(there)} have room for {room} ({sharing}, one a slice): "
            f"--n-jobs {room}, or more workers a GPU"
        )
    for device in found:
        if peak_mb is not None and device.memory_mb is not None:
            at_once = 1 if device.slice else min(workers_per_gpu, -(-n_workers // len(found)))
            _check_memory(device, at_once, peak_mb, device.memory_mb)


def _check_memory(device: Device, at_once: int, peak_mb: float, memory_mb: float) -> None:
    each = peak_mb + CONTEXT_MB
    if at_once * each > memory_mb:
        raise ConfigError(
            f"{counted(at_once, 'worker')} on {device.name}: one has taken {peak_mb:.0f} MB of a GPU, with about "
            f"{CONTEXT_MB:.0f} MB for CUDA that is {at_once * each:.0f} MB, and there are {memory_mb:.0f} MB: room for "
            f"{int(memory_mb // each)}"
        )


def measured_peak_mb(outputs: OutputsRoot) -> float | None:
    """The most GPU memory that a run of this outputs root has said it took; None when none has."""
    said = (gpu_memory_mb(path) for path in outputs.provenance_files())
    return max((peak for peak in said if peak is not None), default=None)


def _listed() -> list[tuple[tuple[str, str], list[Device]]]:
    """Each GPU's index and UUID, and the devices that it is: itself, or its slices."""
    memory = {
        row[0]: float(row[1]) for row in _rows(_ask("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits"))
    }
    found: list[tuple[tuple[str, str], list[Device]]] = []
    for line in _ask("-L").splitlines():
        if gpu := _GPU.match(line):
            found.append(((gpu[1], gpu[2]), [Device(gpu[1], memory_mb=memory.get(gpu[2]))]))
        elif (part := _SLICE.match(line)) and found:
            size = _GIGABYTES.search(part[1])
            before = [device for device in found[-1][1] if device.slice]
            found[-1][1][:] = [*before, Device(part[2], slice=True, memory_mb=1024.0 * int(size[1]) if size else None)]
    if found:
        return found
    files = sorted(Path("/dev").glob("nvidia[0-9]*"))
    return [((name, name), [Device(name)]) for name in (path.name.removeprefix("nvidia") for path in files)]


def _named(name: str, here: Sequence[tuple[tuple[str, str], list[Device]]]) -> list[Device]:
    """What a part of CUDA_VISIBLE_DEVICES means: an index, (the beginning of) a UUID, or a slice."""
    for (index, uuid), found in here:
        if name == index or (name.startswith("GPU-") and uuid.startswith(name)):
            return found if found[0].slice else [Device(name, memory_mb=found[0].memory_mb)]
        for device in found:
            if device.slice and device.name == name:
                return [device]
    return [Device(name, slice=name.startswith("MIG-"))]


def _rows(text: str) -> list[list[str]]:
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    return [row for row in rows if len(row) == 2 and row[1].replace(".", "", 1).isdigit()]


def _ask(*words: str) -> str:
    """What nvidia-smi answers; nothing where it does not work or is not there."""
    try:
        done = subprocess.run(["nvidia-smi", *words], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
