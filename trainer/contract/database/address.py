"""Finds the database and says in plain words what is wrong with it.

Order: `DATABASE_URL`, then the file that `DATABASE_URL_FILE` names, then the project's embedded server. That one has a
database for every outputs root, so the sweeps of two roots never meet. The URL holds a password: it is passed on by
environment or by a file that only the owner may read, and is printed by `redact` only.

Surprising: libpq reads some thirty variables (PGSSLMODE, PGSERVICE, PGOPTIONS, …), and no parameter takes PGSERVICE
back. A URL of the user's own is completed by them, as libpq's users expect. The embedded server's URLs carry a mark,
and a process that connects by one of them forgets those variables, for itself and for all that it starts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from psycopg2.extensions import parse_dsn

from trainer.contract import outputs_root
from trainer.contract.errors import DatabaseError
from trainer.contract.paths.outputs import OutputsRoot
from trainer.contract.paths.server import EmbeddedServerPaths

URL_VARIABLE = "DATABASE_URL"
FILE_VARIABLE = "DATABASE_URL_FILE"
CONNECT_TIMEOUT_S = 10
LONGEST_IDLE_TRANSACTION_S = 10
EMBEDDED = "application_name=truestrength-embedded"
"""What every URL of the embedded server ends with; a parameter of libpq's, so that `psql` takes the URL too."""

_ROOT_ID = re.compile(r"^[a-z0-9]{1,55}$")
_SCHEMES = re.compile(r"^(postgres|postgresql)(\+\w+)?$")
_LIBPQ_VARIABLE = re.compile(r"^PG[A-Z0-9]+$")
_SECRET = re.compile(r"(?<=://)([^:/@\s]*):([^@/\s]*)@|(?<=password=)[^&\s]+")
HINT = "Start the embedded server with `python -m launcher db up`, or set DATABASE_URL to a PostgreSQL server."


def configured() -> bool:
    """Whether the environment names a database."""
    return bool(os.environ.get(URL_VARIABLE) or os.environ.get(FILE_VARIABLE))


def database_url(root: Path = Path(), outputs: OutputsRoot | None = None) -> str:
    """The URL of the database, as `postgresql://user:password@host:port/name`.

    Args:
        root: the project folder, whose `.postgres/` is the embedded server.
        outputs: whose database is preferred on the embedded server; without one it is the current database.

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
    return read_url((outputs and root_url_file(root, outputs)) or embedded)


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


def normalise(url: str, source: str = "the database URL") -> str:
    """Bring every usual spelling of a PostgreSQL URL into one form, without a driver's name.

    >>> normalise("postgresql+psycopg2://me@db/sweeps")
    'postgresql://me@db/sweeps'

    Raises:
        DatabaseError: `source` is not the URL of a PostgreSQL.
    """
    parts = urlsplit(url.strip())
    if not _SCHEMES.match(parts.scheme):
        found = f"{parts.scheme}://…" if parts.scheme and "//" in url else "text that is not a URL"
        raise DatabaseError(f"{source}: expected postgresql://USER:PASSWORD@HOST:PORT/NAME, found {found}. {HINT}")
    return urlunsplit(("postgresql", *parts[1:]))


def sqlalchemy_url(url: str) -> str:
    """The same database for SQLAlchemy, by the driver that this project installs."""
    return normalise(url).replace("postgresql://", "postgresql+psycopg2://", 1)


def with_database(url: str, name: str) -> str:
    """The same server, another database.

    >>> with_database("postgresql://me@db:5433/postgres?sslmode=require", "sweeps")
    'postgresql://me@db:5433/sweeps?sslmode=require'
    """
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def session_settings(url: str) -> dict[str, Any]:
    """Connection parameters for every session of a worker or launcher, beside those that `url` has.

    A server that is gone without a word is noticed within a minute, whether it was asked something or not. A process
    that is frozen in the middle of a transaction (SIGSTOP, a suspended virtual machine) would keep its locks for ever,
    because its TCP connection lives on; the server ends such a session.
    """
    own = f"-c idle_in_transaction_session_timeout={LONGEST_IDLE_TRANSACTION_S}s"
    return {
        "options": f"{own} {parse_dsn(url).get('options') or ''}".strip(),
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }


def redact(text: str) -> str:
    """`text` for people: every password in it replaced, and the embedded server's mark left out.

    >>> redact("postgresql://me:secret@db/sweeps")
    'postgresql://me:***@db/sweeps'
    """
    shown = text.replace(f"?{EMBEDDED}", "")
    return _SECRET.sub(lambda found: f"{found.group(1)}:***@" if found.group(1) is not None else "***", shown)


def only_by_its_url(url: str) -> None:
    """Forget libpq's variables for good, in this process and those it starts, if `url` is the embedded server's."""
    if EMBEDDED in urlsplit(url).query.split("&"):
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
