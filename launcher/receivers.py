"""Hands a notice to a URL by POST, or to a command on its standard input, and is done within seconds.

Surprising: a redirection is a failure. urllib would follow it by GET, and what was to be told would be lost.
"""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from truestrength.trainer.contract.config.notify import Notify

TIMEOUT_S = 5.0
"""For all that a receiver does."""
_HEADERS = {"Content-Type": "application/json", "User-Agent": "truestrength"}


def hand_over(receiver: Notify, text: bytes) -> str | None:
    """Give a notice to its receiver.

    Args:
        receiver: A URL or a command.
        text: JSON.

    Returns:
        Why it could not be given, in words without the URL, whose path may be a secret.
    """
    return _post(receiver.url, text) if receiver.url else _run(receiver.command, text)


def shown(receiver: Notify) -> str:
    """The receiver for people: a URL's host, or a command's name."""
    return str(urlsplit(receiver.url).hostname) if receiver.url else receiver.command[0]


class _Nowhere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection."""


def _post(url: str, text: bytes) -> str | None:
    request = urllib.request.Request(url, data=text, headers=_HEADERS, method="POST")  # noqa: S310 - the configuration takes http and https only
    try:
        with urllib.request.build_opener(_Nowhere).open(request, timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        return str(error.reason)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__


def _run(command: tuple[str, ...], text: bytes) -> str | None:
    try:
        done = subprocess.run(command, input=text, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not end within {TIMEOUT_S:.0f} s"
    except (OSError, ValueError) as error:
        return str(error)
    said = done.stderr.decode(errors="replace").strip()[-200:]
    return f"exit code {done.returncode}{f': {said}' if said else ''}" if done.returncode else None
