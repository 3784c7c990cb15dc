"""Repeats what failed because the database is away: a pause, not a result, is what that costs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import psycopg2
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from truestrength.trainer.contract.database import faults, sessions
from truestrength.trainer.contract.database import url as url_text

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
            _log.warning("%s; trying again for %.0f min", _trouble(state, url), patience_s / 60)

    return _repeated(task, url, patience_s, say_waiting)


def reach(url: str, patience_s: float, say: Callable[[str], object]) -> None:
    """Connect once when a command begins, and wait for a server that is away, starts up or recovers.

    Args:
        url: of the database.
        patience_s: after so long the trouble is reported.
        say: told that it is waited for.

    Raises:
        DatabaseError: the trouble lasted, or is a mistake in the URL: an unknown host, a wrong password or name.
    """

    def connect() -> None:
        try:
            sessions.connect(url).close()
        except psycopg2.Error as error:
            if faults.is_unknown_host(error, url):
                raise faults.explain(error, url) from None
            raise

    def say_waiting(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            say(f"{_trouble(state, url)}: waiting for it, at most {patience_s:.0f} s")

    _repeated(connect, url, patience_s, say_waiting)


def _trouble(state: RetryCallState, url: str) -> str:
    """What was tried in vain, in a few words."""
    assert state.outcome is not None
    error = faults.driver_error(state.outcome.exception() or Exception())
    said = url_text.without_password(" ".join(str(error).split()), url)
    how = "takes no more connections" if faults.is_full(error) else "is away"
    return f"the database {url_text.shown(url)} {how} ({said})"


def _repeated(task: Callable[[], T], url: str, patience_s: float, before_sleep: Callable[[RetryCallState], None]) -> T:
    attempts = Retrying(
        retry=retry_if_exception(lambda error: faults.is_passing(faults.driver_error(error))),
        wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_S),
        stop=stop_after_delay(patience_s),
        before_sleep=before_sleep,
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
