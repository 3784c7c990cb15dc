"""The checks of this machine. They leave nothing behind.

Surprising: where no server runs, one is really made in a folder of its own and stopped again, since the programs'
being there says little.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from truestrength.launcher.containers import checks
from truestrength.launcher.containers.settings import ContainerSettings
from truestrength.launcher.database import PROJECT
from truestrength.launcher.doctor.findings import Finding, guarded
from truestrength.launcher.installation import NEWEST, OLDEST
from truestrength.launcher.jobs.devices import devices
from truestrength.launcher.postgres import server
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.database import address, patience, sessions
from truestrength.trainer.contract.database.url import shown

PATIENCE_S = 5.0
LITTLE_GB = 5.0
SKEW_S = 5.0
ENGINES = ("docker", "podman", "apptainer", "singularity", "ch-run")


def examined(paths: Paths, container: ContainerSettings) -> list[Finding]:
    """All checks of this machine.

    Args:
        paths: Of the configuration.
        container: What workers are to run in.
    """
    outputs = Path(paths.outputs)
    database = guarded("postgresql", postgresql, "set DATABASE_URL to a PostgreSQL that answers, or see what it says")
    return [
        python(),
        packages(),
        database,
        folder("outputs", outputs),
        folder("store", Path(paths.batch_cache)),
        guarded(
            "container", lambda: _container(paths, container), "docs/gpu_box.md says how to get an engine and an image"
        ),
        gpu(),
        clock(outputs, ask_database=database.state == "ok" and address.configured()),
    ]


def python() -> Finding:
    """Whether this Python is one that the packages are tested with."""
    found = "{}.{}.{}".format(*sys.version_info)
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return Finding("python", "ok", f"{found}, {sys.executable}")
    possible = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
    return Finding("python", "fail", found, f"install with Python {possible}: make install PYTHON=python3.12")


def packages() -> Finding:
    """Whether the packages that this project needs are installed."""
    try:
        needed = importlib.metadata.requires("truestrength") or []
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", "fail", "truestrength is not installed", "make install")
    names = [re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in needed if "extra ==" not in one]
    missing = sorted(name for name in names if not _is_installed(name))
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "make install")
    return Finding("packages", "ok", f"all {len(names)} are installed")


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def postgresql() -> Finding:
    """Whether the configured database answers, the embedded server runs, or one could be made here.

    Raises:
        DatabaseError: it does not, or none can.
    """
    if address.configured():
        url = address.database_url()
        patience.reach(url, PATIENCE_S, lambda _: None)
        return Finding("postgresql", "ok", f"{shown(url)} answers")
    if server.status(PROJECT).running:
        return Finding("postgresql", "ok", "the embedded server runs")
    with tempfile.TemporaryDirectory(prefix="truestrength-doctor-") as name:
        root = Path(name)
        root.chmod(0o755)  # a root's server runs as another user
        try:
            server.up(root)
        finally:
            server.down(root)
    return Finding("postgresql", "ok", "a server was made, started and stopped")


def folder(check: str, path: Path) -> Finding:
    """Whether a folder, or the nearest one above that is there, can be written to and has room."""
    there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    if not there.is_dir():
        return Finding(check, "fail", f"{there}: is a file", "move it, or name another folder in the configuration")
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(check, "fail", f"{there}: cannot be written to", "name another folder in the configuration")
    free = shutil.disk_usage(there).free / 1e9
    said = f"{path}: {free:.1f} GB free"
    if free < LITTLE_GB:
        return Finding(check, "warn", said, "make room: `truestrength cache gc` frees the store's")
    return Finding(check, "ok", said)


def _container(paths: Paths, settings: ContainerSettings) -> Finding:
    if settings.runtime != "none":
        checks.checked(settings, paths, PROJECT)
        return Finding("container", "ok", f"{settings.runtime}: {settings.image} is there")
    found = [name for name in ENGINES if shutil.which(name)]
    return Finding("container", "ok", f"none is asked for; there are: {', '.join(found) or 'no engines'}")


def gpu() -> Finding:
    """The devices that workers here would use."""
    found = devices()
    if found:
        return Finding("gpu", "ok", f"{len(found)}: {', '.join(one.name for one in found)}")
    return Finding("gpu", "warn", "none (`nvidia-smi -L`)", "nothing, if workers are to train on the CPU")


def clock(outputs: Path, *, ask_database: bool) -> Finding:
    """This machine's clock beside the file system's and, if it is to be asked, the configured database's."""
    there = next(one for one in (outputs.absolute(), *outputs.absolute().parents) if one.is_dir())
    skews: dict[str, float] = {}
    if os.access(there, os.W_OK | os.X_OK):
        with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-") as file:
            skews["file system"] = Path(file.name).stat().st_mtime - time.time()
    if ask_database:
        with sessions.connected(address.database_url()) as session:
            [row] = sessions.rows(session, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")
        skews["database"] = row["now"] - time.time()
    return of_skews("clock", skews)


def of_skews(check: str, skews: dict[str, float]) -> Finding:
    """What differences of clocks mean; in seconds, above 0: the other one is ahead."""
    said = ", ".join(f"{name} {skew:+.1f} s" for name, skew in skews.items()) or "nothing to compare it with"
    if any(abs(skew) > SKEW_S for skew in skews.values()):
        return Finding(check, "warn", said, "let chrony or systemd-timesyncd set the clocks")
    return Finding(check, "ok", said)
