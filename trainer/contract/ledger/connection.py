"""One connection that comes back: each operation is repeated with back-off while the server is away.

An operation may therefore run twice although it succeeded, when only its answer was lost. Every statement of the
ledger is written so that the second time does no harm.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import psycopg2
from psycopg2 import errors

from truestrength.trainer.contract.database import faults, sessions
from truestrength.trainer.contract.database.patience import PATIENCE_S, patiently
from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.ledger.version import refuse_newer

T = TypeVar("T")
Parameters = Mapping[str, Any]


class Connection:
    """A connection to the ledger's database, for one process; threads take turns."""

    def __init__(self, url: str, patience_s: float = PATIENCE_S) -> None:
        """Remember where the database is; the first operation connects."""
        self.url = url
        self.patience_s = patience_s
        self.when_opened: Callable[[Session], None] = lambda _: None
        """Called with each new session before anything else is said by it."""
        self._turn = threading.RLock()
        self._open: Session | None = None
        self._away = False
        self._back_at: float | None = None

    @property
    def back_s(self) -> float | None:
        """Seconds since the server was found again after it had been away; None when it never was."""
        return None if self._back_at is None else time.monotonic() - self._back_at

    def rows(self, statement: str, parameters: Parameters, row: type[T], patience_s: float | None = None) -> list[T]:
        """Run a statement and return what it answers as rows of type `row`."""
        return self.work(lambda open_: fetch(open_, statement, parameters, row), patience_s)

    def run(self, statement: str, parameters: Parameters, patience_s: float | None = None) -> int:
        """Run a statement and return how many rows it touched."""
        return self.work(lambda open_: execute(open_, statement, parameters).rowcount, patience_s)

    def work(self, task: Callable[[Session], T], patience_s: float | None = None) -> T:
        """Run `task` on the connection (autocommit), again and again while the trouble may pass.

        Raises:
            DatabaseError: the trouble does not pass by itself, or lasted longer than `patience_s`.
        """
        patience = self.patience_s if patience_s is None else patience_s
        return patiently(lambda: self._once(task), self.url, patience)

    def close(self) -> None:
        """Close the connection; the next operation opens it anew."""
        with self._turn:
            if self._open is not None:
                self._open.close()
            self._open = None

    def _once(self, task: Callable[[Session], T]) -> T:
        with self._turn:
            try:
                return task(self._session())
            except Exception as error:
                # Whoever waited too long for a lock has a session that is as good as before.
                cause = faults.driver_error(error)
                if isinstance(cause, psycopg2.Error) and not isinstance(cause, errors.LockNotAvailable):
                    self.close()
                    self._away = True
                raise

    def _session(self) -> Session:
        if self._open is None:
            opened = connect(self.url)
            try:
                self.when_opened(opened)
            except BaseException:
                opened.close()
                raise
            self._open = opened
            if self._away:
                self._away, self._back_at = False, time.monotonic()
        return self._open


def connect(url: str) -> Session:
    """Open a session in a ledger that this program knows.

    Raises:
        DatabaseError: a newer version of this program has been here.
        psycopg2.Error: the server cannot be reached or refuses.
    """
    session = sessions.connect(url, application_name="truestrength")
    try:
        refuse_newer(session)
    except BaseException:
        session.close()
        raise
    return session


def values(connection: Session, statement: str, parameters: Parameters) -> list[Any]:
    """Run a statement on an open connection and return the first column of its rows."""
    return [row[0] for row in execute(connection, statement, parameters).fetchall()]


def fetch(connection: Session, statement: str, parameters: Parameters, row: type[T]) -> list[T]:
    """Run a statement on an open connection and return its rows as type `row`."""
    return [msgspec.convert(found, row) for found in sessions.rows(connection, statement, parameters)]
