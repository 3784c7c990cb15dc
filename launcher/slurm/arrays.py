"""The jobs of a plan as batch scripts, and their submission: an array of workers, and the small job after it.

Surprising: every script is a command and names files only. Nothing is pickled, so a job that waits for days starts the
code that is there by then; and a launcher that dies right after sbatch leaves a whole job, not half of one.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from truestrength.launcher.jobs.worker_job import WorkerJob
from truestrength.launcher.slurm import programs
from truestrength.launcher.slurm.array_worker import requeue_lines
from truestrength.launcher.slurm.batch_script import (
    Option,
    batch_script,
    environment_lines,
    log_pattern,
    setup_lines,
    tolerant_setup_lines,
)
from truestrength.launcher.slurm.names import JobName
from truestrength.launcher.slurm.profile import MEMORY_OPTIONS, ClusterProfile
from truestrength.launcher.slurm.programs import QueuedJob, SlurmError
from truestrength.launcher.slurm.queue import own_jobs
from truestrength.launcher.slurm.site import Site
from truestrength.launcher.trainer_commands import work
from truestrength.trainer.contract import files
from truestrength.trainer.contract.paths.outputs import submission_folder, submission_script
from truestrength.trainer.contract.process import thread_environment

PATIENCE_S = 120.0
"""For a person at the login node."""
PATIENCE_IN_JOB_S = 900.0
GRACE_S = 15
"""Seconds between the last moment for a worker to stop by itself and the end of its walltime."""


@dataclass(frozen=True)
class Submission:
    """What one call of sbatch is made from."""

    name: JobName
    size: int
    """Elements of the array; 1 is a job that is no array."""
    jobs: Path
    """Where a folder for its script and logs is made."""
    options: Mapping[str, Option]
    """Of sbatch, but for those that name the folder."""
    parts: Sequence[Sequence[str]]
    """Of the script."""
    shared: Path | None = None
    """Where the folder really lies, when not in `jobs`."""

    def script(self, folder: Path) -> str:
        """The batch script, when its folder is this one."""
        log = log_pattern(folder.absolute(), array=self.size > 1)
        return batch_script({**self.options, "comment": folder.name, "output": log}, *self.parts)


@dataclass(frozen=True)
class Slurm:
    """SLURM as the chain of a plan's jobs uses it, with patience while it does not answer."""

    token: str
    """Of the outputs root whose jobs are seen."""
    own_id: str | None = None
    """Of the finisher that this process is; None for a command that a person started, be it inside a job."""

    @property
    def patience_s(self) -> float:
        """How long to wait for a SLURM that does not answer."""
        return PATIENCE_IN_JOB_S if self.own_id else PATIENCE_S

    def jobs(self) -> list[QueuedJob]:
        """The live jobs of the outputs root."""
        return programs.patiently(lambda: own_jobs({self.token}), self.patience_s)

    def names(self) -> dict[str, str]:
        """The names of all jobs of the user that wait or run, by id."""
        return {job.array_id: job.name for job in programs.patiently(programs.queue, self.patience_s)}

    def largest_array(self) -> int:
        """The most elements that an array may have."""
        return programs.patiently(programs.max_array_size, self.patience_s)

    def submit(self, submission: Submission) -> str:
        """Submit a job or an array once, however often SLURM does not answer. Returns its id.

        Raises:
            LimitReachedError: there are as many jobs as may be.
            SlurmError: SLURM refuses it.
            SlurmAwayError: SLURM did not answer for `patience_s` seconds.
        """
        folder = _make_folder(submission)
        script = submission_script(folder)
        files.write_text(script, submission.script(folder))
        asked = False

        def once() -> str:
            nonlocal asked
            if asked and (known := _submitted_as(folder.name)):  # its answer was lost
                return known
            asked = True
            if found := programs.sbatch(script) or _submitted_as(folder.name):
                return found
            raise SlurmError(f"sbatch has named no job id for {script}, and the queue has no job with its comment")

        return programs.patiently(once, self.patience_s)

    def cancel(self, array_ids: Sequence[str]) -> None:
        """End jobs, waiting or running."""
        programs.patiently(lambda: programs.cancel(array_ids), self.patience_s)

    def let_wait(self, job: QueuedJob, array_ids: Sequence[str]) -> None:
        """Let a job that has not started wait for these jobs, and for no others."""
        programs.patiently(lambda: programs.let_wait(job, array_ids), self.patience_s)

    def ended(self, job_ids: Sequence[str]) -> dict[str, list[str]]:
        """How jobs ended, as far as accounting knows."""
        return programs.ended(job_ids)


def workers(site: Site, batch_id: str, n_workers: int, after: Sequence[str], largest: int) -> list[Submission]:
    """Arrays of `n_workers` workers in all (none for 0 or fewer), none larger than `largest`.

    An element has one worker, or all that share its GPU.
    """
    profile = site.profile
    together = profile.workers_per_gpu
    n_elements = -(-n_workers // together)
    sizes = [min(largest, n_elements - start) for start in range(0, n_elements, largest)]
    at_once = -(-(profile.array_parallelism or n_workers) // together)
    # srun does not take these over from sbatch.
    step = ["srun", "--unbuffered", *([f"--ntasks={together}"] if together > 1 else [])]
    step += [f"--cpus-per-task={profile.cpus}"] if profile.cpus else []
    command = _launcher(profile.python or site.python, "worker", site.file, "--batch-id", batch_id)
    parts = (
        environment_lines(site.outputs.cluster.environment),
        setup_lines(profile.setup),
        requeue_lines(f"{shlex.join(step)} {command}", profile.max_tries),
    )
    name = JobName(batch_id, "work", site.token)
    options = {"job-name": str(name), **worker_options(profile), **_dependency(after)}
    jobs = site.outputs.sweep(batch_id).jobs
    return [
        Submission(name, size, jobs, {**options, **_array(size, at_once * size // n_elements)}, parts, _shared(site))
        for size in sizes
    ]


def finisher(site: Site, name: JobName, words: Sequence[str], after: Sequence[str]) -> Submission:
    """A small job on one node, outside any container, that itself may submit jobs.

    Its interpreter is the launcher's own wherever that works on the node, so what a profile says of the workers cannot
    stop the job that has to report it.
    """
    python, other = site.python, site.profile.python
    lines = [f"python={shlex.quote(python)}"]
    if other and other != python:
        lines.append(f'"$python" -m launcher --help > /dev/null 2>&1 || python={shlex.quote(other)}')
    command = shlex.join(["-u", "-m", "truestrength.launcher", "finish", str(site.file), *words])
    parts = (
        environment_lines(site.outputs.cluster.environment),
        tolerant_setup_lines(site.profile.setup),  # a container's runtime may come from it
        [*lines, *_again_when_there_is_no_room(f'"$python" {command}')],
    )
    options = {"job-name": str(name), **finisher_options(site.profile), **_dependency(after)}
    return Submission(name, 1, site.outputs.cluster.jobs, options, parts, _shared(site))


def worker_job(site: Site, batch_id: str, gpu: Mapping[str, str | None] | None = None) -> WorkerJob:
    """The worker of a sweep, by the same command as on any machine; its threads are its share of its job's CPUs.

    Args:
        site: Of the plan.
        batch_id: The sweep.
        gpu: Variables that say which device it has, where SLURM does not say so itself.
    """
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    threads = site.profile.cpus or max(1, (int(given) if given.isdigit() else 1) // site.profile.workers_per_gpu)
    words = work(batch_id, threads, share=site.share)
    grace_s = max(1, site.profile.signal_delay_s - GRACE_S)
    python = site.profile.python or site.python
    return WorkerJob(words, {**thread_environment(threads), **(gpu or {})}, grace_s, site.container, python)


def worker_options(profile: ClusterProfile) -> dict[str, Option]:
    """What a worker's job asks for."""
    return {
        **_common(profile),
        "partition": profile.partition,
        "qos": profile.qos,
        "constraint": profile.constraint,
        "gres": profile.gres,
        "gpus-per-node": profile.gpus or None,
        "cpus-per-task": profile.cpus,
        "mem": _megabytes(profile.mem_gb, profile.workers_per_gpu),
        "ntasks-per-node": profile.workers_per_gpu,
        "time": profile.timeout_min,
        "signal": f"USR2@{profile.signal_delay_s}",
        **profile.options,
    }


def finisher_options(profile: ClusterProfile) -> dict[str, Option]:
    """What a finisher's job asks for: no GPU, and memory as the profile says it for finishers, or for all jobs."""
    own = profile.finisher
    further = {name: value for name, value in profile.options.items() if "gpu" not in name}
    if own.mem_gb:
        further = {name: value for name, value in further.items() if name not in MEMORY_OPTIONS}
    return {
        **_common(profile),
        "partition": own.partition or profile.partition,
        "qos": own.qos or profile.qos,
        "cpus-per-task": own.cpus,
        "mem": _megabytes(own.mem_gb),
        "time": own.timeout_min,
        **further,
    }


def _common(profile: ClusterProfile) -> dict[str, Option]:
    return {
        "account": profile.account,
        "export": "NIL",
        "kill-on-invalid-dep": "yes",
        "nodes": 1,
        "ntasks-per-node": 1,
        "open-mode": "append",
        "requeue": True,
    }


def _dependency(after: Sequence[str]) -> dict[str, Option]:
    return {"dependency": f"afterany:{':'.join(after)}"} if after else {}


def _array(size: int, at_once: int) -> dict[str, Option]:
    return {"array": f"0-{size - 1}%{max(1, at_once)}"} if size > 1 else {}


def _launcher(python: str, *words: str | Path) -> str:
    return shlex.join([python, "-u", "-m", "truestrength.launcher", *map(str, words)])


def _again_when_there_is_no_room(command: str) -> list[str]:
    """A finisher that could not submit what has to follow goes back into the queue, where it keeps its place."""
    return [
        "code=0",
        f"{command} || code=$?",
        f'if [ "$code" = {os.EX_TEMPFAIL} ]; then scontrol requeue "$SLURM_JOB_ID"; fi',
        'exit "$code"',
    ]


def _submitted_as(comment: str) -> str | None:
    return next((job.array_id for job in programs.queue() if job.comment == comment), None)


def _shared(site: Site) -> Path | None:
    return Path(site.profile.shared_folder).absolute() / site.token if site.profile.shared_folder else None


def _make_folder(submission: Submission) -> Path:
    files.make_private(submission.jobs)
    folder = submission_folder(submission.jobs)
    if submission.shared:
        real = submission.shared / folder.name
        files.make_private(real)
        folder.symlink_to(real)
    else:
        folder.mkdir()
    return folder


def _megabytes(gigabytes: float | None, times: int = 1) -> str | None:
    return None if gigabytes is None else f"{round(gigabytes * 1024) * times}M"
