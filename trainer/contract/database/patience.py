"""Repeats what failed because the database is away: a pause, not a result, is what that costs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import psycopg2
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from trainer.contract.database import faults
from trainer.contract.database import url as url_text

T = TypeVar("T")

PATIENCE_S = 600.0
LONGEST_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


def patiently(task: Callable[[], T], url: str, patience_s: float) -> T:
    """Run `task`, and again after a growing, random pause while what it raises may pass by itself.

    Args:
        task: may run twice although it succeeded, when only its answer was lost.
        url: of the database, for the message.
        patience_s: after so long the trouble is reported.

    Raises:
        DatabaseError: the trouble lasted, or is of a kind that does not pass.
    """

    def say_waiting(state: RetryCallState) -> None:
        if state.outcome and (state.attempt_number == 3 or state.attempt_number % 20 == 0):
            error = state.outcome.exception()
            said = url_text.redact(" ".join(str(error and faults.driver_error(error)).split()))
            _log.warning("the database is away (%s); trying again for %.0f min", said, patience_s / 60)

    attempts = Retrying(
        retry=retry_if_exception(lambda error: faults.is_passing(faults.driver_error(error))),
        wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
        stop=stop_after_delay(patience_s),
        before_sleep=say_waiting,
        reraise=True,
    )
    try:
        for attempt in attempts:
            with attempt:
                return task()
    except Exception as error:
        cause = faults.driver_error(error)
        if isinstance(cause, psycopg2.Error):
            raise faults.explain(cause, url) from cause
        raise
    raise AssertionError("tenacity either returns or raises")
