"""Who builds what: a lock per key in the database, because file locks lie on Lustre and NFS.

PostgreSQL's locks are of one database, so two outputs roots with a database each may build the same thing at once;
files are whole or not there, so that costs time only. The locks belong to the ledger's connection. PostgreSQL lets one
connection take a lock twice, so the threads of a process are kept apart here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.contract.ledger.connection import Connection, values
from trainer.contract.ledger.queries import query


class BuildingLocks:
    """The keys that this process is building."""

    def __init__(self, connection: Connection) -> None:
        """Take the locks on `connection`."""
        self._connection = connection
        self._keys: set[str] = set()
        self._turn = threading.Lock()

    @contextmanager
    def asking(self, key: str) -> Iterator[bool]:
        """Whether `key` is this caller's to build; `Ledger.building` says more."""
        mine = self._take(key)
        try:
            yield mine
        finally:
            if mine:
                self._give_back(key)

    def _take(self, key: str) -> bool:
        with self._turn:
            if key in self._keys or not self._ask("try_session_lock", key):
                return False
            self._keys.add(key)
            return True

    def _give_back(self, key: str) -> None:
        with self._turn:
            self._keys.discard(key)
            self._ask("session_unlock", key)

    def _ask(self, statement: str, key: str) -> bool:
        name = {"name": f"truestrength:building:{key}"}
        return self._connection.work(lambda open_: values(open_, query(statement), name)) == [True]
