"""A cluster's profile: what a job asks SLURM for, as YAML (`slurm/profiles/*.yaml`).

The surprising one: `timeout_min` has no default. submitit's own is 5 minutes, which kills every real job silently.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from truestrength.launcher.containers.settings import ContainerSettings, with_whole_paths
from truestrength.trainer.contract.config import yaml_files
from truestrength.trainer.contract.config.settings import Count, Positive, Section
from truestrength.trainer.contract.paths.user import expanded


class Finisher(Section, frozen=True):
    """What the small job asks for that ends each sweep. It needs no GPU."""

    partition: str | None = None
    """None: as the workers."""
    qos: str | None = None
    """None: as the workers."""
    cpus: Count | None = None
    mem_gb: Positive | None = None
    timeout_min: Count | None = 30


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
    workers_per_gpu: Count = 1
    """Workers that share one GPU: so many tasks of one job."""
    cpus: Count | None = None
    """CPUs of one worker; its threads are as many as its job gets."""
    mem_gb: Positive | None = None
    """Memory of one worker; `mem-per-cpu` or `mem-per-gpu` in `sbatch` take its place."""
    array_parallelism: Count | None = None
    """Workers of one sweep that run at once; None: all of them."""
    signal_delay_s: Annotated[int, Meta(ge=1)] = 120
    """A worker is told to stop this many seconds before its time is up. SLURM does so up to 60 s earlier."""
    max_tries: Count = 5
    """A worker's job is requeued so often, and arrays that end without one finished trial are repeated so often."""
    setup: tuple[str, ...] = ()
    """Shell lines before the worker starts, for example `module load cuda`; one that fails ends the job."""
    python: str | None = None
    """The Python that has this project, as the nodes see it; None: the one that runs the launcher."""
    sbatch: dict[str, str | int | bool | None] = {}  # noqa: RUF012 - msgspec copies it
    """Further options of sbatch, by their long names; `true`: one without a value; `false` or null: left out."""
    container: ContainerSettings = ContainerSettings()
    """What the worker runs in; the job around it, and with it every call of SLURM, stays outside."""
    shared_folder: str | None = None
    """Where job files and logs go, on a file system that all nodes see; None: beside the sweep's results."""
    finisher: Finisher = Finisher()

    def __post_init__(self) -> None:
        """Refuse what SLURM would take and do something else with."""
        if self.gpus and self.gres and "gpu" in self.gres:
            raise ValueError(f"gpus ({self.gpus}) and gres ({self.gres}) both ask for GPUs: keep one of them")
        if self.workers_per_gpu > 1 and (self.gpus > 1 or not (self.gpus or "gpu" in (self.gres or ""))):
            raise ValueError(
                f"workers_per_gpu ({self.workers_per_gpu}) shares the GPU of a job: write gpus: 1, or gres with a type"
            )
        if self.signal_delay_s + 60 >= self.timeout_min * 60:
            raise ValueError(
                f"signal_delay_s ({self.signal_delay_s}) and SLURM's 60 s leave nothing of timeout_min "
                f"({self.timeout_min} min): a worker would be told to stop as soon as it starts"
            )
        for name, value in self.sbatch.items():
            _check_option(name, value)
        if self.mem_gb and (
            named := sorted(name for name in MEMORY_OPTIONS if self.options.get(name) not in (None, False))
        ):
            raise ValueError(f"mem_gb ({self.mem_gb:g}) and sbatch: {named[0]} both ask for memory: keep one of them")

    @property
    def options(self) -> dict[str, str | int | bool | None]:
        """`sbatch`, each name as sbatch writes it."""
        return {_long_name(name): value for name, value in self.sbatch.items()}


OWN_OPTIONS = {
    "account", "array", "chdir", "comment", "constraint", "cpus-per-task", "dependency", "error", "export",
    "export-file", "gpus-per-node", "gres", "job-name", "kill-on-invalid-dep", "mem", "nodes", "no-requeue", "ntasks",
    "ntasks-per-node", "open-mode", "output", "partition", "qos", "requeue", "signal", "time",
}  # fmt: skip
"""Options that `ClusterProfile.sbatch` may not carry."""
TALKING_OPTIONS = {"help", "hold", "parsable", "quiet", "test-only", "usage", "verbose", "version", "wait", "wrap"}
"""Options that change what sbatch does or says, so that its answer is not that of a submission."""
MEMORY_OPTIONS = {"mem-per-cpu", "mem-per-gpu"}
WHOLE_NAMES = {"gpus"}
"""Options whose names are also the beginning of one of `OWN_OPTIONS`; of any other, sbatch takes a beginning for it."""


def _long_name(name: str) -> str:
    return name.strip().lstrip("-").replace("_", "-")


def _check_option(name: str, value: str | int | bool | None) -> None:
    """Refuse an option of sbatch that is the launcher's, or would not stand on a line of its own.

    Raises:
        ValueError: the option, and why it is not taken.
    """
    option = _long_name(name)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", option):
        raise ValueError(f"sbatch: {name!r} is no option's name: expected a long name of sbatch, such as reservation")
    if "\n" in str(value) or not str(value).isprintable():
        raise ValueError(f"sbatch: {name}: {value!r}: expected a value that stands on one line")
    if option == "clusters":
        raise ValueError(f"sbatch: {name}: set SLURM_CLUSTERS instead, which all of SLURM's commands read")
    for refused, why in (
        (OWN_OPTIONS, "the launcher sets this itself, or the profile has a key for it"),
        (TALKING_OPTIONS, "it changes what sbatch does or answers, and the launcher has to read that"),
    ):
        meant = [known for known in sorted(refused) if known == option or _abbreviates(option, known)]
        if meant:
            raise ValueError(f"sbatch: {name}: to sbatch this is --{meant[0]}; {why}")


def _abbreviates(option: str, known: str) -> bool:
    """Whether sbatch may take `option` for `known`: it accepts the beginnings of its options' names."""
    return known.startswith(option) and option not in WHOLE_NAMES


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
