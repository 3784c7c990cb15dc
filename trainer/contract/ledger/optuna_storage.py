"""Optuna's storage on the ledger's own session: a study costs no second connection, and is told in one transaction.

Optuna is imported when it is needed: it costs a third of a second of start-up. It commits as it likes; here its commits
are kept back until the block ends, so that all that was told in it is in the study, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.queries import query

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy.engine import ExceptionContext

TABLES = "v3.2.0.a"
"""The version of Optuna's tables that the Optuna of this program reads and writes."""
ADVICE = "Nothing was changed. Use the Optuna that wrote them, or another database in DATABASE_URL."


class OptunaStorage:
    """Optuna's storage, on whichever session of the ledger it is given."""

    def __init__(self) -> None:
        """Nothing is made before it is used."""
        self._session: Session | None = None
        self._storage: RDBStorage | None = None

    @contextmanager
    def transaction(self, session: Session) -> Iterator[RDBStorage]:
        """Optuna's storage for the length of a transaction on `session`; other statements may be part of it, too.

        Raises:
            DatabaseError: Optuna's tables are missing, or of another version.
        """
        if session is not self._session and not tables_are_there(session):
            raise DatabaseError("Optuna's tables are not in this database. A launcher makes them with the first sweep.")
        session.autocommit = False
        try:
            storage = self._on(session)
            with storage.engine.begin() as bound:
                storage.scoped_session.configure(bind=bound, join_transaction_mode="rollback_only")
                try:
                    yield storage
                finally:
                    storage.remove_session()
        finally:
            _give_back(session)

    def _on(self, session: Session) -> RDBStorage:
        if self._storage is None:
            self._session = session
            self._storage = _storage(lambda: self._session, tables=False)
            self._storage.remove_session()
        elif session is not self._session:
            self._session = session
            self._storage.engine.dispose(close=False)  # the ledger closes its sessions itself
        return self._storage


def make_tables(session: Session) -> None:
    """Make Optuna's tables where they are missing. Safe for any number of processes at once.

    Raises:
        DatabaseError: they are there in another version.
    """
    if tables_are_there(session):
        return
    # Held by the session: Optuna commits in between.
    execute(session, query("take_lock"), {"name": "truestrength:optuna"})
    try:
        if not tables_are_there(session):
            session.autocommit = False
            _storage(lambda: session, tables=True).remove_session()
    finally:
        _give_back(session)
        if not session.closed:
            execute(session, query("session_unlock"), {"name": "truestrength:optuna"})


def tables_are_there(session: Session) -> bool:
    """Whether the database has Optuna's tables, all of them.

    Raises:
        DatabaseError: in another version; who wrote them, and what to do.
    """
    if not execute(session, query("optuna_prepared")).fetchall()[0][0]:
        return False
    found = execute(session, query("optuna_version")).fetchall()
    if not found:
        return False
    version, library = found[0]
    if version != TABLES:
        raise DatabaseError(_other_version(version, library))
    return True


def _other_version(found: str, library: str) -> str:
    """What to do about tables of another version. Optuna itself knows those before its own."""
    import optuna  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    here = optuna.storages.RDBStorage("sqlite://", engine_kwargs={"poolclass": StaticPool})
    older = found in here.get_all_versions()
    said = f"Optuna's tables in this database have version {found} (first written by Optuna {library}), "
    said += f"this program's Optuna {optuna.__version__} knows {TABLES}: they are "
    if older:
        upgrade = 'OPTUNA_STORAGE="$(truestrength db url --sqlalchemy)" optuna storage upgrade'
        return f"{said}older. `{upgrade}` brings them up to date, for all who use them. {ADVICE}"
    return f"{said}newer. {ADVICE}"


def _storage(session: Callable[[], Session | None], *, tables: bool) -> RDBStorage:
    """Optuna's storage whose only connection is what `session()` gives."""
    import optuna  # noqa: PLC0415
    from sqlalchemy import event  # noqa: PLC0415
    from sqlalchemy.pool import StaticPool  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        # The driver's name only: SQLAlchemy would read a URL in its own way.
        "postgresql+psycopg2://",
        engine_kwargs={"creator": session, "poolclass": StaticPool, "use_native_hstore": False},
        skip_table_creation=not tables,
        skip_compatibility_check=not tables,
    )
    event.listen(storage.engine, "handle_error", _as_it_is)
    return storage


def _as_it_is(context: ExceptionContext) -> None:
    """What may pass by itself goes up at once: Optuna would try again, for seconds, in a transaction that is lost."""
    if isinstance(context.original_exception, psycopg2.OperationalError | psycopg2.InterfaceError):
        raise context.original_exception


def _give_back(session: Session) -> None:
    """A session in which each statement is a transaction of its own, as the ledger's are."""
    if not session.closed:
        session.rollback()
        session.autocommit = True
