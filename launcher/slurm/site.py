"""What the jobs of a plan have in common."""

from __future__ import annotations

from dataclasses import dataclass

from launcher.containers.settings import Container
from launcher.slurm.profile import ClusterProfile
from trainer.contract.paths.outputs import OutputsRoot
from trainer.contract.words import Phase


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
