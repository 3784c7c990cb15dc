"""The folder in which a launcher asks for workers, and their parent says what became of them.

The surprising one: a launcher holds a lock on `launcher` as long as it may ask for more, so that the parent knows when
nobody will, also when the launcher was killed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ForkPaths:
    """The folder of the job that forks, which holds submitit's files too."""

    folder: Path

    @property
    def launcher(self) -> Path:
        """Locked by the launcher while it may ask for more workers."""
        return self.folder / "launcher"

    def request(self, number: int) -> Path:
        """What was asked for, from 0."""
        return self.folder / f"request_{number}.json"

    def exit_code(self, worker: int) -> Path:
        """How a worker ended: its exit code, or minus the signal that killed it."""
        return self.folder / f"worker_{worker}.exit_code"


def worker_job_id(job_id: str, worker: int) -> str:
    """The name of one worker of a job, in the ledger and in the names of files.

    >>> worker_job_id("4711", 2)
    '4711_2'
    """
    return f"{job_id}_{worker}"


def worker_log(submission: Path, job_id: str) -> Path:
    """What a worker says; the name is as submitit's for a job of this id."""
    return submission / f"{job_id}_0_log.out"
