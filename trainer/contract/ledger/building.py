"""Who builds what: a lock per key in the database, because file locks lie on Lustre and NFS.

PostgreSQL's locks are of one database, so two outputs roots with a database each may build the same thing at once;
files are whole or not there, so that costs time only. The locks belong to the ledger's connection. PostgreSQL lets one
connection take a lock twice, so the threads of a process are kept apart here.

A key may also be kept: it is taken again with the next connection, and who finds that somebody else has it is told so.

The lock of a process that dies falls with its connection. One that is frozen (SIGSTOP, a suspended job) keeps its
connection, so those who wait may end the session of a holder that has been silent for too long. When it wakes it
connects anew.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.connection import Connection, values
from truestrength.trainer.contract.ledger.queries import query

SPEAK_S = 1.0
"""So soon a process that keeps a key notices that its connection is lost."""
TAKE_AGAIN_S = 2.0
"""So long the server may need to end a session that it does not know to be lost."""

_log = logging.getLogger(__name__)


@dataclass
class _Kept:
    pid: int
    """Of the session that holds the key, at the server."""
    lost: str
    """What to say when somebody else has it."""


class BuildingLocks:
    """The keys that this process is building, and those that it keeps."""

    def __init__(self, connection: Connection) -> None:
        """Take the locks on `connection`."""
        self._connection = connection
        self._keys: set[str] = set()
        self._turn = threading.Lock()
        self._speaks = False
        self._kept: dict[str, _Kept] = {}
        self._lost = ""
        connection.when_opened = self._take_again

    @contextmanager
    def keeping(self, key: str, lost: str) -> Iterator[bool]:
        """Whether `key` is this caller's to keep; `Ledger.keeping` says more."""
        mine = self._take(key, None)
        if mine:
            (pid,) = self._connection.work(lambda open_: values(open_, "SELECT pg_backend_pid()", {}))
            self._kept[key] = _Kept(pid, lost)
            self._give_signs_of_life(SPEAK_S)
        try:
            yield mine
        finally:
            if mine:
                del self._kept[key]
                self._give_back(key)

    def _take_again(self, session: Session) -> None:
        """Take what this process keeps with a new session.

        Raises:
            DatabaseError: somebody else has it.
        """
        for key, kept in list(self._kept.items()):
            named = {"name": _name(key), "pid": kept.pid}
            deadline = time.monotonic() + TAKE_AGAIN_S
            while self._lost or values(session, query("try_session_lock"), named) != [True]:
                if self._lost or time.monotonic() > deadline:
                    self._lost = self._lost or kept.lost
                    raise DatabaseError(self._lost)
                # The server may not know yet that the session which had it is lost.
                execute(session, query("end_own_holder"), named)
                time.sleep(0.05)
            (kept.pid,) = values(session, "SELECT pg_backend_pid()", {})

    @contextmanager
    def asking(self, key: str, silent_s: float | None) -> Iterator[bool]:
        """Whether `key` is this caller's to build; `Ledger.building` says more."""
        mine = self._take(key, silent_s)
        if mine and silent_s is not None:
            self._give_signs_of_life(silent_s / 4)
        try:
            yield mine
        finally:
            if mine:
                self._give_back(key)

    def _take(self, key: str, silent_s: float | None) -> bool:
        with self._turn:
            if key in self._keys:
                return False
            if not self._ask("try_session_lock", key):
                if silent_s is not None and self._ask("end_silent_holder", key, silent_s=silent_s):
                    _log.warning("%s: whoever was building it gave no sign of life for %g s", key, silent_s)
                return False
            self._keys.add(key)
            return True

    def _give_signs_of_life(self, every_s: float) -> None:
        """Speak to the server as long as this process builds anything: building itself is silent."""

        def speak() -> None:
            while True:
                time.sleep(every_s)
                with self._turn:
                    if not self._keys:
                        self._speaks = False
                        return
                with suppress(DatabaseError):
                    self._connection.run("SELECT 1", {}, patience_s=0)

        with self._turn:
            if not self._speaks:
                self._speaks = True
                threading.Thread(target=speak, name="building", daemon=True).start()

    def _give_back(self, key: str) -> None:
        with self._turn:
            self._keys.discard(key)
            # A server that is away has let go of the lock already: nobody has to wait for it to come back.
            with suppress(DatabaseError):
                self._ask("session_unlock", key, patience_s=0)

    def _ask(self, statement: str, key: str, patience_s: float | None = None, **parameters: float) -> bool:
        named = {"name": _name(key), **parameters}
        return self._connection.work(lambda open_: values(open_, query(statement), named), patience_s) == [True]


def _name(key: str) -> str:
    return f"truestrength:building:{key}"
