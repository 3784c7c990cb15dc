"""What runs inside SLURM's jobs: the worker of an array, the job that ends a sweep, and the one that ends a plan.

Surprising: submitit requeues a job from inside it, and counts a preemption as a timeout when the walltime is under ten
minutes. Here the job says by its exit code that it was told to stop, and its batch script requeues it, on the host.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from launcher.jobs.worker_job import WorkerJob
from trainer.contract.process import EXIT_TOLD_TO_STOP

_KILLED_BY_THE_SIGNAL = (128 + signal.SIGUSR2, 128 + signal.SIGTERM)
"""Told to stop before it could listen, while Python was still starting."""


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
        exit_with(EXIT_TOLD_TO_STOP if code and self.job.told_to_stop else code)


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


def exit_with(code: int) -> None:
    """End this process as one that a signal killed, where `code` is negative; 0 goes on."""
    if code:
        raise SystemExit(code if code > 0 else 128 - code)
