"""Where a run came from and how it ended: `provenance.json`.

Written when the run starts (state `running`) and again when it ends, so that a run folder always says what it is.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec

from truestrength.trainer.contract.files import write_json
from truestrength.trainer.contract.records.cost import Cost

COMMIT_VARIABLE = "TRUESTRENGTH_COMMIT"
IMAGE_VARIABLE = "TRUESTRENGTH_IMAGE"
DIGEST_VARIABLE = "TRUESTRENGTH_IMAGE_DIGEST"

RunState = Literal["running", "complete", "failed", "released", "superseded", "dead"]

PACKAGES = ("truestrength", "torch", "xgboost-cpu", "scikit-learn", "numpy", "polars", "optuna", "safetensors")


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to tell a run's origin and to repeat it."""

    run_id: int
    state: RunState
    batch_id: str | None
    slot: int | None
    attempt: int | None
    reason: str | None = None
    """Why the run did not complete, or does not count."""
    started_at: str
    """UTC, ISO 8601."""
    finished_at: str | None = None
    seconds: float | None = None
    seed: int
    data_fingerprint: str
    git_commit: str | None
    git_dirty: bool | None
    """Whether the working tree differed from the commit; None where there is no git checkout (an image)."""
    image: str | None
    """The container image that the run ran in; None for a plain process."""
    image_digest: str | None
    host: str
    pid: int
    job_id: str | None
    """SLURM's or the local executor's id of the job that the worker ran in."""
    device: str
    threads: int
    gpu_memory_mb: float | None = None
    """The most GPU memory that PyTorch held for the attempt, in MiB; None without a GPU in use."""
    cost: Cost | None = None
    """Up to the run's end, whatever end that was; None while it runs, and in runs of older versions."""
    versions: dict[str, str]


def mark_ended(path: Path, state: RunState, reason: str) -> None:
    """Write into the record of a run what became of it, unless it is missing or says so already.

    A run that was superseded, or whose worker died before the ledger had its result, may have come to its end; its
    results do not count.
    """
    if not path.exists():
        return
    record = msgspec.json.decode(path.read_bytes(), type=Provenance)
    not_counted = {"superseded": {"complete", "dead"}, "dead": {"complete"}}
    if record.state in {"running", *not_counted.get(state, ())}:
        write_json(path, msgspec.structs.replace(record, state=state, reason=reason))


def gpu_memory_mb(path: Path) -> float | None:
    """The field of that name in a record; None also where it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Provenance).gpu_memory_mb
    except (OSError, msgspec.DecodeError):
        return None


def utc_now() -> str:
    """The time as the files write it: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@cache
def versions() -> dict[str, str]:
    """Versions of what computes, Python included."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout this code runs from; an image carries its commit in the environment."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=True, timeout=20
        ).stdout.strip()

    try:
        if git("ls-files", Path(__file__).name):
            return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        pass
    return os.environ.get(COMMIT_VARIABLE) or None, None


def image(environment: Mapping[str, str] = os.environ) -> tuple[str | None, str | None]:
    """Name and digest of the container image this process runs in, as whoever started the container says.

    >>> image({"TRUESTRENGTH_IMAGE": "truestrength:1.0"})
    ('truestrength:1.0', None)
    """
    return environment.get(IMAGE_VARIABLE) or None, environment.get(DIGEST_VARIABLE) or None
