"""Tells a sweep's Optuna study what became of its trials, several at once, at most some seconds late.

The ledger decides and proposes; the study is a record for whoever opens it. Study and ledger lie in one database, so
what is told and what is known to have been told are written together: nobody has to find out how far another one came.

One statement reads what is untold, one writes it into Optuna's own tables, and does nothing if somebody else has told
the study anything in between. No lock outlives a statement, so whoever is frozen in the middle keeps nobody waiting.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from truestrength.trainer.contract.config.search_space import SearchSpace, singles
from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import optuna_storage
from truestrength.trainer.contract.ledger.connection import fetch
from truestrength.trainer.contract.ledger.optuna_parameters import distributions, encode
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.ledger.rows import AttemptState
from truestrength.trainer.contract.sweep.spec import SweepSpec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

WRITTEN_DIRECTLY = "v3.2.0.a"
"""The version of Optuna's tables that the statement `tell` writes into; others are left to Optuna."""
MOST = 500
"""Trials told at once."""


class StudyMissingError(Exception):
    """The study, or a trial of it, is not there (any more)."""


class Untold(msgspec.Struct, frozen=True, kw_only=True):
    """How a study stands, and an attempt that it has yet to be told of, if there is one."""

    tellings: int
    next_trial: int
    study_id: int | None
    there: int
    """Trials in the study."""
    slot: int | None
    attempt: int | None
    trial_number: int | None
    """None: the study has not heard of it."""
    state: AttemptState | None
    run_id: int | None
    parameters: dict[str, Any] | None
    value: float | None
    started_at: datetime | None
    finished_at: datetime | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A trial as the study is to know it."""

    number: int
    is_new: bool
    state: str
    """Optuna's word."""
    slot: int | None = None
    """None: no attempt knows this number. A version before this one may have left such trials."""
    attempt: int | None = None
    run_id: int | None = None
    value: float | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    parameters: Mapping[str, Any] = {}
    """In Optuna's form."""


def tell(session: Session, spec: SweepSpec) -> bool:
    """Tell the study what it does not know, as far as nobody else is at it. Waits for nobody.

    Args:
        session: of the ledger; Optuna's tables are there.
        spec: of a registered sweep.

    Returns:
        Whether nothing was left.

    Raises:
        StudyMissingError: the study, or some of it, has to be made anew first.
        DatabaseError: the sweep was forgotten meanwhile.
    """
    rows = fetch(session, query("untold"), {"batch_id": spec.batch_id, "most": MOST}, Untold)
    if not rows:
        raise DatabaseError(f"{spec.batch_id}: the sweep was forgotten meanwhile")
    if rows[0].study_id is None or rows[0].there < rows[0].next_trial:
        raise StudyMissingError(spec.batch_id)
    if rows[0].slot is None:
        return True
    space = singles(spec.space)
    trials = list(_trials(rows, space))
    write = _directly if optuna_storage.TABLES == WRITTEN_DIRECTLY else _by_optuna
    return write(session, spec, rows[0], trials, distributions(space)) and len(rows) < MOST


def _trials(rows: Sequence[Untold], space: SearchSpace) -> Iterator[Told]:
    """What is to be told, with the numbers of trials that are new."""
    following = max(rows[0].next_trial, rows[0].there)
    for row in rows:
        assert row.state is not None
        number = following if row.trial_number is None else row.trial_number
        yield from (Told(number=lost, is_new=True, state="FAIL") for lost in range(following, number))
        following = max(following, number + 1)
        yield Told(
            number=number,
            is_new=number >= row.there,
            state=_state(row.state),
            slot=row.slot,
            attempt=row.attempt,
            run_id=row.run_id,
            value=row.value if row.state is AttemptState.COMPLETE else None,
            started_at=row.started_at,
            finished_at=row.finished_at,
            parameters=encode(space, row.parameters or {}),
        )


def _state(state: AttemptState) -> str:
    match state:
        case AttemptState.COMPLETE:
            return "COMPLETE"
        case AttemptState.RUNNING:
            return "RUNNING"
    return "FAIL"


def _directly(
    session: Session, spec: SweepSpec, study: Untold, trials: Sequence[Told], known: Mapping[str, BaseDistribution]
) -> bool:
    from optuna.distributions import distribution_to_json  # noqa: PLC0415 - not before it is needed

    stored = [
        {
            **msgspec.to_builtins(trial),
            "parameters": {name: known[name].to_internal_repr(value) for name, value in trial.parameters.items()},
        }
        for trial in trials
    ]
    row = {
        **_named(spec, study, trials),
        "study_id": study.study_id,
        "version": WRITTEN_DIRECTLY,
        "trials": json.dumps(stored),
        "distributions": json.dumps({name: distribution_to_json(own) for name, own in known.items()}),
    }
    return execute(session, query("tell"), row).rowcount > 0


def _by_optuna(
    session: Session, spec: SweepSpec, study: Untold, trials: Sequence[Told], known: Mapping[str, BaseDistribution]
) -> bool:
    assert study.study_id is not None
    with optuna_storage.OptunaStorage().transaction(session) as storage:
        if not execute(session, query("take_telling"), _named(spec, study, trials)).fetchall():
            return False
        for trial in trials:
            number = _said(storage, study.study_id, trial, known)
            mark = {"batch_id": spec.batch_id, "slot": trial.slot, "attempt": trial.attempt, "number": number}
            execute(session, query("put_told"), {**mark, "ended": trial.state != "RUNNING"})
    return True


def _named(spec: SweepSpec, study: Untold, trials: Sequence[Told]) -> dict[str, Any]:
    following = max(study.next_trial, max(trial.number for trial in trials) + 1)
    return {"batch_id": spec.batch_id, "tellings": study.tellings, "next_trial": following}


def _said(storage: RDBStorage, study_id: int, trial: Told, known: Mapping[str, BaseDistribution]) -> int:
    """Say one trial to Optuna's storage; returns the number that it has there."""
    from optuna.exceptions import UpdateFinishedTrialError  # noqa: PLC0415
    from optuna.trial import TrialState  # noqa: PLC0415

    if trial.is_new:
        made = storage.create_new_trial(study_id, template_trial=_frozen(trial, known))
        return storage.get_trial_number_from_id(made)
    there = storage.get_trial_id_from_study_id_trial_number(study_id, trial.number)
    with suppress(UpdateFinishedTrialError):
        values = None if trial.value is None else [trial.value]
        storage.set_trial_state_values(there, TrialState[trial.state], values)
    return trial.number


def _frozen(trial: Told, known: Mapping[str, BaseDistribution]) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState  # noqa: PLC0415

    return FrozenTrial(
        number=trial.number,
        trial_id=-1,
        state=TrialState[trial.state],
        value=trial.value,
        datetime_start=_local(trial.started_at),
        datetime_complete=_local(trial.finished_at),
        params=dict(trial.parameters),
        distributions={name: known[name] for name in trial.parameters},
        user_attrs={} if trial.run_id is None else {"run_id": trial.run_id},
        system_attrs={},
        intermediate_values={},
    )


def _local(time: datetime | None) -> datetime | None:
    """As Optuna takes times: of this machine, without a zone."""
    return None if time is None else time.astimezone().replace(tzinfo=None)
