"""Hands a notice to a URL by POST, or to a command on its standard input, and is done within seconds.

Surprising: a redirection is a failure. urllib would follow it by GET, and what was to be told would be lost. And
urllib's timeout is one of each read, so a server that answers byte by byte is left to a thread that nobody waits for.
"""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException
from queue import Empty, Queue
from tempfile import TemporaryFile
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from truestrength.trainer.contract.config.notify import Notify

TIMEOUT_S = 5.0
"""For all that a receiver does."""
_TOO_LATE = "not done within {:g} s"
_HEADERS = {"Content-Type": "application/json", "User-Agent": "truestrength"}


def hand_over(receiver: Notify, text: bytes) -> str | None:
    """Give a notice to its receiver.

    Args:
        receiver: A URL or a command.
        text: JSON.

    Returns:
        Why it could not be given, in words without the URL, whose path may be a secret.
    """
    return _in_time(receiver.url, text) if receiver.url else _run(receiver.command, text)


def shown(receiver: Notify) -> str:
    """The receiver for people: a URL's host, or a command's name."""
    return str(urlsplit(receiver.url).hostname) if receiver.url else receiver.command[0]


class _Nowhere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirection."""


def _in_time(url: str, text: bytes) -> str | None:
    answers: Queue[str | None] = Queue()
    Thread(target=lambda: answers.put(_post(url, text)), daemon=True).start()
    try:
        return answers.get(timeout=TIMEOUT_S)
    except Empty:
        return _TOO_LATE.format(TIMEOUT_S)


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
    # Files, not pipes: a pipe ends only with the last of the processes that the command leaves behind.
    with TemporaryFile() as told, TemporaryFile() as errors:
        told.write(text)
        told.seek(0)
        try:
            done = subprocess.run(command, stdin=told, stdout=errors, stderr=errors, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return _TOO_LATE.format(TIMEOUT_S)
        except OSError as error:
            return str(error)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip()[-200:]
    return f"exit code {done.returncode}{f': {said}' if said else ''}" if done.returncode else None
