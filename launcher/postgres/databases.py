"""The embedded server's databases: one for every outputs root, named by the root's id, and the current one of them.

Each has a file with its URL, written anew whenever the server may have moved. The server's list of databases is the
truth, the files follow it: a database that is gone leaves no file behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql

from truestrength.launcher.postgres import roles
from truestrength.launcher.postgres.state import NAME, ServerState
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import faults
from truestrength.trainer.contract.database.sessions import Session, connected, execute
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

OF_ROOTS = "SELECT datname FROM pg_database WHERE datname ^@ 'outputs_'"


def create(server: str, name: str) -> None:
    """Make a database unless it is there; of all who try at once, one makes it.

    Args:
        server: The superuser's URL of any database of the server.
        name: Of the new one.

    Raises:
        DatabaseError: the server is out of reach.
    """
    with _connected(server) as connection:
        if execute(connection, "SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
            return
        # Whoever comes second waits for the first, and is then told that the name is taken.
        with suppress(errors.DuplicateDatabase, errors.UniqueViolation):
            execute(connection, sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, NAME))))


def publish(paths: EmbeddedServerPaths, state: ServerState) -> str:
    """Write down the URL of every database of a server that is up, and return the current one's.

    Raises:
        DatabaseError: the server is out of reach.
    """
    superuser = roles.settled(paths, state)
    create(superuser, NAME)
    with _connected(superuser) as connection:
        names = {name for (name,) in execute(connection, OF_ROOTS)}
    for name in names:
        _write_url(paths.root_url(name), state.url(name))
    for path in paths.urls.glob("*"):
        if path.name not in names:
            path.unlink()
    if current(paths) not in names:
        paths.current.unlink(missing_ok=True)
    url = state.url(current(paths))
    _write_url(paths.url, url)
    return url


def make_current(paths: EmbeddedServerPaths, state: ServerState, name: str) -> None:
    """Make a database the one that commands use which name none."""
    _write_url(paths.root_url(name), state.url(name))
    files.write_secret(paths.current, name)
    _write_url(paths.url, state.url(name))


def current(paths: EmbeddedServerPaths) -> str:
    """The name of the current database."""
    return paths.current.read_text(encoding="utf-8") if paths.current.exists() else NAME


@contextmanager
def _connected(url: str) -> Iterator[Session]:
    try:
        with connected(url) as session:
            yield session
    except psycopg2.Error as error:
        raise faults.explain(error, url) from None


def _write_url(path: Path, url: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != url:
        files.write_secret(path, url)
