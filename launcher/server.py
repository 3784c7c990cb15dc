"""The database for the time of one command: the configured one, or the project's embedded server.

A server that the command started itself is stopped when it ends, unless somebody else has come to use it meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from launcher import embedded_postgres
from trainer.contract import database
from trainer.contract.errors import DatabaseError
from trainer.contract.paths import EmbeddedServerPaths

PROJECT = Path()
"""The folder that `.postgres/` lies in: workers look for it in their working directory, which is the launcher's."""


def configured() -> bool:
    """Whether the environment names a database."""
    return bool(os.environ.get(database.URL_VARIABLE) or os.environ.get(database.FILE_VARIABLE))


@contextmanager
def database_for_command(say: Callable[[str], None]) -> Iterator[str]:
    """Give the URL of a database that answers; `say` is told what was started and stopped.

    Raises:
        DatabaseError: the database cannot be reached or started, and what to do next.
    """
    if configured():
        url = database.database_url(PROJECT)
        database.check(url)
        yield url
        return
    running = _running()
    url = running or embedded_postgres.up(PROJECT)
    if not running:
        say(f"database: started the embedded PostgreSQL ({database.redact(url)})")
    try:
        yield url
    finally:
        if not running:
            say(_stop(url))


@contextmanager
def database_with_sweeps() -> Iterator[str]:
    """Like `database_for_command` for commands that only look, which make no new database.

    Raises:
        DatabaseError: nothing has run here yet, or the database cannot be reached.
    """
    if not configured() and not EmbeddedServerPaths.of(PROJECT).data.exists():
        raise DatabaseError("no database here yet: `python -m launcher phase1` makes one, or set DATABASE_URL")
    with database_for_command(lambda text: print(text, file=sys.stderr)) as url:  # noqa: T201
        yield url


def _running() -> str | None:
    """The embedded server's URL when it answers, on this machine or on the one it was started on."""
    try:
        url = database.database_url(PROJECT)
        database.check(url)
    except DatabaseError:
        return None
    return url


def _stop(url: str) -> str:
    others = _others(url)
    if others:
        return f"database: left running, {others} other connections use it (`python -m launcher db down` stops it)"
    embedded_postgres.down(PROJECT)
    return "database: stopped; its data stays in .postgres/"


def _others(url: str) -> int:
    """Connections of others; 0 when the server is gone already."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    try:
        with psycopg.connect(url, connect_timeout=database.CONNECT_TIMEOUT_S) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.Error:
        return 0
    return int(row[0]) if row else 0
