"""What runs inside an element of an array, and what its batch script does when that has ended.

Surprising: the job says by its exit code that it was told to stop with work left, and its batch script requeues it, on
the host, so that nothing of SLURM is needed where the worker is, which may be a container.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from truestrength.launcher.jobs.worker_job import WorkerJob
from truestrength.trainer.contract.process import EXIT_TOLD_TO_STOP

_KILLED_BY_THE_SIGNAL = (128 + signal.SIGUSR2, 128 + signal.SIGTERM)
"""Told to stop before it could listen, while Python was still starting."""


def run_worker(job: WorkerJob) -> int:
    """Run a worker that SIGUSR2 (walltime, preemption) and SIGTERM tell to stop. Returns the exit code for SLURM."""
    signal.signal(signal.SIGUSR2, lambda *_: signal.raise_signal(signal.SIGTERM))
    code = job()
    # A worker that was killed because it did not stop in time was told to stop all the same.
    if code and job.told_to_stop:
        return EXIT_TOLD_TO_STOP
    return code if code >= 0 else 128 - code


def requeue_lines(command: str, max_tries: int) -> Sequence[str]:
    """Run the job's command, and put the job back into the queue when it was told to stop; also after a `set -e`.

    Not after `scancel`: that ends the script itself. An array's element is named in full, because the id of the array's
    last element is that of the array, and requeueing it would start all of them again. A worker that ends well has left
    no slot to anybody, so elements that still wait leave the queue: whatever follows the array need not wait for them.
    """
    codes = "|".join(str(code) for code in (EXIT_TOLD_TO_STOP, *_KILLED_BY_THE_SIGNAL))
    job = "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"
    alive = '"$(squeue --noheader --jobs="$job" --format=%T)" = RUNNING'
    return [
        "code=0",
        f"{command} || code=$?",
        f'job="{job}"',
        f'if [[ "$code" =~ ^({codes})$ && "${{SLURM_RESTART_COUNT:-0}}" -lt {max_tries} && {alive} ]]; then',
        '  echo "told to stop with work left: requeueing $job"',
        '  scontrol requeue "$job"',
        "fi",
        'if [[ "$code" = 0 && -n "${SLURM_ARRAY_JOB_ID:-}" ]]; then',
        '  scancel --state=PENDING "$SLURM_ARRAY_JOB_ID" || true',
        "fi",
        'exit "$code"',
    ]
