"""What was found by one check, and what all of them mean for the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from truestrength.trainer.contract.errors import EXIT_TRY_AGAIN, UserError

EXIT_FAILED = 1
State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """The answer of one check."""

    check: str
    state: State
    found: str
    next: str = ""
    """What to do; empty when all is well."""
    away: bool = False
    """Whether it may pass by itself: a database or a cluster that does not answer."""


def exit_code(findings: Sequence[Finding]) -> int:
    """0 without a failure, 75 when all that failed is away, otherwise 1.

    >>> exit_code([Finding("a", "warn", ""), Finding("b", "fail", "", away=True)])
    75
    >>> exit_code([Finding("a", "fail", ""), Finding("b", "fail", "", away=True)])
    1
    """
    failed = [one for one in findings if one.state == "fail"]
    if not failed:
        return 0
    return EXIT_TRY_AGAIN if all(one.away for one in failed) else EXIT_FAILED


def guarded(check: str, ask: Callable[[], Finding], then: str) -> Finding:
    """A check that turns the user's error into a failure.

    Args:
        check: Its name.
        ask: What is done.
        then: What to do after a failure.
    """
    try:
        return ask()
    except UserError as error:
        return Finding(check, "fail", " ".join(str(error).split()), then, away=error.exit_code == EXIT_TRY_AGAIN)
