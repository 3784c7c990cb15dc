"""What the jobs of a plan have in common, and the file in `.cluster/plans/` that their commands read it from.

Surprising: a later submission of the same plan writes the file anew, so a mended profile also counts for what the jobs
that wait already are going to submit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from truestrength.launcher.containers.settings import Container
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.paths.outputs import OutputsRoot


@dataclass(frozen=True)
class Sweep:
    """A sweep of the plan, as the jobs know it; the rest is in the ledger."""

    batch_id: str
    n_jobs: int
    """Workers of its array."""
    after: tuple[str, ...] | None = None
    """Batch ids of sweeps that it waits for; None: for the one before, or for nothing where the plan is parallel."""


@dataclass(frozen=True)
class Site:
    """What the jobs of a plan have in common. It holds no secret."""

    profile: ClusterProfile
    outputs: OutputsRoot
    """An absolute path."""
    token: str
    """Of the outputs root; part of every job's name."""
    plan: str
    """`names.plan_name`."""
    sweeps: tuple[Sweep, ...]
    sequential: bool
    python: str
    """The interpreter of the launcher that submitted the plan."""
    container: Container | None = None
    """What workers run in; None: plain processes."""
    share: bool = True
    """Whether trials read each other's results and trained models."""
    whole: bool = False
    """The plan ends with the held-out season."""
    noise: bool = False
    """It ends with more seeds of the best configurations, too."""
    explained: bool = False
    """It ends with what carried each team, in every sweep's best run."""

    @property
    def batch_ids(self) -> list[str]:
        """Of the sweeps, in the plan's order."""
        return [sweep.batch_id for sweep in self.sweeps]

    @property
    def n_jobs(self) -> int:
        """Workers of a sweep, at most."""
        return max(sweep.n_jobs for sweep in self.sweeps)

    @property
    def file(self) -> Path:
        """Where the jobs find all this."""
        return self.outputs.cluster.plan(self.plan)


def save(site: Site) -> None:
    """Write what the jobs read; only their owner may, as with everything in `.cluster/`."""
    text = msgspec.json.format(msgspec.json.encode(site, enc_hook=_as_text), indent=2).decode()
    files.write_secret(site.file, f"{text}\n")


def load(file: Path) -> Site:
    """Read what `save` wrote.

    Raises:
        ConfigError: there is no such file, or it is none that this version of the launcher understands.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Site, dec_hook=_from_text)
    except OSError as error:
        raise ConfigError(
            f"{file}: {error.strerror}: expected the plan of a SLURM job, .cluster/plans/NAME.json"
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{file}: {error}. It may be of another version of the launcher: the command that submitted the plan, run "
            "again, writes it anew"
        ) from None


def _as_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def _from_text(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
