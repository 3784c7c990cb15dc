"""The Optuna study of a sweep: named by its batch id, in the ledger's database, and made from the ledger.

The ledger is the truth. A study that somebody has deleted (optuna-dashboard has a button) is made anew from it, with
the same trials under the same numbers, by whoever misses it.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from psycopg2 import errors

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError, SweepChangedError
from truestrength.trainer.contract.ledger import telling
from truestrength.trainer.contract.ledger.connection import Connection, values
from truestrength.trainer.contract.ledger.optuna_storage import TABLES, OptunaStorage, make_tables, tables_are_there
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.ledger.telling import StudyMissingError
from truestrength.trainer.contract.sweep.spec import SweepSpec

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SHORTEST_REST_S = 0.01
"""Before another look at what somebody else is telling."""

_log = logging.getLogger(__name__)


def table_names() -> list[str]:
    """Of Optuna's tables."""
    from optuna.storages._rdb.models import BaseModel  # noqa: PLC0415

    return [*BaseModel.metadata.tables, "alembic_version"]


def is_whole(session: Session, batch_id: str) -> bool:
    """Whether the study is there with all trials that it was told of; asks no Optuna."""
    return tables_are_there(session) and execute(session, query("study_whole"), {"batch_id": batch_id}).rowcount > 0


def make(session: Session, spec: SweepSpec) -> None:
    """Make a sweep's study; what it has lost of the ledger's trials is told again. Safe for many processes at once.

    Args:
        session: of the ledger; Optuna's tables are there.
        spec: of the sweep, which may be about to be registered.

    Raises:
        SweepChangedError: the study goes the other way, or is somebody else's: the ledger has no such sweep.
    """
    with OptunaStorage().transaction(session) as storage:
        execute(session, query("take_time"))
        execute(session, query("lock"), {"name": "truestrength:register"})
        study_id = _created(session, storage, spec)
        there = storage.get_n_trials(study_id)
        if _is_registered(session, spec.batch_id):
            execute(session, query("tell_again"), {"batch_id": spec.batch_id, "there": there})
        elif there:
            raise SweepChangedError(
                f"the database has an Optuna study {spec.batch_id!r} with {there} trials that this ledger did not "
                "make. Use another --batch-id, or remove the study."
            )


def tell(connection: Connection, spec: SweepSpec, patience_s: float | None = None) -> bool:
    """Tell the study what it does not know yet, unless somebody else is at it; one that is gone is made anew.

    Returns:
        Whether nothing was left.

    Raises:
        DatabaseError: Optuna's tables are of another version, the sweep was forgotten, or the database cannot be used.
    """

    def once(session: Session) -> bool:
        with suppress(StudyMissingError, errors.UndefinedTable, errors.ForeignKeyViolation):
            return telling.tell(session, spec)
        _log.warning("the study %s, or some of it, is gone: it is made anew from the ledger", spec.batch_id)
        _restore(session, spec)
        return False

    return connection.work(once, patience_s)


def restore(connection: Connection, spec: SweepSpec) -> None:
    """Make a registered sweep's study whole: it is there, and knows all that the ledger knows.

    A trial that runs in the study only, is nobody's and fails. Anybody may do this at any time.

    Raises:
        DatabaseError: Optuna's tables are of another version, the sweep was forgotten, or the database cannot be used.
    """
    while True:
        connection.work(lambda session: _restore(session, spec))
        if tell(connection, spec):
            break
        time.sleep(SHORTEST_REST_S)
    connection.work(lambda session: _fail_orphans(session, spec.batch_id))


def _restore(session: Session, spec: SweepSpec) -> None:
    if not _is_registered(session, spec.batch_id):
        raise DatabaseError(f"{spec.batch_id}: the sweep was forgotten meanwhile")
    make_tables(session)
    if not is_whole(session, spec.batch_id):
        make(session, spec)


def _fail_orphans(session: Session, batch_id: str) -> None:
    from optuna.exceptions import UpdateFinishedTrialError  # noqa: PLC0415
    from optuna.trial import TrialState  # noqa: PLC0415

    for (trial_id,) in execute(session, query("orphans"), {"batch_id": batch_id}).fetchall():
        with OptunaStorage().transaction(session) as storage, suppress(KeyError, UpdateFinishedTrialError):
            storage.set_trial_state_values(trial_id, TrialState.FAIL)


def load_study(connection: Connection, spec: SweepSpec) -> Study:
    """The study of a registered sweep, read once: a copy in memory, for reports (`trials`, importances)."""
    import optuna  # noqa: PLC0415
    from optuna.study import StudyDirection  # noqa: PLC0415

    from truestrength.trainer.contract.ledger.optuna_trials import study_of  # noqa: PLC0415

    restore(connection, spec)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = connection.work(lambda session: _read(session, spec.batch_id))
    return study_of(trials, StudyDirection[spec.objective.direction.upper()], name=spec.batch_id)


def _read(session: Session, batch_id: str) -> list[FrozenTrial]:
    from truestrength.trainer.contract.ledger.optuna_trials import read_trials  # noqa: PLC0415

    if telling.WRITTEN_DIRECTLY == TABLES:
        (study_id,) = values(session, query("study"), {"batch_id": batch_id})
        return read_trials(session, study_id)
    with OptunaStorage().transaction(session) as storage:
        return storage.get_all_trials(storage.get_study_id_from_name(batch_id), deepcopy=False)


def delete_study(connection: Connection, batch_id: str) -> None:
    """Remove the study with all its trials; a study that is not there is no error."""

    def once(session: Session) -> None:
        if not tables_are_there(session):
            return
        with OptunaStorage().transaction(session) as storage:
            if found := execute(session, query("study"), {"batch_id": batch_id}).fetchall():
                storage.delete_study(found[0][0])

    connection.work(once)


def _is_registered(session: Session, batch_id: str) -> bool:
    return execute(session, query("sweep"), {"batch_id": batch_id}).rowcount > 0


def _created(session: Session, storage: RDBStorage, spec: SweepSpec) -> int:
    """The id of the study, which is made where it is missing."""
    from optuna.study import StudyDirection  # noqa: PLC0415

    direction = StudyDirection[spec.objective.direction.upper()]
    found = execute(session, query("study"), {"batch_id": spec.batch_id}).fetchall()
    if not found:
        return storage.create_new_study([direction], spec.batch_id)
    study_id = int(found[0][0])
    there = storage.get_study_directions(study_id)
    if there != [direction]:
        ways = ", ".join(way.name.lower() for way in there)
        raise SweepChangedError(
            f"the database has an Optuna study {spec.batch_id!r} to {ways}, not to {spec.objective.direction}. "
            "Use another --batch-id, or remove the study."
        )
    return study_id
