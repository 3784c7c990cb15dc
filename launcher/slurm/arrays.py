"""Submits jobs to SLURM through submitit: resources, files, and submissions that can be repeated.

Surprising: submitit gives an array its work after sbatch has answered. A launcher that dies in between leaves an array
whose elements wait for a minute and fail; `complete` gives them their work when the command is repeated.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import submitit
from submitit.core.utils import DelayedSubmission, FailedJobError, FailedSubmissionError, JobPaths

from launcher.jobs.worker_job import WorkerJob
from launcher.slurm import environment, programs
from launcher.slurm.array_worker import ArrayWorker, requeue_lines
from launcher.slurm.names import JobName
from launcher.slurm.profile import ClusterProfile
from launcher.slurm.programs import QueuedJob
from launcher.slurm.site import Site
from launcher.trainer_commands import work
from trainer.contract import files
from trainer.contract.errors import UserError
from trainer.contract.paths.outputs import submission_folder
from trainer.contract.process import thread_environment

Call = Callable[[], None]

PATIENCE_S = 120.0
"""For a person at the login node."""
PATIENCE_IN_JOB_S = 900.0
GRACE_S = 15
"""Seconds between the last moment for a worker to stop by itself and the end of its walltime."""


class Submission(NamedTuple):
    """What one call of sbatch is made from."""

    name: JobName
    jobs: Path
    """Where a folder for its files is made."""
    calls: Sequence[Call]
    """One for each element of the array."""
    parameters: dict[str, Any]
    """For submitit."""
    python: str
    shared: Path | None
    """Where the folder for its files really lies, when not in `jobs`."""


def workers(site: Site, batch_id: str, n_workers: int, after: Sequence[str]) -> list[Submission]:
    """Arrays of `n_workers` workers in all (none for 0 or fewer), each as large as the cluster allows."""
    largest = programs.patiently(programs.max_array_size, patience_s())
    sizes = [min(largest, n_workers - start) for start in range(0, n_workers, largest)]
    at_once = site.profile.array_parallelism or n_workers
    parameters = {
        **worker_parameters(site.profile),
        **_common(site, after),
        # srun does not take this over from sbatch.
        "srun_args": [f"--cpus-per-task={site.profile.cpus}"],
        "teardown": list(requeue_lines(site.profile.max_tries)),
    }
    return [
        _submission(
            site,
            JobName(batch_id, "work", site.token),
            [ArrayWorker(worker_job(site, batch_id)) for _ in range(size)],
            {**parameters, "array_parallelism": max(1, at_once * size // n_workers)},
        )
        for size in sizes
    ]


def finisher(site: Site, name: JobName, call: Call, after: Sequence[str]) -> Submission:
    """A small job on one node, outside any container, that itself may submit jobs."""
    parameters = {**finisher_parameters(site.profile), **_common(site, after), "use_srun": False}
    return _submission(site, name, [call], parameters)


def worker_job(site: Site, batch_id: str) -> WorkerJob:
    """The worker of a sweep, by the same command as on any machine."""
    threads = site.profile.cpus
    words = work(batch_id, threads, share=site.share)
    grace_s = max(1, site.profile.signal_delay_s - GRACE_S)
    return WorkerJob(words, thread_environment(threads), grace_s, site.container, _python(site))


def worker_parameters(profile: ClusterProfile) -> dict[str, Any]:
    """What a worker's job asks for, as sbatch calls it."""
    wanted = {
        "partition": profile.partition,
        "qos": profile.qos,
        "constraint": profile.constraint,
        "gres": profile.gres,
        "gpus_per_node": profile.gpus or None,
        "cpus_per_task": profile.cpus,
        "mem": _megabytes(profile.mem_gb),
        "time": profile.timeout_min,
        "signal_delay_s": profile.signal_delay_s,
        "ntasks_per_node": 1,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def finisher_parameters(profile: ClusterProfile) -> dict[str, Any]:
    """What a finisher's job asks for, as sbatch calls it."""
    own = profile.finisher
    wanted = {
        "partition": own.partition or profile.partition,
        "qos": own.qos or profile.qos,
        "cpus_per_task": own.cpus,
        "mem": _megabytes(own.mem_gb),
        "time": own.timeout_min,
        "ntasks_per_node": 1,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def patience_s() -> float:
    """How long to wait for a SLURM that does not answer."""
    return PATIENCE_IN_JOB_S if "SLURM_JOB_ID" in os.environ else PATIENCE_S


def submit(submission: Submission) -> str:
    """Submit a job or an array once, however often SLURM does not answer. Returns its id.

    Raises:
        SlurmError: SLURM refuses it.
        SlurmAwayError: SLURM did not answer for `patience_s()` seconds.
    """
    folder = _make_folder(submission)
    asked = False

    def once() -> str:
        nonlocal asked
        if asked:  # sbatch may have done its work although its answer was lost
            for job in programs.queue():
                if job.comment == folder.name:
                    complete(submission, job)
                    return job.array_id
        asked = True
        return _sbatch(submission, folder)

    return programs.patiently(once, patience_s())


def complete(submission: Submission, job: QueuedJob) -> None:
    """Give a job of an interrupted submission the file that it waits for; does nothing when it is there."""
    folder = submission.jobs / job.comment
    if not job.comment or not folder.is_dir():
        return
    for job_id in programs.elements(job.job_id):
        path = JobPaths(folder, job_id).submitted_pickle
        if not path.exists():
            delayed = DelayedSubmission(submission.calls[0])
            delayed.set_timeout(submission.parameters["time"], 0)
            delayed.dump(path)


def _submission(site: Site, name: JobName, calls: Sequence[Call], parameters: dict[str, Any]) -> Submission:
    outputs = site.outputs
    jobs = outputs.sweep(name.batch_id).jobs if name.kind == "work" else outputs.cluster.jobs
    shared = Path(site.profile.shared_folder).absolute() / site.token if site.profile.shared_folder else None
    return Submission(name, jobs, calls, parameters, _python(site), shared)


def _python(site: Site) -> str:
    """The interpreter that has this project, as the nodes see it."""
    return site.profile.python or sys.executable


def _make_folder(submission: Submission) -> Path:
    files.make_private(submission.jobs)
    folder = submission_folder(submission.jobs)
    if submission.shared:
        real = submission.shared / folder.name
        files.make_private(real)
        folder.symlink_to(real)
    return folder


def _megabytes(gigabytes: float) -> str:
    return f"{round(gigabytes * 1024)}M"


def _common(site: Site, after: Sequence[str]) -> dict[str, Any]:
    profile = site.profile
    options = {"export": "NIL", "requeue": True, "kill-on-invalid-dep": "yes", **profile.sbatch}
    common = {
        "setup": environment.setup_lines(site.outputs.cluster.environment, profile.setup),
        "stderr_to_stdout": True,
        "additional_parameters": options,
        **({"account": profile.account} if profile.account else {}),
    }
    return common | ({"dependency": f"afterany:{':'.join(after)}"} if after else {})


@contextmanager
def _own_job_hidden() -> Iterator[None]:
    """Keep from sbatch what belongs to the job that this is; SBATCH_EXPORT would win over the script's own word."""
    names = [n for n in os.environ if (n.startswith("SLURM_") and n != "SLURM_CONF") or n == "SBATCH_EXPORT"]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _sbatch(submission: Submission, folder: Path) -> str:
    # submitit pastes it into the script as it is.
    executor = submitit.SlurmExecutor(folder, max_num_timeout=0, python=shlex.quote(submission.python))
    try:
        executor.update_parameters(job_name=str(submission.name), comment=folder.name, **submission.parameters)
        with _own_job_hidden():
            jobs = executor.submit_array(submission.calls)
    except (FailedJobError, FailedSubmissionError) as error:
        raise programs.failure("sbatch", str(error)) from None
    except RuntimeError as error:
        raise UserError(f"--executor slurm: {error}") from None
    return str(jobs[0].job_id.partition("_")[0])
