"""Who is told of the end of a sweep or plan: no result depends on it, and only the ledger keeps it, as a secret."""

from __future__ import annotations

import re

import msgspec

HTTP = re.compile(r"https?://[A-Za-z0-9_.-]+(?::[0-9]{1,5})?(?:[/?][!-~]*)?")
"""No user and password, which urllib would take for a part of the host."""


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is told, once each, of the end of a sweep or plan and of the first trial of a sweep that is given up."""

    url: str | None = None
    """Gets JSON by POST."""
    command: tuple[str, ...] = ()
    """Gets JSON on its standard input: a program and its words, without a shell."""

    @property
    def is_there(self) -> bool:
        """Whether anybody is told."""
        return self.url is not None or self.command != ()


def wrong_receiver(notify: Notify) -> tuple[str, str] | None:
    """The key of `notify` that is wrong, and how; nothing of a URL, which may be a secret."""
    if notify.url is not None:
        if notify.command:
            return "notify", "has a url and a command: leave one of the two out"
        if not HTTP.fullmatch(notify.url):
            return "notify.url", "expected http://HOST… or https://HOST…, found something else"
    if notify.command and not notify.command[0].strip():
        return "notify.command", "expected a program as the first word, found an empty one"
    if any("\0" in word for word in notify.command):
        return "notify.command", "has a NUL, which no command line can hold"
    return None
