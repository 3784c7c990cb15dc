"""Keeps a sweep's Optuna study in step with the ledger: one trial per attempt, told in time, and repaired afterwards.

It speaks to Optuna's storage, not to its `Study`: `ask` would read all trials of the sweep in each new process and
write every parameter in a transaction of its own. The ledger decides; the study is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg2.errors import LockNotAvailable

from trainer.contract.database.sessions import Session
from trainer.contract.errors import DatabaseError
from trainer.contract.ledger import LEASE_S, study
from trainer.contract.ledger.optuna_storage import OptunaStorage

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import TrialState

    from trainer.contract.ledger import Ledger
    from trainer.contract.sweep.spec import SweepSpec

T = TypeVar("T")
Task = Callable[["RDBStorage", int], T]
"""What is said to Optuna's storage, given the study's id."""

SHORTEST_REST_S = 0.01

_log = logging.getLogger(__name__)


class StudyRecord:
    """The trials of one sweep's study, as one process writes them, by the ledger's own connection."""

    def __init__(self, ledger: Ledger, spec: SweepSpec, lease_s: float = LEASE_S) -> None:
        """Remember which study.

        Args:
            ledger: open.
            spec: of a registered sweep.
            lease_s: the study's lock is waited for in such pieces that a sign of life can be given in between.
        """
        self._ledger = ledger
        self._spec = spec
        self._alone_s = lease_s / 8
        self._optuna = OptunaStorage()
        self._trial_ids: dict[int, int] = {}

    def start(self, encoded: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], run_id: int) -> int:
        """Make a RUNNING trial and return its number.

        Args:
            encoded: the parameters in Optuna's form.
            distributions: of just these parameters.
            run_id: the trial's only user attribute: Optuna holds the study's lock while it writes them one by one.
        """
        from optuna.trial import TrialState, create_trial  # noqa: PLC0415 - not before it is needed

        template = create_trial(
            state=TrialState.RUNNING,
            params=dict(encoded),
            distributions=dict(distributions),
            user_attrs={"run_id": run_id},
        )

        def make(storage: RDBStorage, study_id: int) -> tuple[int, int]:
            trial_id = storage.create_new_trial(study_id, template_trial=template)
            return storage.get_trial_number_from_id(trial_id), trial_id

        number, trial_id = self._say(make, alone_s=self._alone_s)
        self._trial_ids[number] = trial_id
        return number

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

        def read(storage: RDBStorage, study_id: int) -> list[int]:
            found = storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
            return [trial.number for trial in found]

        return self._say(read)

    def _finish(self, number: int, state: TrialState, values: list[float] | None) -> None:
        from optuna.exceptions import UpdateFinishedTrialError  # noqa: PLC0415

        def tell(storage: RDBStorage, study_id: int) -> None:
            storage.set_trial_state_values(self._trial_id(storage, study_id, number), state, values)

        def read(storage: RDBStorage, study_id: int) -> TrialState:
            return storage.get_trial(self._trial_id(storage, study_id, number)).state

        try:
            self._say(tell)
        except UpdateFinishedTrialError:
            found = self._say(read)
            if values is not None and found is not state:
                _log.warning(
                    "trial %d of %s: complete in the ledger, %s in the study", number, self._spec.batch_id, found.name
                )

    def _trial_id(self, storage: RDBStorage, study_id: int, number: int) -> int:
        if number not in self._trial_ids:
            found = storage.get_trial_id_from_study_id_trial_number(study_id, number)
            self._trial_ids[number] = found
        return self._trial_ids[number]

    def _say(self, task: Task[T], alone_s: float | None = None) -> T:
        """Say something to the study in a transaction; one that is gone is made anew first, from the ledger."""

        def once(session: Session) -> T:
            with self._optuna.transaction(session) as storage:
                return task(storage, study.find(session, self._spec.batch_id, alone_s=alone_s))

        try:
            return self._work(once)
        except (KeyError, study.StudyMissingError):
            _log.warning("the study %s, or some of it, is gone: it is made anew from the ledger", self._spec.batch_id)
        self._trial_ids.clear()
        study.restore(self._ledger.connection, self._spec)
        try:
            return self._work(once)
        except KeyError:
            raise DatabaseError(
                f"the Optuna study {self._spec.batch_id} has other trials than the ledger: remove it, and it is made "
                "anew from the ledger"
            ) from None

    def _work(self, once: Callable[[Session], T]) -> T:
        """Wait for the study's lock in pieces, between which the connection is free for a sign of life."""
        while True:
            try:
                return self._ledger.connection.work(once)
            except DatabaseError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
            time.sleep(SHORTEST_REST_S)


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
