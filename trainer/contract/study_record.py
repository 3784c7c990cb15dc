"""Keeps a sweep's Optuna study in step with the ledger: one trial per attempt, told in time, and repaired afterwards.

It speaks to Optuna's storage, not to its `Study`: `ask` would read all trials of the sweep in each new process and
write every parameter in a transaction of its own. A trial begins by SQL into Optuna's tables, because its storage sends
forty statements for one, all under the study's lock. The ledger decides; the study is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.contract import study
from trainer.contract.patience import patiently

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState

    from trainer.contract.ledger import Ledger

T = TypeVar("T")

# Optuna numbers the trials of a study under a lock on its row, and so does this: in two statements instead of forty.
_LOCK = "SELECT study_id FROM studies WHERE study_id = :study_id FOR UPDATE"
_START = """
WITH trial AS (
    INSERT INTO trials (number, study_id, state, datetime_start)
    SELECT count(*), :study_id, CAST('RUNNING' AS trialstate), :started FROM trials WHERE study_id = :study_id
    RETURNING trial_id, number
), parameters AS (
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    SELECT trial_id, name, value, distribution
    FROM trial, unnest(CAST(:names AS text[]), CAST(:values AS float8[]), CAST(:distributions AS text[]))
        AS given (name, value, distribution)
), marks AS (
    INSERT INTO trial_user_attributes (trial_id, key, value_json)
    SELECT trial_id, key, value FROM trial, unnest(CAST(:keys AS text[]), CAST(:marks AS text[])) AS given (key, value)
)
SELECT trial_id, number FROM trial
"""

_log = logging.getLogger(__name__)


class StudyRecord:
    """The trials of one sweep's study, as one process writes them."""

    def __init__(self, url: str, batch_id: str, patience_s: float) -> None:
        """Find the study.

        Args:
            url: of the ledger's database.
            batch_id: of a registered sweep.
            patience_s: how long every operation waits for a database that is away.

        Raises:
            DatabaseError: the database cannot be used.
        """
        self._url = url
        self._batch_id = batch_id
        self._patience_s = patience_s
        self._trial_ids: dict[int, int] = {}
        self._open = ExitStack()
        self._storage = self._patiently(lambda: self._open.enter_context(study.opened(url)))
        self._study_id = self._patiently(lambda: self._storage.get_study_id_from_name(batch_id))

    def __enter__(self) -> StudyRecord:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def start(
        self, encoded: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], marks: Mapping[str, Any]
    ) -> int:
        """Make a RUNNING trial and return its number.

        Args:
            encoded: the parameters in Optuna's form.
            distributions: of just these parameters.
            marks: user attributes (run id, slot, attempt).
        """
        from optuna.distributions import distribution_to_json  # noqa: PLC0415 - not before it is needed
        from sqlalchemy import text  # noqa: PLC0415

        names = list(encoded)
        row = {
            "study_id": self._study_id,
            "started": datetime.now(),  # local, as all of Optuna's
            "names": names,
            "values": [float(distributions[name].to_internal_repr(encoded[name])) for name in names],
            "distributions": [distribution_to_json(distributions[name]) for name in names],
            "keys": list(marks),
            "marks": [json.dumps(value) for value in marks.values()],
        }

        def make() -> int:
            with self._storage.engine.begin() as connection:
                connection.execute(text(_LOCK), row)
                made = connection.execute(text(_START), row).one()
            self._trial_ids[made.number] = made.trial_id
            return int(made.number)

        return self._patiently(make)

    def complete(self, number: int, value: float) -> None:
        """The trial has a value. Saying it twice does no harm."""
        from optuna.trial import TrialState  # noqa: PLC0415

        self._finish(number, TrialState.COMPLETE, [value])

    def fail(self, number: int) -> None:
        """The trial ended without a value; one that is finished stays as it is."""
        from optuna.trial import TrialState  # noqa: PLC0415

        self._finish(number, TrialState.FAIL, None)

    def running(self) -> list[int]:
        """The numbers of the trials that the study takes for running."""
        from optuna.trial import TrialState  # noqa: PLC0415

        def read() -> list[int]:
            found = self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.RUNNING,))
            return [trial.number for trial in found]

        return self._patiently(read)

    def _finish(self, number: int, state: TrialState, values: list[float] | None) -> None:
        from optuna.exceptions import UpdateFinishedTrialError  # noqa: PLC0415

        def tell() -> None:
            trial_id = self._trial_id(number)
            try:
                self._storage.set_trial_state_values(trial_id, state, values)
            except UpdateFinishedTrialError:
                found = self._storage.get_trial(trial_id).state
                if values is not None and found is not state:
                    _log.warning(
                        "trial %d of %s: complete in the ledger, %s in the study", number, self._batch_id, found.name
                    )

        self._patiently(tell)

    def _trial_id(self, number: int) -> int:
        if number not in self._trial_ids:
            found = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            self._trial_ids[number] = found
        return self._trial_ids[number]

    def _patiently(self, task: Callable[[], T]) -> T:
        return patiently(task, self._url, self._patience_s)


def reconcile(ledger: Ledger, record: StudyRecord, batch_id: str) -> None:
    """Tell the study what the ledger knows and a dead worker could not say any more.

    Results that are safe are told and their slots done. Where nobody runs a slot, every RUNNING trial is an orphan of
    a dead attempt and fails. Anybody may do this at any time.
    """
    ledger.expire(batch_id)
    for result in ledger.reported(batch_id):
        record.complete(result.trial_number, result.value)
        ledger.settle(result)
    # In this order: who has a trial by now and no running slot in a moment is not going to finish it.
    orphans = record.running()
    slots = ledger.open_slots(batch_id)
    if slots.running == slots.reported == 0:
        for number in orphans:
            record.fail(number)
