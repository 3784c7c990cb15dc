"""Finds the database and says in plain words what is wrong with it.

Order: `DATABASE_URL`, then the file that `DATABASE_URL_FILE` names, then the project's embedded server. That one has a
database for every outputs root, so the sweeps of two roots never meet. The URL holds a password: it is passed on by
environment or by a file that only the owner may read, and `url.shown` prints it.

Surprising: libpq reads some thirty variables (PGSSLMODE, PGSERVICE, PGOPTIONS, …), and no parameter takes PGSERVICE
back. A URL of the user's own is completed by them, as libpq's users expect. The embedded server's URLs carry a mark,
and a process that connects by one of them forgets those variables, for itself and for all that it starts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.database.url import EMBEDDED, HINT, normalise
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

URL_VARIABLE = "DATABASE_URL"
FILE_VARIABLE = "DATABASE_URL_FILE"

_ROOT_ID = re.compile(r"^[a-z0-9]{1,55}$")
_LIBPQ_VARIABLE = re.compile(r"^PG[A-Z0-9]+$")


def configured() -> bool:
    """Whether the environment names a database."""
    return bool(os.environ.get(URL_VARIABLE) or os.environ.get(FILE_VARIABLE))


def database_url(root: Path = Path()) -> str:
    """The URL of the database, as `postgresql://user:password@host:port/name`.

    Args:
        root: the project folder, whose `.postgres/` is the embedded server.

    Raises:
        DatabaseError: no database is configured, or what is configured is not the URL of a PostgreSQL.
    """
    if os.environ.get(URL_VARIABLE):
        return normalise(os.environ[URL_VARIABLE], URL_VARIABLE)
    if os.environ.get(FILE_VARIABLE):
        return normalise(_read_secret(Path(os.environ[FILE_VARIABLE])), f"{FILE_VARIABLE} {os.environ[FILE_VARIABLE]}")
    embedded = EmbeddedServerPaths.of(root).url
    if not embedded.exists():
        raise DatabaseError(f"No database: neither DATABASE_URL nor {embedded} is there. {HINT}")
    return read_url(embedded)


def read_url(path: Path) -> str:
    """The URL in a file that only its owner may read.

    Raises:
        DatabaseError: it cannot be read, others can read it, or it holds no URL of a PostgreSQL.
    """
    return normalise(_read_secret(path), str(path))


def root_database(outputs: OutputsRoot) -> str:
    """The name of an outputs root's database on the embedded server; makes the root's id where it has none.

    Raises:
        DatabaseError: the root's id was changed by hand.
    """
    root_id = outputs_root.outputs_id(outputs)
    if not _ROOT_ID.match(root_id):
        raise DatabaseError(
            f"{outputs.identity}: expected letters and digits, found {root_id!r}; removed, it is made anew"
        )
    return f"outputs_{root_id}"


def root_url_file(root: Path, outputs: OutputsRoot) -> Path | None:
    """The file with the URL of an outputs root's database on the embedded server; None when it has none. Makes nothing.

    Args:
        root: the project folder.
        outputs: the outputs root.
    """
    if not outputs.identity.exists():
        return None
    path = EmbeddedServerPaths.of(root).root_url(root_database(outputs))
    return path if path.exists() else None


def only_by_its_url(url: str) -> None:
    """Forget libpq's variables for good, in this process and those it starts, if `url` is the embedded server's."""
    if url.endswith(EMBEDDED):
        for name in libpq_variables():
            del os.environ[name]


def libpq_variables() -> list[str]:
    """The environment's variables that complete a URL of the user's own; none after `only_by_its_url`."""
    return sorted(name for name in os.environ if _LIBPQ_VARIABLE.match(name))


def _read_secret(path: Path) -> str:
    try:
        mode = path.stat().st_mode & 0o777
        # Container secrets are mounted readable; nobody else is in there to read them.
        if mode & 0o077 and not path.is_relative_to("/run/secrets"):
            raise DatabaseError(f"{path}: holds a password and has mode {mode:o}: run `chmod 600 {path}`")
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be read: {error.strerror}. {FILE_VARIABLE} names it.") from None
