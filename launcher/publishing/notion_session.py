"""Asks Notion's API through notion-client, until it answers or has been away for too long.

Surprising: notion-client takes a rate limit's Retry-After down to its own longest wait, asks nothing twice that has a
body, knows no status 529, and lets what is no JSON out as it is. So its retries are off, and tenacity asks again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential,
)

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.errors import EXIT_TRY_AGAIN, UserError

if TYPE_CHECKING:
    from notion_client import Client

TOKEN = "NOTION_TOKEN"  # noqa: S105 - the variable's name
URL = "https://api.notion.com"
VERSION = "2025-09-03"
"""Of the API: since then a database holds data sources, and an entry's parent is one of them."""
TIMEOUT_S = 60.0
ATTEMPTS = 6
PATIENCE_S = 180.0
"""For so long one question is asked again. A limit of the connection ends within a minute."""
_BUSY = (429, 529)
"""Statuses of what was not done, and may be asked for again whatever it was."""
_AGAIN = (408, 409, *_BUSY)
_longer = wait_exponential(multiplier=1, max=30)

T = TypeVar("T")


class NotionAwayError(UserError):
    """Notion does not answer, or not yet: the same command again."""

    exit_code = EXIT_TRY_AGAIN

    def __init__(self, message: str, *, unchanged: bool = False, wait_s: float | None = None) -> None:
        super().__init__(f"Notion {message}. The same command again goes on")
        self.unchanged = unchanged
        """Whether it is sure that nothing was done."""
        self.wait_s = wait_s
        """What Notion wants to be waited, if it said so."""


class RefusedError(UserError):
    """Notion has nothing of this id, shows it not to this token, or it is something else."""


@dataclass(frozen=True)
class Session:
    """Questions to Notion."""

    client: Client

    def ask(self, shape: type[T], question: Callable[[], Any], *, again: bool = True) -> T:
        """Have an answer of Notion.

        Args:
            shape: What the answer has to have.
            question: A call of the client.
            again: Whether it does no harm to do it twice. A rate limit is waited for in any case.

        Raises:
            RefusedError: there is nothing of that id, or it is something else.
            NotionAwayError: no usable answer within `PATIENCE_S`.
            UserError: the token is refused.
        """
        asking = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, NotionAwayError) and (again or error.unchanged)),
            wait=_wait_s,
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(PATIENCE_S),
            before_sleep=_say_so,
            reraise=True,
        )
        for attempt in asking:
            with attempt:
                return _answer(shape, question)
        raise AssertionError  # tenacity returns or raises


@contextmanager
def session() -> Iterator[Session]:
    """Ask with the token of the environment.

    Raises:
        UserError: there is none, or notion-client is not installed.
    """
    try:
        from notion_client import Client  # noqa: PLC0415 - not everybody has it
    except ImportError:
        raise UserError(
            "notion-client is not installed. `python -m pip install --constraint constraints.txt notion-client` "
            "installs it into the active environment"
        ) from None
    quiet = logging.Logger("notion")  # what matters is said here
    client = Client(
        auth=_token(), base_url=URL, notion_version=VERSION, timeout_ms=int(TIMEOUT_S * 1000), retry=False, logger=quiet
    )
    with closing(client):
        yield Session(client)


def _token() -> str:
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise UserError(f"{TOKEN} is not set: --notion needs the secret of an integration that the page is shared with")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(f"{TOKEN}: is no token of Notion: those are letters, digits and _ only")
    return token


def _answer(shape: type[T], question: Callable[[], Any]) -> T:
    """One attempt."""
    import httpx  # noqa: PLC0415 - comes with notion-client
    from notion_client.errors import HTTPResponseError, RequestTimeoutError  # noqa: PLC0415

    try:
        return msgspec.convert(question(), shape)
    except HTTPResponseError as error:
        raise _refusal(error.status, str(error), error.headers.get("retry-after", "")) from None
    except RequestTimeoutError:
        raise NotionAwayError(f"has not answered within {TIMEOUT_S:.0f} s") from None
    except httpx.ConnectError as error:
        raise NotionAwayError(f"cannot be reached ({error})", unchanged=True) from None
    except httpx.TransportError as error:
        raise NotionAwayError(f"broke off ({error or type(error).__name__})") from None
    except msgspec.ValidationError as error:
        raise NotionAwayError(f"answered with something unknown ({error})") from None
    except ValueError as error:  # of the JSON, or of its encoding
        raise NotionAwayError(f"answered with no JSON ({error}); perhaps it was a proxy") from None


def _refusal(status: int, said: str, retry_after: str) -> UserError:
    """What an answer that is none means for who asked."""
    if status >= 500 or status in _AGAIN:
        wait_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
        wants = f", and wants {wait_s:.0f} s of rest" if wait_s else ""
        busy = "has had too many requests" if status in _BUSY else "is not ready"
        return NotionAwayError(f"{busy} (status {status}: {said}){wants}", unchanged=status in _BUSY, wait_s=wait_s)
    if status == 401:
        return UserError(f"Notion does not know the token in {TOKEN}: {said}")
    if status == 403:
        return UserError(
            f"Notion forbids it ({said}): the integration of {TOKEN} has to read, insert and update content"
        )
    return RefusedError(f"Notion refused: {said} (status {status})")


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    named = error.wait_s if isinstance(error, NotionAwayError) else None
    return _longer(state) if named is None else named


def _say_so(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    reason = str(error).partition(". The same command")[0]
    say(f"{reason}: asking again in {state.upcoming_sleep:.0f} s", aside=True)
