"""What a container is to the launcher: the settings in a profile, and everything a worker needs to find inside.

Surprising: folders have the same paths inside as outside, and the working directory is the launcher's, so a path in a
configuration, a log or a message means the same on both sides. The code comes from the image alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import msgspec

from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.paths.user import expanded

Runtime = Literal["none", "docker", "podman", "apptainer", "charliecloud", "pyxis"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

SECRET = Path("/run/secrets/database_url")
"""Where a worker in a container reads the database's URL."""


class ContainerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How workers are put into containers; `container:` in a cluster profile, or `--container RUNTIME:IMAGE`."""

    runtime: Runtime = "none"
    image: str = ""
    """Name and tag (docker, podman), a .sif file (apptainer), a folder (charliecloud), a .sqsh file or URI (pyxis)."""
    binds: tuple[str, ...] = ()
    """More folders or files, as SOURCE[:TARGET][:ro]; outputs, cache and data need not be named."""
    env: tuple[str, ...] = ()
    """More environment variables: NAME passes the job's value on, NAME=VALUE sets one."""
    gpus: Literal["auto", "all", "none"] = "auto"
    """auto: all GPUs of a machine that has any."""
    shm_size: str = "2g"
    """Size of /dev/shm (docker, podman); their default of 64 MB breaks data loaders."""
    options: tuple[str, ...] = ()
    """More options of the runtime, put verbatim before the image."""
    executable: str | None = None
    """The runtime's program, when it is not on the search path."""
    python: str = "/opt/venv/bin/python"
    """The interpreter inside the image."""
    check: bool = True
    """Look for runtime and image before submitting; false when only the compute nodes have them."""

    def __post_init__(self) -> None:
        """Refuse half a setting, and secrets in the wrong place."""
        if self.runtime != "none" and not self.image:
            raise ValueError(f"container.runtime {self.runtime} needs container.image")
        for bind in self.binds:
            parse_bind(bind)
        for name in (entry.partition("=")[0] for entry in self.env):
            if not name.isidentifier():
                raise ValueError(f"container.env: {name!r} is not a variable's name; allowed: NAME or NAME=VALUE")
            if name.startswith("DATABASE_URL"):
                raise ValueError(f"container.env: {name} does not belong here: workers get it as a secret file")


@dataclass(frozen=True)
class Mount:
    """One file or folder that is seen inside."""

    source: Path
    target: Path
    read_only: bool = False


@dataclass(frozen=True)
class Container:
    """Everything about the workers' containers that is known when they are submitted. Holds no secret."""

    settings: ContainerSettings
    mounts: tuple[Mount, ...]
    workdir: Path
    uid: int
    gid: int
    digest: str | None = None
    """Of an image file. Images that a daemon keeps are asked when a worker starts, since a tag can move."""


@dataclass(frozen=True)
class Start:
    """What one start of one worker adds: all that a runtime's argument list is made from, beside the `Container`."""

    name: str
    """Unique to this start."""
    words: Sequence[str]
    """What is said to the image's interpreter."""
    environment: Mapping[str, str]
    """What the worker sees beside what the image sets."""
    secret: Path
    """A file with the database's URL that only its owner may read."""
    gpus: bool
    certificate: Path | None = None
    """The file by which that server is known, under the same path inside, where the URL names it."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Launch:
    """What is really started: arguments that anybody on the machine may read, and variables that only the owner may."""

    arguments: list[str]
    environment: dict[str, str | None]
    """Added to the caller's environment; None removes a variable."""


def parse_container(text: str) -> ContainerSettings:
    """Read `--container RUNTIME:IMAGE`.

    >>> parse_container("docker:ghcr.io/me/truestrength:1.2").image
    'ghcr.io/me/truestrength:1.2'

    Raises:
        ConfigError: no such runtime, or no image.
    """
    runtime, _, image = text.partition(":")
    for known in RUNTIMES:
        if runtime == known:
            break
    else:
        raise ConfigError(
            f"--container {text}: expected RUNTIME:IMAGE, no runtime {runtime!r}: {suggest(runtime, RUNTIMES)}"
        )
    if known != "none" and not image:
        raise ConfigError(f"--container {text}: expected RUNTIME:IMAGE, for example {known}:truestrength")
    return with_whole_paths(ContainerSettings(runtime=known, image=image), "--container")


def with_whole_paths(settings: ContainerSettings, where: str) -> ContainerSettings:
    """The settings with `~` and `$VAR` of the image (no image's name has either) and of the program replaced.

    Raises:
        ConfigError: a variable is not set.
    """
    own = {"image": settings.image, "executable": settings.executable}
    return msgspec.structs.replace(
        settings, **{key: expanded(text, f"{where}: {key}") for key, text in own.items() if text}
    )


def parse_bind(text: str) -> Mount:
    """Read SOURCE[:TARGET][:ro]; `~` and `$VAR` as in every path.

    >>> parse_bind("/scratch/nba:/data:ro")
    Mount(source=PosixPath('/scratch/nba'), target=PosixPath('/data'), read_only=True)

    Raises:
        ValueError: not of this form, a relative path, or a variable that is not set.
    """
    parts = text.split(":")
    read_only = len(parts) > 1 and parts[-1] in {"ro", "rw"} and parts.pop() == "ro"
    try:
        paths = [Path(expanded(part, "container.binds")) for part in parts]
    except ConfigError as error:  # a ValueError gets the name of the file
        raise ValueError(str(error)) from None
    if len(paths) > 2 or "," in text or not all(path.is_absolute() for path in paths):
        raise ValueError(f"container.binds: {text!r}: expected SOURCE[:TARGET][:ro] with absolute paths and no comma")
    return Mount(paths[0], paths[-1], read_only)


def container(settings: ContainerSettings, paths: Paths, root: Path) -> Container:
    """The container of every worker of a plan, run by the caller's own uid.

    Args:
        settings: From the profile or the command line.
        paths: Of the main configuration; relative ones are relative to `root`.
        root: The folder that the launcher was started in.

    Raises:
        ConfigError: a path cannot be written in a runtime's argument list.
    """
    root = root.absolute()
    own = [
        Mount(root / paths.outputs, root / paths.outputs),
        Mount(root / paths.batch_cache, root / paths.batch_cache),
        Mount(root / paths.data, root / paths.data, read_only=True),
    ]
    mounts = (*own, *map(parse_bind, settings.binds))
    for path in (root, *(mount.source for mount in mounts)):
        if {",", ":"} & set(str(path)):
            raise ConfigError(f"{path}: a path with ',' or ':' cannot be passed to a container: move or rename it")
    return Container(settings, mounts, root, os.getuid(), os.getgid())
