"""Whether a container can be started, asked before anything is submitted; and which image exactly it will be.

Surprising: a file's digest costs reading the file, so it is taken once when a plan is submitted; a daemon's image is
asked at the start of each worker, because a tag can move in between.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from truestrength.launcher.containers.runtimes import program
from truestrength.launcher.containers.settings import SECRET, Container, ContainerSettings, container, parse_bind
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.errors import UserError

Which = Callable[[str], str | None]
Ask = Callable[[Sequence[str]], tuple[int, str, str]]
"""Runs a command; gives its exit code, output and error output."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ELSEWHERE = "If only the compute nodes have it, set container.check: false."


def ask(command: Sequence[str]) -> tuple[int, str, str]:
    """Run a command; one that cannot be started or hangs for a minute gives code 127 and the reason."""
    try:
        found = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, "", str(error)
    return found.returncode, found.stdout, found.stderr


def checked(settings: ContainerSettings, paths: Paths, root: Path) -> Container | None:
    """The container of every worker of a plan, after everything that can be checked here was; None for plain processes.

    Args:
        settings: From the profile or the command line.
        paths: Of the main configuration.
        root: The folder that the launcher was started in.

    Raises:
        UserError: a runtime, an image or a folder is missing, and what to do next.
    """
    if settings.runtime == "none":
        return None
    found = container(settings, paths, root)
    check(found)
    return dataclasses.replace(found, digest=image_digest(settings) if Path(settings.image).is_file() else None)


def check(wanted: Container, which: Which = shutil.which, run: Ask = ask) -> None:
    """Refuse what could not start.

    Args:
        wanted: What workers will run in.
        which: Finds a program on the search path.
        run: Asks the runtime.

    Raises:
        UserError: a runtime, an image or a folder is missing, and what to do next.
    """
    settings = wanted.settings
    if settings.runtime == "none":
        return
    for bind in map(parse_bind, settings.binds):
        if not bind.source.exists():
            raise UserError(f"container.binds: {bind.source} does not exist: make it, or take it out of the profile")
    if not settings.check:
        return
    if which(program(settings)) is None:
        raise UserError(
            f"container.runtime {settings.runtime}: no program '{program(settings)}' here. Install it, or "
            f"name its path in container.executable. {ELSEWHERE}"
        )
    match settings.runtime:
        case "docker" | "podman":
            _check_stored(settings, run)
        case "apptainer":
            _check_file(settings, "apptainer build truestrength.sif docker-daemon://truestrength:latest")
        case "charliecloud":
            _check_folder(wanted)
        case "pyxis":
            _check_pyxis(settings, run)


def image_digest(settings: ContainerSettings, run: Ask = ask) -> str | None:
    """The image's content as `sha256:…`; None where it has no such name (a folder, an image still to be fetched)."""
    if settings.runtime in {"docker", "podman"}:
        form = "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}"
        _, output, _ = run([program(settings), "image", "inspect", "--format", form, settings.image])
        # Podman prints an id without the algorithm.
        named = re.sub(r"^(?=[0-9a-f]{64}$)", "sha256:", output.strip())
        return found.group() if (found := DIGEST.search(named)) else None
    if found := DIGEST.search(settings.image):
        return found.group()
    path = Path(settings.image)
    if settings.runtime == "none" or not path.is_file():
        return None
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _check_stored(settings: ContainerSettings, run: Ask) -> None:
    name = program(settings)
    code, _, error = run([name, "image", "inspect", settings.image])
    if not code:
        return
    if "no such image" in error.lower() or "image not known" in error.lower():
        raise UserError(
            f"container.image {settings.image}: {name} has no such image. Build it (`{name} build --tag "
            f"{settings.image} .`) or fetch it (`{name} pull {settings.image}`). {ELSEWHERE}"
        )
    raise UserError(f"container.runtime {settings.runtime}: {name} does not answer: {error.strip()}. {ELSEWHERE}")


def _check_file(settings: ContainerSettings, how: str) -> None:
    if "://" not in settings.image and not Path(settings.image).exists():
        raise UserError(f"container.image {settings.image}: there is no such file. Make it with `{how}`. {ELSEWHERE}")


def _check_folder(wanted: Container) -> None:
    image = Path(wanted.settings.image)
    if not (image / "ch/environment").is_file():
        raise UserError(
            f"container.image {image}: not a Charliecloud image (no {image}/ch/environment). "
            f"Make it as docker/README.md says. {ELSEWHERE}"
        )
    inside = [image / target.relative_to("/") for target in (*(m.target for m in wanted.mounts), SECRET)]
    missing = [str(path) for path in inside if not path.exists()]
    if missing:
        raise UserError(
            f"container.image {image}: ch-run makes no mount points. Make them: mkdir -p {' '.join(missing)}"
        )


def _check_pyxis(settings: ContainerSettings, run: Ask) -> None:
    _, output, _ = run([program(settings), "--help"])
    if "--container-image" not in output:
        raise UserError(f"container.runtime pyxis: this cluster's srun has no --container-image. {ELSEWHERE}")
    if settings.image.startswith(("/", ".")):
        _check_file(settings, "enroot import --output truestrength.sqsh dockerd://truestrength:latest")
