"""Optuna's trials by the thousand: read in one statement, and taken into a study in memory without copies.

Optuna's own way costs a millisecond of CPU a trial, most of it for objects that are made and thrown away: each row of
each table, and a deep copy of each trial whenever a study takes it in.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from truestrength.trainer.contract.database.sessions import Session, rows
from truestrength.trainer.contract.ledger.queries import query

_NO_FINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}


class KnownTrial(FrozenTrial):
    """A trial whose parts nobody changes, so that a copy of it may share them."""

    def __deepcopy__(self, _memo: dict[int, object]) -> KnownTrial:
        return copy.copy(self)


def study_of(
    trials: Iterable[FrozenTrial],
    direction: StudyDirection,
    sampler: BaseSampler | None = None,
    name: str | None = None,
) -> Study:
    """A study in memory with these trials, numbered anew in this order; they are not checked."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, sampler=sampler, direction=direction, study_name=name)
    study_id = storage.get_study_id_from_name(study.study_name)
    for trial in trials:
        storage.create_new_trial(study_id, template_trial=trial)
    return study


def read_trials(session: Session, study_id: int) -> list[FrozenTrial]:
    """The trials of a study in tables of the version that `telling` writes directly."""
    found = rows(session, query("study_trials"), {"study_id": study_id})
    return [_trial(row) for row in found]


def _trial(row: dict[str, Any]) -> KnownTrial:
    results, parameters, user, system, intermediate = (part or [] for part in row["parts"])
    space = {name: _distribution(text) for name, _, text in parameters}
    return KnownTrial(
        number=row["number"],
        trial_id=row["trial_id"],
        state=TrialState[row["state"]],
        value=None,
        values=[_NO_FINITE.get(kind, value) for value, kind in results] or None,
        datetime_start=_local(row["datetime_start"]),
        datetime_complete=_local(row["datetime_complete"]),
        params={name: space[name].to_external_repr(value) for name, value, _ in parameters},
        distributions=space,
        user_attrs={key: json.loads(text) for key, text in user},
        system_attrs={key: json.loads(text) for key, text in system},
        intermediate_values={step: _NO_FINITE.get(kind, value) for step, value, kind in intermediate},
    )


@cache
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(time: datetime | None) -> datetime | None:
    """As Optuna gives times that it keeps in UTC: of this machine, without a zone."""
    return None if time is None else time.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
