"""The Optuna study of a sweep: named by its batch id, in the ledger's database.

Optuna is imported when it is needed: it costs a third of a second of start-up. Tables and study are made by whoever
registers the sweep, under the ledger's lock; Optuna itself crashes when many make them at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.contract.database import sqlalchemy_url
from trainer.contract.objectives import Direction

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study


def storage(url: str, *, new: bool = False) -> RDBStorage:
    """Optuna's storage with at most one connection per process, opened when needed.

    Args:
        url: the database.
        new: make Optuna's tables where they are missing, and check their version.
    """
    import optuna  # noqa: PLC0415 - not before it is needed
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.storages.RDBStorage(
        sqlalchemy_url(url),
        engine_kwargs={"poolclass": NullPool} if new else {"pool_size": 1, "max_overflow": 0, "pool_pre_ping": True},
        skip_table_creation=not new,
        skip_compatibility_check=not new,
    )


def create_study(url: str, batch_id: str, direction: Direction) -> Study:
    """Make the study, or return the one that is there. Not safe against itself: call it under a lock."""
    import optuna  # noqa: PLC0415 - not before it is needed

    return optuna.create_study(
        study_name=batch_id, storage=storage(url, new=True), direction=direction.value, load_if_exists=True
    )


def load_study(url: str, batch_id: str) -> Study:
    """Load the study of a registered sweep, for reading (`study.trials`, importances)."""
    import optuna  # noqa: PLC0415 - not before it is needed

    return optuna.load_study(study_name=batch_id, storage=storage(url))


def delete_study(url: str, batch_id: str) -> None:
    """Remove the study with all its trials; a study that is not there is no error."""
    import optuna  # noqa: PLC0415 - not before it is needed

    try:
        optuna.delete_study(study_name=batch_id, storage=storage(url))
    except KeyError:
        return
