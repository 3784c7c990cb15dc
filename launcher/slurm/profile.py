"""A cluster's profile: what a job asks SLURM for, as YAML (`slurm/profiles/*.yaml`).

The surprising one: `timeout_min` has no default. submitit's own is 5 minutes, which kills every real job silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from launcher.containers.settings import ContainerSettings, with_whole_paths
from trainer.contract.config import yaml_files
from trainer.contract.config.settings import Count, Positive, Section
from trainer.contract.paths.user import expanded


class Finisher(Section, frozen=True):
    """What the small job asks for that ends each sweep; None is as for the workers. It needs no GPU."""

    partition: str | None = None
    qos: str | None = None
    cpus: Count = 1
    mem_gb: Positive = 4
    timeout_min: Count = 30


class ClusterProfile(Section, frozen=True):
    """What each job of a plan asks SLURM for. None leaves it to the cluster's own default."""

    timeout_min: Count
    """Walltime of one worker, in minutes. A worker that has not finished by then goes on in a requeued job."""
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    """Features a node must have, as `sbatch --constraint` takes them."""
    gpus: Annotated[int, Meta(ge=0)] = 0
    """GPUs of one worker (`--gpus-per-node`). For a type of GPU use `gres`."""
    gres: str | None = None
    """Generic resources of one worker, for example `gpu:a100:1`."""
    cpus: Count = 1
    """CPUs of one worker, and its threads."""
    mem_gb: Positive = 4
    """Memory of one worker."""
    array_parallelism: Count | None = None
    """Workers of one sweep that run at once; None: all of them."""
    signal_delay_s: Annotated[int, Meta(ge=1)] = 120
    """A worker is told to stop this many seconds before its time is up. SLURM does so up to 60 s earlier."""
    max_tries: Count = 5
    """A worker's job is requeued so often, and arrays that end without one finished trial are repeated so often."""
    setup: tuple[str, ...] = ()
    """Shell lines before the worker starts, for example `module load cuda`."""
    python: str | None = None
    """The Python that has this project, as the nodes see it; None: the one that runs the launcher."""
    sbatch: dict[str, str | int | bool] = {}  # noqa: RUF012 - msgspec copies it
    """Further options of sbatch, by their long names without dashes; `true` for one without a value."""
    container: ContainerSettings = ContainerSettings()
    """What the worker runs in; the job around it, and with it every call of SLURM, stays outside."""
    shared_folder: str | None = None
    """Where job files and logs go, on a file system that all nodes see; None: beside the sweep's results."""
    finisher: Finisher = Finisher()

    def __post_init__(self) -> None:
        """Refuse what SLURM would take and do something else with."""
        if self.gpus and self.gres and "gpu" in self.gres:
            raise ValueError(f"gpus ({self.gpus}) and gres ({self.gres}) both ask for GPUs: keep one of them")
        if self.signal_delay_s + 60 >= self.timeout_min * 60:
            raise ValueError(
                f"signal_delay_s ({self.signal_delay_s}) and SLURM's 60 s leave nothing of timeout_min "
                f"({self.timeout_min} min): a worker would be told to stop as soon as it starts"
            )
        if own := sorted(set(self.sbatch) & OWN_OPTIONS):
            raise ValueError(
                f"sbatch: {', '.join(own)}: the launcher sets this itself, or the profile has a key for it"
            )


OWN_OPTIONS = {
    "account", "array", "chdir", "comment", "constraint", "cpus-per-task", "dependency", "error", "export",
    "gpus-per-node", "gres", "job-name", "kill-on-invalid-dep", "mem", "nodes", "no-requeue", "ntasks",
    "ntasks-per-node", "open-mode", "output", "partition", "qos", "requeue", "signal", "time",
}  # fmt: skip
"""Options that `ClusterProfile.sbatch` may not carry."""


def load_profile(path: Path) -> ClusterProfile:
    """Read a profile.

    Raises:
        ConfigError: naming the file, the key, the value and what is allowed.
    """
    profile = yaml_files.load(path, ClusterProfile)
    own = {"python": profile.python, "shared_folder": profile.shared_folder}
    whole = {key: expanded(text, f"{path}: {key}") for key, text in own.items() if text}
    return msgspec.structs.replace(
        profile, **whole, container=with_whole_paths(profile.container, f"{path}: container")
    )
