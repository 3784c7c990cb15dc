"""A sweep's Optuna study as one SQLite file, for tools that open such files: optuna-dashboard, Optuna itself.

Surprising: it is made in memory and written at once, since Optuna commits after every trial. Nothing runs in
a copy, so trials that run are told as failed in it, until the file is written again. Optuna's own way takes 20 ms a
trial: into tables of the version that is known here the rows are written as they are.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from optuna import Study, create_study, logging
from optuna.distributions import distribution_to_json
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.pool import StaticPool

from truestrength.trainer.contract.files import write_bytes
from truestrength.trainer.contract.ledger import optuna_storage

WRITTEN_DIRECTLY = "v3.2.0.a"
"""The version of Optuna's tables whose rows are written here; others are left to Optuna."""
STILL_RUNNING = "was running when this copy was made"
"""A user attribute of trials that had not ended."""

_VERSIONS = (
    "CREATE TABLE alembic_version ( version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num) )"
)


def write_study_file(path: Path, study: Study) -> None:
    """Write a study's trials under their numbers, whole or not at all; equal trials give equal bytes."""
    logging.set_verbosity(logging.WARNING)
    memory = sqlite3.connect(":memory:", check_same_thread=False)
    storage = _storage(memory)
    try:
        copy = create_study(storage=storage, study_name=study.study_name, direction=study.direction)
        trials = [_ended(t) for t in sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)]
        directly = optuna_storage.TABLES == WRITTEN_DIRECTLY and all(map(_is_plain, trials))
        if not directly:
            copy.add_trials(trials)
        storage.remove_session()
        if directly:
            _insert(memory, trials)
        write_bytes(path, memory.serialize())
    finally:
        storage.engine.dispose()


def _storage(memory: sqlite3.Connection) -> RDBStorage:
    """Optuna's storage in an empty database.

    The version of its tables is written down before Optuna would do that: it looks for its own files by access(2),
    which tells a process with capabilities that a folder is closed which it can read.
    """
    memory.execute(_VERSIONS)
    memory.execute("INSERT INTO alembic_version VALUES (?)", [optuna_storage.TABLES])
    memory.commit()
    engine = {"creator": lambda: memory, "poolclass": StaticPool}
    return RDBStorage("sqlite://", engine_kwargs=engine, skip_compatibility_check=True)


def _ended(trial: FrozenTrial) -> FrozenTrial:
    if trial.state.is_finished():
        return trial
    ended = create_trial(
        state=TrialState.FAIL,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={**trial.user_attrs, STILL_RUNNING: True},
    )
    ended.number = trial.number
    ended.datetime_start = ended.datetime_complete = trial.datetime_start
    return ended


def _is_plain(trial: FrozenTrial) -> bool:
    """Whether a trial has only what a trial of a sweep has."""
    finite = all(map(math.isfinite, trial.values or ()))
    return finite and not trial.intermediate_values and not trial.system_attrs


def _insert(memory: sqlite3.Connection, trials: Sequence[FrozenTrial]) -> None:
    """Put trials into the tables of the only study; their ids count from 1, as Optuna's would."""
    ids = range(1, len(trials) + 1)
    told = list(zip(ids, trials, strict=True))
    said: dict[int, str] = {}  # a distribution is one object in many trials
    memory.executemany(
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) "
        "VALUES (?, ?, 1, ?, ?, ?)",
        [(i, t.number, t.state.name, _as_utc(t.datetime_start), _as_utc(t.datetime_complete)) for i, t in told],
    )
    memory.executemany(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, 'FINITE')",
        [(i, objective, value) for i, t in told for objective, value in enumerate(t.values or ())],
    )
    memory.executemany(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
        [
            (
                i,
                name,
                space.to_internal_repr(t.params[name]),
                said.get(id(space)) or said.setdefault(id(space), distribution_to_json(space)),
            )
            for i, t in told
            for name, space in t.distributions.items()
        ],
    )
    memory.executemany(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        [(i, key, json.dumps(value)) for i, t in told for key, value in t.user_attrs.items()],
    )
    memory.commit()


def _as_utc(time: datetime | None) -> str | None:
    """As SQLAlchemy writes it, of a time of this machine without a zone."""
    return None if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
