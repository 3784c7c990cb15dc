"""What runs inside SLURM's jobs: the worker of an array, the job that ends a sweep, and the one that ends a plan.

Surprising: submitit requeues a job from inside it, and counts a preemption as a timeout when the walltime is under ten
minutes. Here the job says by its exit code that it was told to stop, and its batch script requeues it, on the host.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from launcher.cluster import ClusterProfile
from launcher.containers import Container
from launcher.job import WorkerJob
from trainer.contract.objectives import Phase
from trainer.contract.paths import OutputsRoot

EXIT_TOLD_TO_STOP = 85
"""Of `python -m trainer work`: it was told to stop, gave back its slot, and work is left."""
_KILLED_BY_THE_SIGNAL = (128 + signal.SIGUSR2, 128 + signal.SIGTERM)
"""Told to stop before it could listen, while Python was still starting."""


@dataclass(frozen=True)
class Sweep:
    """A sweep of the plan, as the jobs know it; the rest is in the ledger."""

    batch_id: str
    phase: Phase


@dataclass(frozen=True)
class Site:
    """What the jobs of a plan have in common. It is pickled into each of them, so it holds no secret."""

    profile: ClusterProfile
    outputs: OutputsRoot
    """An absolute path."""
    token: str
    """Of the outputs root; part of every job's name."""
    n_jobs: int
    plan: str
    """`slurm_names.plan_name`."""
    sweeps: tuple[Sweep, ...]
    sequential: bool
    container: Container | None = None
    """What workers run in; None: plain processes."""
    share: bool = True
    """Whether trials read each other's results and trained models."""
    whole: bool = False
    """All of Phase I: it ends with the held-out season."""

    @property
    def batch_ids(self) -> list[str]:
        """Of the sweeps, in the plan's order."""
        return [sweep.batch_id for sweep in self.sweeps]


class ArrayWorker:
    """One element of a sweep's array: a worker, told to stop by SIGUSR2 (walltime, preemption) or SIGTERM."""

    def __init__(self, job: WorkerJob) -> None:
        """Run `job` when called."""
        self.job = job

    def __call__(self) -> None:
        """Run the worker; SLURM sees its exit code."""
        # Instead of submitit's handler, which would requeue the job from in here.
        signal.signal(signal.SIGUSR2, lambda *_: signal.raise_signal(signal.SIGTERM))
        code = self.job()
        # A worker that was killed because it did not stop in time was told to stop all the same.
        _exit(EXIT_TOLD_TO_STOP if code and self.job.told_to_stop else code)


class SweepFinisher:
    """The job after a sweep's array: writes the results, and sends missing work back to the queue."""

    def __init__(self, site: Site, batch_id: str, tries: int, closed: int) -> None:
        """Remember what was left to do.

        Args:
            site: Of the plan.
            batch_id: The sweep.
            tries: How many arrays may still end without one more trial done or failed.
            closed: Trials done or failed when its array was submitted.
        """
        self.site = site
        self.batch_id = batch_id
        self.tries = tries
        self.closed = closed

    def __call__(self) -> None:
        """Finish the sweep; exit code 1 when it is given up incomplete."""
        from launcher.slurm_plan import finish_sweep  # noqa: PLC0415 - it submits jobs of this module's kinds

        _exit(finish_sweep(self))


class PlanFinisher:
    """The last job of a plan: the analysis over all sweeps, and whatever was lost on the way."""

    def __init__(self, site: Site, *, again: bool) -> None:
        """Remember whether it may send what is missing back to the queue."""
        self.site = site
        self.again = again

    def __call__(self) -> None:
        """Finish the plan; exit code 1 when a sweep is not complete."""
        from launcher.slurm_plan import finish_plan  # noqa: PLC0415 - it submits jobs of this module's kinds

        _exit(finish_plan(self))


def requeue_lines(max_tries: int) -> Sequence[str]:
    """What the batch script does after the job: put it back into the queue when it was told to stop.

    Not after `scancel`: that ends the script itself. An array's element is named in full, because the id of the array's
    last element is that of the array, and requeueing it would start all of them again.
    """
    codes = "|".join(str(code) for code in (EXIT_TOLD_TO_STOP, *_KILLED_BY_THE_SIGNAL))
    job = "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"
    alive = '"$(squeue --noheader --jobs="$job" --format=%T)" = RUNNING'
    return [
        "code=$?",
        f'job="{job}"',
        f'if [[ "$code" =~ ^({codes})$ && "${{SLURM_RESTART_COUNT:-0}}" -lt {max_tries} && {alive} ]]; then',
        '  echo "told to stop with work left: requeueing $job"',
        '  scontrol requeue "$job"',
        "fi",
        'exit "$code"',
    ]


def _exit(code: int) -> None:
    if code:
        raise SystemExit(code if code > 0 else 128 - code)
