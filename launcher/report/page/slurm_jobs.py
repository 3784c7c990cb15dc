"""What the jobs of sweeps asked SLURM for, beside what their workers used, and the line of the profile to change.

Surprising: SLURM is not asked, since its accounting may not be there. What was asked for stands in the file that a
plan's jobs read, and what was used is what the attempts say themselves. So a worker's memory is that of its own
process; a part is added for what stands beside it in the job.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from truestrength.launcher.report.markdown import MISSING, number, section, table
from truestrength.launcher.report.trials import Sweep, Trial
from truestrength.trainer.contract.paths.outputs import OutputsRoot

MEMORY_MARGIN, BESIDE_GB = 1.25, 0.5
"""Of a worker's peak, and for the process that started it."""
TIME_MARGIN, START_MIN = 1.5, 10
"""Of the longest worker's time, and for its start."""
WORTH_CHANGING = 1.5
"""So many times too much may stay as it is."""
TOO_LITTLE = "more is needed"


class JobRequest(msgspec.Struct, frozen=True):
    """What one worker asks for, as a profile has it; other keys are of no interest here."""

    timeout_min: int
    cpus: int | None = None
    mem_gb: float | None = None


class _Named(msgspec.Struct, frozen=True):
    batch_id: str


class _PlanFile(msgspec.Struct, frozen=True):
    profile: JobRequest
    sweeps: tuple[_Named, ...]


class Used(NamedTuple):
    """What the workers of some sweeps used at most; None where nobody knows."""

    memory_gb: float | None
    cores: float | None
    """That the attempt with the most had busy on average, without its waiting."""
    minutes: float | None
    """From the first attempt of a worker to the end of its last."""


def slurm_section(sweeps: Sequence[Sweep], outputs: OutputsRoot) -> str:
    """Asked for and used, a table for each profile; empty where nothing has run on SLURM."""
    asked = job_requests(outputs)
    together: dict[JobRequest, list[Sweep]] = {}
    for sweep in sweeps:
        if sweep.trials and (request := asked.get(sweep.spec.batch_id)):
            together.setdefault(request, []).append(sweep)
    if not together:
        return ""
    headers = ["of one worker", "asked for", "used at most", "in the profile"]
    blocks = [
        "## SLURM: asked for and used",
        "Jobs that ask for less start sooner. A line of the profile (`--cluster`) stands where less would do, or more "
        "is needed. Cores are those that were busy on average in the busiest attempt.",
    ]
    for request, own in together.items():
        blocks += [", ".join(f"`{sweep.spec.batch_id}`" for sweep in own)] if len(together) > 1 else []
        blocks.append(table(headers, list(compared(request, used_by(own))), text_columns=1))
    return section(blocks)


def job_requests(outputs: OutputsRoot) -> dict[str, JobRequest]:
    """By batch id, as the plan that was submitted last has it; a file of another version says nothing."""
    files = sorted(outputs.cluster.plan("any").parent.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
    found: dict[str, JobRequest] = {}
    for file in files:
        try:
            plan = msgspec.json.decode(file.read_bytes(), type=_PlanFile)
        except (OSError, msgspec.DecodeError):
            continue
        found |= {sweep.batch_id: plan.profile for sweep in plan.sweeps}
    return found


def used_by(sweeps: Sequence[Sweep]) -> Used:
    """The most that any worker, or attempt, used."""
    trials = [trial for sweep in sweeps for trial in sweep.trials]
    costs = [trial.cost for trial in trials if trial.cost]
    worked = [(cost.cpu_seconds, cost.wall_seconds - cost.waited_seconds) for cost in costs]
    memory = max((cost.memory_mb for cost in costs if cost.memory_mb is not None), default=None)
    return Used(
        None if memory is None else memory / 1024,
        max((cpu / wall for cpu, wall in worked if wall >= 1.0), default=None),
        max(_worker_minutes(trials), default=None),
    )


def compared(request: JobRequest, used: Used) -> Iterator[list[str]]:
    """The rows of the table."""
    memory = None if used.memory_gb is None else math.ceil(2 * (used.memory_gb * MEMORY_MARGIN + BESIDE_GB)) / 2
    yield ["memory, GiB", _shown(request.mem_gb), number(used.memory_gb, 2), _line("mem_gb", request.mem_gb, memory)]
    cores = None if used.cores is None else max(1, math.ceil(used.cores))
    yield ["cores", _shown(request.cpus), number(used.cores, 2), _line("cpus", request.cpus, cores)]
    minutes = None if used.minutes is None else math.ceil(used.minutes * TIME_MARGIN) + START_MIN
    line = _line("timeout_min", request.timeout_min, minutes)
    # A worker that meets its walltime goes on in a requeued job: no more is needed.
    yield [
        "walltime, min",
        _shown(request.timeout_min),
        number(used.minutes, 1),
        MISSING if TOO_LITTLE in line else line,
    ]


def _line(key: str, asked: float | None, enough: float | None) -> str:
    if asked is None or enough is None:
        return MISSING
    if enough > asked:
        return f"`{key}: {enough:g}` ({TOO_LITTLE})"
    return f"`{key}: {enough:g}`" if asked >= WORTH_CHANGING * enough else "as it is"


def _shown(asked: float | None) -> str:
    return "the cluster's default" if asked is None else f"{asked:g}"


def _worker_minutes(trials: Sequence[Trial]) -> list[float]:
    """Of every worker whose attempts say when they began and ended."""
    spans: dict[tuple[str, str | None, str | None, int | None], list[float]] = {}
    for trial in trials:
        if trial.started_at and trial.finished_at:
            worker = (trial.batch_id, trial.host, trial.job_id, trial.pid)
            spans.setdefault(worker, []).extend([trial.started_at.timestamp(), trial.finished_at.timestamp()])
    return [(max(moments) - min(moments)) / 60 for moments in spans.values()]
