"""The Optuna study of a sweep: named by its batch id, in the ledger's database.

Optuna is imported when it is needed: it costs a third of a second of start-up. Tables and study are made by whoever
registers the sweep, under the ledger's lock; Optuna itself crashes when many make them at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from trainer.contract.database.sessions import Session, connect
from trainer.contract.errors import SweepChangedError
from trainer.contract.words import Direction

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study


_prepared: set[str] = set()


@contextmanager
def opened(url: str, *, new: bool = False) -> Iterator[RDBStorage]:
    """Optuna's storage with one connection, closed at the end.

    Args:
        url: the database.
        new: make Optuna's tables where they are missing, and check their version.
    """
    import optuna  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        # The driver's name only: SQLAlchemy would read a URL in its own way, and opens our own kind of session instead.
        "postgresql+psycopg2://",
        # While it checks its tables, Optuna wants a second connection for a moment.
        engine_kwargs={
            "pool_size": 1,
            "max_overflow": 1,
            "pool_pre_ping": True,
            "creator": partial(_transactional, url),
        },
        skip_table_creation=not new,
        skip_compatibility_check=not new,
    )
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _transactional(url: str) -> Session:
    """A session as SQLAlchemy expects it: one whose transactions it ends itself."""
    session = connect(url, application_name="truestrength")
    session.autocommit = False
    return session


def table_names() -> list[str]:
    """Of Optuna's tables."""
    from optuna.storages._rdb.models import BaseModel  # noqa: PLC0415

    return [*BaseModel.metadata.tables, "alembic_version"]


def create_study(url: str, batch_id: str, direction: Direction) -> int:
    """Make the study where it is missing, and say how many trials it has. Call it under a lock.

    Raises:
        SweepChangedError: the study is there and goes the other way.
    """
    import optuna  # noqa: PLC0415

    with opened(url, new=url not in _prepared) as storage:
        _prepared.add(url)
        study = optuna.create_study(
            study_name=batch_id, storage=storage, direction=direction.value, load_if_exists=True
        )
        if study.direction.name.lower() != direction:
            raise SweepChangedError(
                f"the database has an Optuna study {batch_id!r} to {study.direction.name.lower()}, not to {direction}. "
                "Use another --batch-id, or remove the study."
            )
        return len(study.get_trials(deepcopy=False))


def load_study(url: str, batch_id: str) -> Study:
    """The study of a registered sweep, read once: a copy in memory, for reports (`trials`, importances)."""
    import optuna  # noqa: PLC0415

    with opened(url) as storage:
        stored = optuna.load_study(study_name=batch_id, storage=storage)
        copy = optuna.create_study(study_name=batch_id, direction=stored.direction)
        copy.add_trials(stored.get_trials(deepcopy=False))
    return copy


def delete_study(url: str, batch_id: str) -> None:
    """Remove the study with all its trials; a study that is not there is no error."""
    import optuna  # noqa: PLC0415

    with opened(url, new=True) as storage, suppress(KeyError):
        optuna.delete_study(study_name=batch_id, storage=storage)
