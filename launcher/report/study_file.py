"""A sweep's Optuna study as one SQLite file, for tools that open such files: optuna-dashboard, Optuna itself.

Surprising: it is made in memory and written at once, since Optuna commits after every trial. Nothing runs in
a copy, so trials that run are told as failed in it, until the file is written again.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from optuna import Study, create_study, logging
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.pool import StaticPool

from trainer.contract.files import write_bytes

STILL_RUNNING = "was running when this copy was made"
"""A user attribute of trials that had not ended."""


def write_study_file(path: Path, study: Study) -> None:
    """Write a study's trials under their numbers, whole or not at all; equal trials give equal bytes."""
    logging.set_verbosity(logging.WARNING)
    storage = RDBStorage("sqlite://", engine_kwargs={"poolclass": StaticPool})
    try:
        copy = create_study(storage=storage, study_name=study.study_name, direction=study.direction)
        trials = sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
        copy.add_trials([_ended(trial) for trial in trials])
        storage.remove_session()
        memory = storage.engine.raw_connection().driver_connection
        assert isinstance(memory, sqlite3.Connection)
        write_bytes(path, memory.serialize())
    finally:
        storage.engine.dispose()


def _ended(trial: FrozenTrial) -> FrozenTrial:
    if trial.state.is_finished():
        return trial
    ended = create_trial(
        state=TrialState.FAIL,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={**trial.user_attrs, STILL_RUNNING: True},
    )
    ended.datetime_start = ended.datetime_complete = trial.datetime_start
    return ended
