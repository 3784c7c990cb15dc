"""Sessions of a PostgreSQL by psycopg2, in which each statement is a transaction of its own.

Surprising: psycopg2's `with session:` never closes it. In a session of this kind the block is a transaction, which an
exception rolls back. And psycopg2 waits for the server in C, where no signal is heard: a server that is frozen would
freeze whoever asks it, Ctrl-C or not. So the waiting is done here, for all connections of the process.

What a server or a role has set for its sessions does not reach us: each of ours sets what it relies on, and one that a
pooler hands to others between two transactions is refused.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import psycopg2
from psycopg2 import extensions
from psycopg2.extensions import connection as Session  # noqa: N812 - a class, whatever its name
from psycopg2.extensions import cursor as Cursor  # noqa: N812
from psycopg2.sql import Composable

from truestrength.trainer.contract.database.address import only_by_its_url
from truestrength.trainer.contract.database.url import shown
from truestrength.trainer.contract.errors import DatabaseError

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]

__all__ = ["Cursor", "Parameters", "Session", "connect", "connected", "execute", "rows"]

CONNECT_TIMEOUT_S = 10
LONGEST_IDLE_TRANSACTION_S = 10
"""A process that is frozen in the middle of a transaction (SIGSTOP, a suspended virtual machine) would keep its locks
for ever, because its TCP connection lives on; the server ends such a session."""
CONNECTION = {
    "client_encoding": "UTF8",
    # A server that is gone without a word is noticed within a minute, whether it was asked something or not.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
SETTINGS = {
    "DateStyle": "ISO",
    "default_transaction_read_only": "off",
    "extra_float_digits": "1",  # less would round what it answers
    "idle_in_transaction_session_timeout": f"{LONGEST_IDLE_TRANSACTION_S}s",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "synchronous_commit": "on",  # else a crash of the server could give a run id twice
}
# Optuna's tables lie in the ledger's schema where a role of that schema's name made them: on the embedded server.
SEARCH_PATH = "concat_ws(', ', nullif(current_setting('search_path'), ''), 'truestrength')"
_SET = ", ".join(
    [
        "SELECT pg_backend_pid()",
        *(f"set_config('{k}', '{v}', false)" for k, v in SETTINGS.items()),
        f"set_config('search_path', {SEARCH_PATH}, false)",
    ]
)


def connect(url: str, **settings: Any) -> Session:
    """Open a session with everything set that ours rely on, or give up after `CONNECT_TIMEOUT_S`.

    Args:
        url: of the database.
        settings: more of libpq's connection parameters.

    Raises:
        psycopg2.Error: the server cannot be reached or refuses.
        DatabaseError: a pooler is in between that gives the session to others.
    """
    session = _connected(url, **settings)
    pid = execute(session, _SET).fetchall()[0][0]
    # A pooler invents the number by which a session may be cancelled.
    if pid != session.info.backend_pid and _is_shared(url):
        session.close()
        raise DatabaseError(
            f"{shown(url)}: a connection pooler gives sessions to others between transactions, and the ledger's locks "
            "are held by sessions. Use the server's own port, or a pool with pool_mode = session"
        )
    return session


def _connected(url: str, **settings: Any) -> Session:
    only_by_its_url(url)
    session: Session = psycopg2.connect(url, **{**CONNECTION, **settings})
    session.autocommit = True
    return session


@cache
def _is_shared(url: str) -> bool:
    """Whether what is one session for us is not one for the server."""
    first, second = _connected(url), _connected(url)
    try:
        mine = _pid(first)
        with second:
            return _pid(second) == mine or _pid(first) != mine
    except psycopg2.Error:  # pooled by statement, it refuses transactions
        return True
    finally:
        first.close()
        second.close()


def _pid(session: Session) -> int:
    return int(execute(session, "SELECT pg_backend_pid()").fetchall()[0][0])


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
