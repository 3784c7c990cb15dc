"""Sessions of a PostgreSQL by psycopg2, in which each statement is a transaction of its own.

Surprising: psycopg2's `with session:` never closes it. In a session of this kind the block is a transaction, which an
exception rolls back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg2
from psycopg2.extensions import connection as Session  # noqa: N812 - a class, whatever its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import Composable

from trainer.contract.database.address import CONNECT_TIMEOUT_S

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]

__all__ = ["Cursor", "Parameters", "Session", "connect", "connected", "execute", "rows"]


def connect(url: str, **settings: Any) -> Session:
    """Open a session.

    Args:
        url: of the database.
        settings: more of libpq's connection parameters.

    Raises:
        psycopg2.Error: the server cannot be reached or refuses.
    """
    session: Session = psycopg2.connect(url, **{"connect_timeout": CONNECT_TIMEOUT_S, **settings})
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
