"""Where a benchmark runs: fresh folders that are removed afterwards, a database of its own, and the table's heading."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truestrength.launcher.postgres import server
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.process import cores
from truestrength.trainer.contract.records.provenance import git_state
from truestrength.trainer.contract.text_table import text_table

CACHE = Path(".cache/benchmarks")
CONFIG = Path("config/outputs4_phase1.yaml")
OWN_SERVER = "TRUESTRENGTH_POSTGRES"


@contextmanager
def fresh_folder(*, keep: bool = False) -> Iterator[Path]:
    """An empty folder on the project's own disk (a memory disk would flatter the database)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=CACHE)).absolute()
    try:
        yield folder
    finally:
        if keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Checkout:
    """A state of the code, with the Python that has what it needs."""

    name: str
    folder: Path
    python: str


def here() -> Checkout:
    """The code that measures."""
    return Checkout("this", Path.cwd(), sys.executable)


def checkout(revision: str) -> Checkout:
    """Another state of this repository, in a work tree of its own that is kept for the next time, with its environment.

    Raises:
        UserError: there is no such revision, or it cannot be installed.
    """
    commit = _done(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], Path.cwd())
    folder = (CACHE / commit[:12]).absolute()
    if not folder.exists():
        _done(["git", "worktree", "add", "--detach", str(folder), commit], Path.cwd())
    print(f"installing {revision} into {folder}, unless that was done", file=sys.stderr)
    _done(["make", "install", f"PYTHON={os.path.realpath(sys.executable)}"], folder)
    return Checkout(commit[:10], folder, str(folder / ".venv/bin/python"))


def _done(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def own_database(folder: Path) -> dict[str, str | None]:
    """Environment in which a launcher starts, and stops, an embedded PostgreSQL in `folder`."""
    return {OWN_SERVER: str(folder), address.URL_VARIABLE: None, address.FILE_VARIABLE: None}


@contextmanager
def running_database(folder: Path) -> Iterator[str]:
    """An embedded PostgreSQL in `folder`, and its superuser's URL: benchmarks make databases and ask where it lies."""
    before = os.environ.pop(OWN_SERVER, None)
    try:
        server.up(folder)
        yield server.superuser_url(folder)
    finally:
        server.down(folder)
        if before is not None:
            os.environ[OWN_SERVER] = before


def heading(title: str) -> str:
    """What was measured, where: a figure without its machine and its load says little."""
    commit, dirty = git_state()
    load = os.getloadavg()[0]
    where = f"{cores()} cores, load {load:.1f} at the start, Python {platform.python_version()}"
    return f"{title}\n{where}, commit {(commit or 'unknown')[:10]}{' with changes' if dirty else ''}\n"


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; floats with three figures or one decimal place."""
    cells = [[figure(cell) if isinstance(cell, float) else cell for cell in row] for row in rows]
    print(f"\n{title}\n{text_table(header, cells)}", flush=True)


def figure(value: float) -> float | int:
    """A number with the digits that mean something.

    >>> figure(0.01234), figure(12.34), figure(1234.5)
    (0.0123, 12.3, 1234)
    """
    if abs(value) >= 100:
        return round(value)
    return round(value, 1) if abs(value) >= 10 else float(f"{value:.3g}")
