"""The Optuna study of a sweep: named by its batch id, in the ledger's database, and made from the ledger.

The ledger is the truth. A study that somebody has deleted (optuna-dashboard has a button) is made anew from it, with
the same trials under the same numbers, by whoever misses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from trainer.contract.config.search_space import singles
from trainer.contract.database.sessions import Session, execute
from trainer.contract.errors import DatabaseError, SweepChangedError
from trainer.contract.ledger.connection import Connection, fetch
from trainer.contract.ledger.optuna_parameters import encoded_trial
from trainer.contract.ledger.optuna_storage import OptunaStorage, make_tables, tables_are_there
from trainer.contract.ledger.queries import query
from trainer.contract.ledger.rows import AttemptRow, AttemptState
from trainer.contract.sweep.spec import SweepSpec

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


class StudyMissingError(Exception):
    """The study, or a trial of it, is not there (any more)."""


def table_names() -> list[str]:
    """Of Optuna's tables."""
    from optuna.storages._rdb.models import BaseModel  # noqa: PLC0415

    return [*BaseModel.metadata.tables, "alembic_version"]


def find(session: Session, batch_id: str, *, alone_s: float | None = None) -> int:
    """The id that Optuna has given a study.

    Args:
        session: in Optuna's transaction.
        batch_id: the study's name.
        alone_s: let nobody else make trials until the transaction ends, and wait at most so long for the others.

    Raises:
        StudyMissingError: there is no such study.
        psycopg2.errors.LockNotAvailable: others took longer.
    """
    statement, parameters = query("study"), {"batch_id": batch_id, "wait_ms": 0}
    if alone_s is not None:
        statement, parameters["wait_ms"] = query("study_alone"), max(1, round(alone_s * 1000))
    found = execute(session, statement, parameters).fetchall()
    if not found:
        raise StudyMissingError(batch_id)
    return int(found[0][0])


def is_whole(session: Session, batch_id: str) -> bool:
    """Whether the study is there with all trials that the ledger knows; asks no Optuna."""
    return tables_are_there(session) and execute(session, query("study_whole"), {"batch_id": batch_id}).rowcount > 0


def make(session: Session, spec: SweepSpec) -> None:
    """Make a sweep's study, or what it lacks of the ledger's trials. Safe for any number of processes at once.

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
        if there and not _is_registered(session, spec.batch_id):
            raise SweepChangedError(
                f"the database has an Optuna study {spec.batch_id!r} with {there} trials that this ledger did not "
                "make. Use another --batch-id, or remove the study."
            )
        attempts = fetch(session, query("attempts"), {"batch_id": spec.batch_id}, AttemptRow)
        told = {row.trial_number: row for row in attempts if row.trial_number is not None}
        for number in range(there, max(told, default=-1) + 1):
            storage.create_new_trial(study_id, template_trial=_trial(spec, told, number))


def restore(connection: Connection, spec: SweepSpec) -> None:
    """Make a registered sweep's study anew where it, or some of it, is missing.

    Raises:
        DatabaseError: Optuna's tables are of another version, the sweep was forgotten, or the database cannot be used.
    """

    def once(session: Session) -> None:
        if not _is_registered(session, spec.batch_id):
            raise DatabaseError(f"{spec.batch_id}: the sweep was forgotten meanwhile")
        make_tables(session)
        if not is_whole(session, spec.batch_id):
            make(session, spec)

    connection.work(once)


def load_study(connection: Connection, spec: SweepSpec) -> Study:
    """The study of a registered sweep, read once: a copy in memory, for reports (`trials`, importances)."""
    import optuna  # noqa: PLC0415

    def read(session: Session) -> list[FrozenTrial]:
        with OptunaStorage().transaction(session) as storage:
            return storage.get_all_trials(find(session, spec.batch_id), deepcopy=False)

    restore(connection, spec)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    copy = optuna.create_study(study_name=spec.batch_id, direction=spec.objective.direction.value)
    copy.add_trials(connection.work(read))
    return copy


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


def _trial(spec: SweepSpec, attempts: Mapping[int, AttemptRow], number: int) -> FrozenTrial:
    """A trial as its worker told it; one that no attempt knows was never begun, and failed."""
    from optuna.trial import FrozenTrial  # noqa: PLC0415

    attempt = attempts.get(number)
    encoded, known = encoded_trial(singles(spec.space), (attempt and attempt.parameters) or {})
    value = attempt.value if attempt and attempt.state is AttemptState.COMPLETE else None
    return FrozenTrial(
        number=number,
        trial_id=-1,
        state=_state(attempt),
        value=value,
        datetime_start=_local(attempt.started_at if attempt else None),
        datetime_complete=_local(attempt.finished_at if attempt else None),
        params=encoded,
        distributions=known,
        user_attrs={"run_id": attempt.run_id} if attempt and attempt.run_id is not None else {},
        system_attrs={},
        intermediate_values={},
    )


def _state(attempt: AttemptRow | None) -> TrialState:
    from optuna.trial import TrialState  # noqa: PLC0415

    match attempt.state if attempt else None:
        case AttemptState.COMPLETE:
            return TrialState.COMPLETE
        case AttemptState.RUNNING:
            return TrialState.RUNNING
    return TrialState.FAIL


def _local(time: datetime | None) -> datetime | None:
    """As Optuna takes times: of this machine, without a zone."""
    return None if time is None else time.astimezone().replace(tzinfo=None)
