"""What the chain of a plan's jobs is made of: what it needs of SLURM and of the ledger, and what a finisher is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from truestrength.launcher.slurm.arrays import Submission
from truestrength.launcher.slurm.programs import QueuedJob
from truestrength.trainer.contract.ledger import SweepProgress, WorkerRow


class Cluster(Protocol):
    """SLURM, for one outputs root; `arrays.Slurm` is the real one."""

    @property
    def own_id(self) -> str | None:
        """The job that this process is, if it is one."""

    def jobs(self) -> list[QueuedJob]:
        """What waits or runs."""

    def names(self) -> dict[str, str]:
        """The names of all jobs of the user that wait or run, by id."""

    def largest_array(self) -> int:
        """The most elements that an array may have."""

    def submit(self, submission: Submission) -> str:
        """Submit a job or an array. Returns its id."""

    def cancel(self, array_ids: Sequence[str]) -> None:
        """End jobs."""

    def let_wait(self, job: QueuedJob, array_ids: Sequence[str]) -> None:
        """Let a job that has not started wait for these, and for no others."""

    def ended(self, job_ids: Sequence[str]) -> dict[str, list[str]]:
        """How jobs ended, as far as accounting knows."""


class Rows(Protocol):
    """What the chain reads and writes in the ledger."""

    def progress(self, batch_id: str) -> SweepProgress:
        """How a sweep stands."""

    def workers(self, batch_id: str) -> list[WorkerRow]:
        """A sweep's workers, the dead ones as well."""

    def explain_worker(self, worker_id: int, reason: str) -> None:
        """Write down why a worker ended."""


class Placed(NamedTuple):
    """What is in the queue for a sweep after a submission."""

    batch_id: str
    arrays: list[str]
    """Ids of arrays submitted now."""
    finisher: str | None
    """The job that ends the sweep; None when there is nothing left to do."""


@dataclass
class Placement:
    """What is in the queue of a plan after a submission."""

    placed: list[Placed] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Sweeps that the queue had no room for; the last job submits them."""
    last: str = ""
    """The plan's last job."""
    limit: str = ""
    """In the cluster's words, why there was no room."""

    @property
    def ends(self) -> list[str]:
        """The jobs that end the sweeps."""
        return [sweep.finisher for sweep in self.placed if sweep.finisher]

    def ends_of(self, batch_ids: Collection[str]) -> list[str]:
        """The jobs that end these sweeps."""
        return [sweep.finisher for sweep in self.placed if sweep.finisher and sweep.batch_id in batch_ids]


@dataclass(frozen=True)
class SweepEnd:
    """What a sweep's finisher has to know beside the site."""

    batch_id: str
    tries: int
    """How many arrays may still end without one more trial done or failed."""
    closed: int
    """Trials done or failed when its array was submitted."""

    @property
    def words(self) -> list[str]:
        """For `truestrength finish PLAN`."""
        return ["--batch-id", self.batch_id, "--tries", str(self.tries), "--closed", str(self.closed)]


@dataclass(frozen=True)
class PlanEnd:
    """What a plan's last job has to know beside the site."""

    again: bool
    """Whether it may send what is missing back to the queue."""
    left: tuple[str, ...] = ()
    """Sweeps that have not been submitted yet."""

    @property
    def words(self) -> list[str]:
        """For `truestrength finish PLAN`."""
        return [*(["--again"] if self.again else []), *(word for name in self.left for word in ("--left", name))]
