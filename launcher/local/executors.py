"""Submits arrays of workers through submitit, each array into a folder of its own.

Surprising: a LocalExecutor job's id is a pid, and submitit takes an old result in the same folder under the same id
for the new job's; and it hides every GPU from its jobs unless told otherwise. Its results are pickles, which are never
loaded here: they would run whatever somebody has put there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Protocol

import submitit

from launcher.containers.settings import Container
from launcher.jobs.devices import VISIBLE, Device, deal, devices
from launcher.jobs.worker_job import WorkerJob, exit_code, start_tethered
from launcher.local.signals import interrupts_ignored
from launcher.trainer_commands import WorkerWords, work
from trainer.contract import files
from trainer.contract.ledger import WorkerRow
from trainer.contract.paths.outputs import submission_folder
from trainer.contract.process import host, thread_environment, threads_per_worker

LOCAL_TIMEOUT_MIN = 7 * 24 * 60
"""submitit's default is 2 minutes; on one machine nobody else waits for the cores."""
GRACE_S = 60.0
"""Seconds from being told to stop to being killed."""


class Array(Protocol):
    """Workers that were submitted together."""

    @property
    def logs(self) -> list[Path]:
        """What each worker says, by its number in the array."""

    def owns(self, worker: WorkerRow) -> bool:
        """Whether a worker of the ledger is one of these."""

    def alive(self) -> int:
        """How many run or wait in a queue."""

    def exit_codes(self) -> list[int | None]:
        """Of the workers that have ended; None for one that was killed."""

    def killed_by(self, worker: WorkerRow) -> int | None:
        """The signal that one of these was killed by; None for a worker that lives or has ended by itself."""

    def stop(self) -> None:
        """Tell all to stop; what has not after the grace time is killed. Does not wait."""


class Executor(Protocol):
    """Where workers run."""

    def submit(self, batch_ids: Sequence[str], n_workers: int, jobs: Path) -> Array:
        """Start an array of workers that serve sweeps in order; `jobs` is the first one's folder of submissions."""


@dataclass(frozen=True)
class LocalExecutor:
    """An array of processes on this machine, outliving the launcher; cores are shared out among the workers."""

    n_jobs: int
    """Workers of a full array: a smaller one (after a crash) gets no more threads, so results stay the same."""
    words: WorkerWords = work
    container: Container | None = None
    """What workers run in; None: plain processes."""
    workers_per_gpu: int | None = None
    """None: as many as there are, each GPU in turn."""
    devices: Sequence[Device] = field(default_factory=devices)
    _numbered: list[tuple[int, submitit.Job[int]]] = field(default_factory=list, init=False, repr=False)
    """Every worker's number, which chooses its GPU."""

    def submit(self, batch_ids: Sequence[str], n_workers: int, jobs: Path) -> Array:
        """Start `n_workers` workers at once."""
        files.make_private(jobs)  # job files are pickles: nobody else's
        folder = submission_folder(jobs)
        executor = submitit.LocalExecutor(folder)
        executor.update_parameters(timeout_min=LOCAL_TIMEOUT_MIN, stderr_to_stdout=True, tasks_per_node=1)
        threads = threads_per_worker(self.n_jobs)
        numbers = self._free_numbers(n_workers)
        calls = [
            WorkerJob(
                self.words(batch_ids[0], threads, batch_ids[1:]),
                {**thread_environment(threads), **self._gpu(number)},
                GRACE_S,
                self.container,
            )
            for number in numbers
        ]
        with interrupts_ignored():
            array = LocalArray(executor.submit_array(calls))
            self._numbered.extend(zip(numbers, array.jobs, strict=True))
        return array

    def _gpu(self, worker: int) -> dict[str, str | None]:
        """Undo submitit's empty CUDA_VISIBLE_DEVICES: a worker sees the device that is dealt to it."""
        if len(self.devices) < 2:
            return {VISIBLE: os.environ.get(VISIBLE)}
        return {VISIBLE: deal(self.devices, worker, self.workers_per_gpu)}

    def _free_numbers(self, n_workers: int) -> list[int]:
        """The lowest numbers that no living worker has: a replacement gets the GPU of the one that died."""
        taken = {number for number, job in self._numbered if not job.done()}
        return list(islice((number for number in count() if number not in taken), n_workers))


@dataclass(frozen=True)
class LocalArray:
    """Jobs of submitit's LocalExecutor."""

    jobs: Sequence[submitit.Job[int]]

    @property
    def logs(self) -> list[Path]:
        """What each worker says."""
        return [job.paths.stdout for job in self.jobs]

    def owns(self, worker: WorkerRow) -> bool:
        """Whether a worker of the ledger is one of these."""
        return worker.host == host() and worker.job_id in {job.job_id for job in self.jobs}

    def alive(self) -> int:
        """How many run."""
        return sum(not job.done() for job in self.jobs)

    def exit_codes(self) -> list[int | None]:
        """Of the workers that have ended; None for one that was killed."""
        return [exit_code(job.paths) for job in self.jobs if job.done()]

    def killed_by(self, worker: WorkerRow) -> int | None:
        """The signal that a worker's process was killed by, when its job has told."""
        jobs = [job for job in self.jobs if self.owns(worker) and job.job_id == worker.job_id and job.done()]
        return _signal(exit_code(jobs[0].paths)) if jobs else None

    def stop(self) -> None:
        """Tell all to stop; each job kills its own worker after the grace time."""
        for job in self.jobs:
            if not job.done():
                with suppress(ProcessLookupError):
                    os.kill(int(job.job_id), signal.SIGTERM)


@dataclass(frozen=True)
class DebugExecutor:
    """One worker in the foreground, its output in this terminal."""

    words: WorkerWords = work

    def submit(self, batch_ids: Sequence[str], n_workers: int, jobs: Path) -> Array:  # noqa: ARG002 - the protocol's
        """Start one worker, however many were wanted, with all cores."""
        threads = threads_per_worker(1)
        with interrupts_ignored():
            return DebugArray(
                start_tethered(
                    [sys.executable, *self.words(batch_ids[0], threads, batch_ids[1:])], thread_environment(threads)
                )
            )


@dataclass(frozen=True)
class DebugArray:
    """A child of this process."""

    process: subprocess.Popen[bytes]

    @property
    def logs(self) -> list[Path]:
        """None: the worker writes to this terminal."""
        return []

    def owns(self, worker: WorkerRow) -> bool:
        """Whether a worker of the ledger is this one."""
        return worker.host == host() and worker.pid == self.process.pid

    def alive(self) -> int:
        """1 while the worker runs."""
        return int(self.process.poll() is None)

    def exit_codes(self) -> list[int | None]:
        """The worker's, once it has ended."""
        code = self.process.poll()
        return [] if code is None else [code if code >= 0 else None]

    def killed_by(self, worker: WorkerRow) -> int | None:
        """The signal that the worker was killed by."""
        return _signal(self.process.poll()) if self.owns(worker) else None

    def stop(self) -> None:
        """Tell the worker to stop."""
        self.process.terminate()


def _signal(code: int | None) -> int | None:
    return -code if code is not None and code < 0 else None
