"""Starts workers on this machine: through submitit, forked from one process; or one in the foreground.

Surprising: submitit hides every GPU from its jobs unless told otherwise.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Protocol

from truestrength.launcher.containers.settings import Container
from truestrength.launcher.jobs.devices import VISIBLE, Device, deal, devices
from truestrength.launcher.jobs.worker_job import WorkerJob, start_tethered
from truestrength.launcher.local.forking_job import GRACE_S, ForkingJob, LocalArray
from truestrength.launcher.local.signals import interrupts_ignored
from truestrength.launcher.trainer_commands import WorkerWords, forking, work
from truestrength.trainer.contract import files
from truestrength.trainer.contract.ledger import WorkerRow
from truestrength.trainer.contract.paths.outputs import submission_folder
from truestrength.trainer.contract.process import host, thread_environment, threads_per_worker

PASSING_ON_S = 3.0
"""The process that forks kills what does not stop in time, and is killed itself so much later."""


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

    def end(self) -> None:
        """No more workers are wanted: whatever starts them may go, once they have ended, and is waited for."""


@dataclass
class LocalExecutor:
    """Workers that one process of this machine forks, outliving the launcher; cores are shared out among them."""

    n_jobs: int
    """Workers of a full array: a smaller one (after a crash) gets no more threads, so results stay the same."""
    words: WorkerWords = work
    container: Container | None = None
    """What all workers run in; None: plain processes."""
    workers_per_gpu: int | None = None
    """None: as many as there are, each GPU in turn."""
    devices: Sequence[Device] = field(default_factory=devices)
    _job: ForkingJob | None = field(default=None, init=False, repr=False)
    _placed: list[tuple[int, LocalArray, int]] = field(default_factory=list, init=False, repr=False)
    """Every worker's place, which chooses its GPU, with its array and its number there."""

    def submit(self, batch_ids: Sequence[str], n_workers: int, jobs: Path) -> Array:
        """Start `n_workers` workers at once."""
        places = self._free_places(n_workers)
        devices_of = [self._device(place) for place in places]
        with interrupts_ignored():
            files.make_private(jobs)  # job files are pickles: nobody else's
            folder = submission_folder(jobs)
            if self._job is not None and self._job.takes_more:
                array = self._job.ask(batch_ids, devices_of, folder)
            else:
                self._job = ForkingJob(folder)
                array = self._job.ask(batch_ids, devices_of, folder)
                self._job.start(self._forking(batch_ids, folder))
            self._placed.extend((place, array, n) for place, n in zip(places, array.numbers, strict=True))
        return array

    def end(self) -> None:
        """No more workers are wanted; waits until nothing of them is left."""
        if self._job is not None:
            self._job.end()

    def _forking(self, batch_ids: Sequence[str], folder: Path) -> WorkerJob:
        """The job. submitit gives it an empty CUDA_VISIBLE_DEVICES, which is undone here."""
        threads = threads_per_worker(self.n_jobs)
        words = forking(self.words(batch_ids[0], threads, batch_ids[1:]), folder.absolute())
        environment = {**thread_environment(threads), VISIBLE: os.environ.get(VISIBLE)}
        return WorkerJob(words, environment, GRACE_S + PASSING_ON_S, self.container)

    def _device(self, place: int) -> dict[str, str | None]:
        """A worker sees the device that is dealt to it."""
        if len(self.devices) < 2:
            return {}
        return {VISIBLE: deal(self.devices, place, self.workers_per_gpu)}

    def _free_places(self, n_workers: int) -> list[int]:
        """The lowest places that no living worker has: a replacement gets the GPU of the one that died."""
        taken = {place for place, array, number in self._placed if array.runs(number)}
        return list(islice((place for place in count() if place not in taken), n_workers))


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

    def end(self) -> None:
        """Nothing: a worker has no parent but this process."""


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
