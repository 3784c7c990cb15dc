"""Counts SQL statements and their time where the driver sends them, Optuna's (through SQLAlchemy) included.

This PostgreSQL comes without pg_stat_statements; here each statement is counted with the time until its answer, which
is what a worker waits for. BEGIN goes out together with a statement, COMMIT by itself, so COMMIT is counted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import psycopg2
from psycopg2.extensions import connection, cursor

LONGEST_HEAD = 90


@contextmanager
def counted() -> Iterator[dict[str, list[float]]]:
    """Give a table: the head of a statement -> how often it was sent, and seconds in all."""
    found: dict[str, list[float]] = {}

    def timed(send: Callable[..., Any], name: Callable[[tuple[Any, ...]], str]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return send(*args, **keywords)
            finally:
                row = found.setdefault(name(args), [0, 0.0])
                row[0] += 1
                row[1] += time.perf_counter() - began

        return call

    # Subclasses, because the driver's own classes are of C and cannot be changed.
    timed_cursor = type("Cursor", (cursor,), {"execute": timed(cursor.execute, lambda args: head(args[1]))})
    timed_connection = type(
        "Connection",
        (connection,),
        {
            "commit": timed(connection.commit, lambda _: "COMMIT"),
            "cursor": lambda self, *args, **settings: connection.cursor(
                self, *args, **{"cursor_factory": timed_cursor, **settings}
            ),
        },
    )
    with patch.object(psycopg2, "connect", partial(psycopg2.connect, connection_factory=timed_connection)):
        yield found


def head(statement: object) -> str:
    r"""The beginning of a statement without its comments, by which it is recognised.

    >>> head(b"-- why\nSELECT 1\n  FROM slots")
    'SELECT 1 FROM slots'
    """
    text = statement.decode() if isinstance(statement, bytes) else str(statement)
    plain = " ".join(re.sub(r"--[^\n]*", "", text).split())
    return plain[:LONGEST_HEAD]
