"""Errors a user can act on. A command prints their text and exits with their code, without a traceback.

The class docstring is the default message. A text says what happened, the value that was found, what is
allowed, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

EXIT_USER_ERROR = 2
EXIT_TRY_AGAIN = 75
"""What was asked for is right, and what it needs is away: EX_TEMPFAIL of sysexits.h."""


class UserError(Exception):
    """The command was given something that it cannot work with."""

    exit_code: ClassVar[int] = EXIT_USER_ERROR

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ConfigError(UserError):
    """The configuration is not valid."""


class DataError(UserError):
    """The data is not valid."""


class DatabaseError(UserError):
    """The database cannot be used."""


class DatabaseAwayError(DatabaseError):
    """The database does not answer, or takes no more connections: the same command goes on when it does."""

    exit_code = EXIT_TRY_AGAIN


class DiskError(UserError):
    """A file system is full, read-only or broken."""


class SweepChangedError(UserError):
    """A sweep of this name exists with another configuration."""


def suggest(found: str, allowed: Iterable[str]) -> str:
    """Say what is allowed instead of `found`, the closest name first.

    >>> suggest("spearmn", ["ndcg4", "spearman"])
    "did you mean 'spearman'? Allowed: ndcg4, spearman"
    """
    names = list(allowed)
    close = difflib.get_close_matches(found, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}Allowed: {', '.join(names)}"
