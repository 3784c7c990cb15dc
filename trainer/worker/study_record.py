"""Keeps a sweep's Optuna study in step with the ledger: one trial per attempt, told in time, and repaired afterwards.

It speaks to Optuna's storage, not to its `Study`: `ask` would read all trials of the sweep in each new process and
write every parameter in a transaction of its own. The ledger decides; the study is told.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from trainer.contract.database.patience import patiently
from trainer.contract.ledger import study

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState

    from trainer.contract.ledger import Ledger

T = TypeVar("T")

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

        def make() -> int:
            trial_id = self._storage.create_new_trial(self._study_id, template_trial=template)
            number = self._storage.get_trial_number_from_id(trial_id)
            self._trial_ids[number] = trial_id
            return number

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
