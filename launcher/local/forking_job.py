"""A job of submitit's LocalExecutor in which one process forks workers as they are asked for, and those workers.

Surprising: a job's id is a pid, and submitit takes an old result in the same folder under the same id for the new
job's; so each job has a folder of its own. Its results are pickles, which are never loaded here: they would run
whatever somebody has put there.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import submitit

from truestrength.launcher.jobs.worker_job import WorkerJob, exit_code
from truestrength.trainer.contract import files, fork_requests
from truestrength.trainer.contract.fork_requests import ForkedWorker, ForkRequest
from truestrength.trainer.contract.ledger import WorkerRow
from truestrength.trainer.contract.paths.forks import ForkPaths, worker_job_id, worker_log
from truestrength.trainer.contract.process import host

TIMEOUT_MIN = 7 * 24 * 60
"""submitit's default is 2 minutes; on one machine nobody else waits for the cores."""
GRACE_S = 60.0
"""Seconds from being told to stop to being killed."""
POLL_S = 0.02
END_S = 20.0
"""A job that is told to end is waited for so long; a container takes its time to be removed."""


class ForkingJob:
    """The job, from its start on; it lives as long as it has workers or may be asked for some."""

    def __init__(self, folder: Path) -> None:
        """Prepare a folder.

        Args:
            folder: New, in a private one.
        """
        files.make_folder(folder)
        self.paths = ForkPaths(folder)
        self._asking: IO[bytes] = fork_requests.hold(self.paths)
        self._job: submitit.Job[int] | None = None
        self._requests = 0
        self._workers = 0
        self._stopped = False

    def ask(
        self, batch_ids: Sequence[str], environments: Sequence[Mapping[str, str | None]], folder: Path
    ) -> LocalArray:
        """Ask for a worker for each environment, which is added to the job's; their logs go to the folder."""
        files.make_folder(folder)
        numbers = range(self._workers + 1, self._workers + 1 + len(environments))
        workers = [ForkedWorker(n, dict(added)) for n, added in zip(numbers, environments, strict=True)]
        request = ForkRequest(list(batch_ids), workers, str(folder.absolute()), GRACE_S)
        fork_requests.ask(self.paths, self._requests, request)
        self._requests += 1
        self._workers += len(environments)
        return LocalArray(self, numbers, folder)

    def start(self, worker_job: WorkerJob) -> None:
        """Start the process that forks; its command has to find what is asked for in the folder."""
        executor = submitit.LocalExecutor(self.paths.folder)
        executor.update_parameters(timeout_min=TIMEOUT_MIN, stderr_to_stdout=True, tasks_per_node=1)
        self._job = executor.submit(worker_job)

    @property
    def lives(self) -> bool:
        """Whether the job runs."""
        return self._job is not None and not self._job.done()

    @property
    def takes_more(self) -> bool:
        """Whether it may be asked for workers."""
        return self.lives and not self._stopped

    @property
    def id(self) -> str:
        """Its pid, as text."""
        assert self._job is not None, "it was started"
        return str(self._job.job_id)

    @property
    def log(self) -> Path:
        """What the process that forks says."""
        assert self._job is not None, "it was started"
        return self._job.paths.stdout

    def exit_code(self) -> int | None:
        """Of the process that forks, when it has ended; None when it was killed."""
        assert self._job is not None, "it was started"
        return exit_code(self._job.paths)

    def stop(self) -> None:
        """Tell all its workers to stop; what has not after the grace time is killed. Does not wait."""
        self._stopped = True
        if self.lives:
            with suppress(ProcessLookupError):
                os.kill(int(self.id), signal.SIGTERM)

    def end(self) -> None:
        """Nobody asks for more: wait for it to end, as it does once its workers have."""
        self._stopped = True
        self._asking.close()
        deadline = time.monotonic() + END_S
        while self.lives and time.monotonic() < deadline:
            time.sleep(POLL_S)


@dataclass(frozen=True)
class LocalArray:
    """Workers that were asked for together."""

    job: ForkingJob
    numbers: Sequence[int]
    folder: Path
    """Where their logs are."""

    @property
    def logs(self) -> list[Path]:
        """What each worker says; where one never began, what the process says that was to fork it."""
        own = [worker_log(self.folder, worker_job_id(self.job.id, number)) for number in self.numbers]
        return [log if log.exists() else self.job.log for log in own]

    def owns(self, worker: WorkerRow) -> bool:
        """Whether a worker of the ledger is one of these."""
        return worker.host == host() and self._number(worker) is not None

    def alive(self) -> int:
        """How many run, or are about to."""
        return sum(self.runs(number) for number in self.numbers)

    def runs(self, number: int) -> bool:
        """Whether one of them runs, or is about to."""
        return self.job.lives and fork_requests.end(self.job.paths, number) is None

    def exit_codes(self) -> list[int | None]:
        """Of the workers that have ended; None for one that was killed."""
        codes = [self._end(number) for number in self.numbers if not self.runs(number)]
        return [code if code is None or code >= 0 else None for code in codes]

    def killed_by(self, worker: WorkerRow) -> int | None:
        """The signal that a worker was killed by, when that is known."""
        number = self._number(worker)
        code = None if number is None else fork_requests.end(self.job.paths, number)
        return -code if code is not None and code < 0 else None

    def stop(self) -> None:
        """Tell the job to stop, and so all workers that it has."""
        self.job.stop()

    def _number(self, worker: WorkerRow) -> int | None:
        return next((n for n in self.numbers if worker.job_id == worker_job_id(self.job.id, n)), None)

    def _end(self, number: int) -> int | None:
        """How a worker ended; one that never began ended as its parent did."""
        code = fork_requests.end(self.job.paths, number)
        return self.job.exit_code() if code is None else code
