"""Who is told of the end of a sweep or plan: no result depends on it, and only the ledger keeps it, as a secret."""

from __future__ import annotations

import re

import msgspec

HTTP = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?:[/?][!-~]*)?")
"""No user and password, which urllib would take for a part of the host."""
HIGHEST_PORT = 65535


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


def wrong_receiver(notify: Notify, url_from: str) -> tuple[str, str] | None:
    """The key of `notify` that is wrong, and how; nothing of a URL, which may be a secret.

    Args:
        notify: As it was read.
        url_from: What set the URL.
    """
    if notify.url is not None:
        if url_from.startswith("--set "):
            kept = "a command is kept in the sweep's folder, and this URL may be a secret"
            return "notify.url", f"{kept}: write it into a file, for example ~/.config/truestrength/config.yaml"
        if notify.command:
            return "notify", "has a url and a command: leave one of the two out"
        found = HTTP.fullmatch(notify.url)
        if not found or int(found["port"] or 0) > HIGHEST_PORT:
            return "notify.url", "expected http://HOST… or https://HOST…, found something else"
    if notify.command and not notify.command[0].strip():
        return "notify.command", "expected a program as the first word, found an empty one"
    return None
