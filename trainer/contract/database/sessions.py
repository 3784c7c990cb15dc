"""Sessions of a PostgreSQL by psycopg2, in which each statement is a transaction of its own.

Surprising: psycopg2's `with session:` never closes it. In a session of this kind the block is a transaction, which an
exception rolls back. And psycopg2 waits for the server in C, where no signal is heard: a server that is frozen would
freeze whoever asks it, Ctrl-C or not. So the waiting is done here, for all connections of the process.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import connection as Session  # noqa: N812 - a class, whatever its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import Composable

from trainer.contract.database.address import CONNECT_TIMEOUT_S, only_by_its_url

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]

__all__ = ["Cursor", "Parameters", "Session", "connect", "connected", "execute", "rows"]


def connect(url: str, **settings: Any) -> Session:
    """Open a session, or give up after `CONNECT_TIMEOUT_S`. All of ours are opened here, or after `only_by_its_url`.

    Args:
        url: of the database.
        settings: more of libpq's connection parameters.

    Raises:
        psycopg2.Error: the server cannot be reached or refuses.
    """
    only_by_its_url(url)
    session: Session = psycopg2.connect(url, **settings)
    session.autocommit = True
    return session


@contextmanager
def connected(url: str, **settings: Any) -> Iterator[Session]:
    """A session for the length of a block, closed at its end."""
    session = connect(url, **settings)
    try:
        yield session
    finally:
        session.close()


def execute(session: Session, statement: str | Composable, parameters: Parameters | None = None) -> Cursor:
    """Send a statement; the cursor knows how many rows it touched, and those that it answers."""
    cursor = session.cursor()
    # An empty mapping would have psycopg2 look for placeholders, and find one in every percent sign.
    cursor.execute(statement, parameters or None)
    return cursor


def rows(session: Session, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
    """Send a statement and return what it answers, a dictionary by column for each row."""
    cursor = execute(session, statement, parameters)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def wait(session: Session) -> None:
    """Wait for the server where signals are heard.

    Raises:
        psycopg2.OperationalError: a connection could not be made within `CONNECT_TIMEOUT_S`. libpq knows no time limit
            for those who wait by themselves.
    """
    deadline = time.monotonic() + CONNECT_TIMEOUT_S if session.status == extensions.STATUS_SETUP else None
    while (state := session.poll()) != extensions.POLL_OK:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        reading, writing = ([session], []) if state == extensions.POLL_READ else ([], [session])
        if not any(select.select(reading, writing, [], left)):
            raise psycopg2.OperationalError(f"connection timeout expired: no answer within {CONNECT_TIMEOUT_S} s")


extensions.set_wait_callback(wait)
