"""What a launcher asks of the process that forks its workers, as files in the submission's folder.

Files reach into a container as well as into a process beside it. A request is one file, so that it is made whole or not
at all.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from typing import IO

import msgspec

from truestrength.trainer.contract import files
from truestrength.trainer.contract.paths.forks import ForkPaths


class ForkedWorker(msgspec.Struct, frozen=True):
    """One worker that is asked for."""

    number: int
    """From 1, given once in a folder."""
    environment: dict[str, str | None]
    """Added to its parent's; None removes a variable."""


class ForkRequest(msgspec.Struct, frozen=True):
    """Workers that are asked for together."""

    batch_ids: list[str]
    """The sweeps that they serve, in order."""
    workers: list[ForkedWorker]
    logs: str
    """The folder, which is there, for what they say."""
    grace_s: float
    """Seconds from being told to stop to being killed."""


def ask(paths: ForkPaths, number: int, request: ForkRequest) -> None:
    """Ask for workers; the requests of a folder are numbered from 0."""
    files.write_json(paths.request(number), request)


def asked(paths: ForkPaths, number: int) -> ForkRequest | None:
    """A request; None where there is none (yet)."""
    try:
        content = paths.request(number).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=ForkRequest)


def tell_end(paths: ForkPaths, worker: int, code: int) -> None:
    """Say how a worker ended: its exit code, or minus the signal that killed it."""
    files.write_secret(paths.exit_code(worker), str(code))


def end(paths: ForkPaths, worker: int) -> int | None:
    """How a worker ended; None for one of which that has not been said."""
    with suppress(OSError, ValueError):
        return int(paths.exit_code(worker).read_text(encoding="ascii"))
    return None


def hold(paths: ForkPaths) -> IO[bytes]:
    """Say that there may be more requests, until this file is closed or this process ends.

    A file system without locks makes it say nothing.
    """
    lock = files.open_private(paths.launcher)
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return lock


def may_ask(paths: ForkPaths) -> bool:
    """Whether a launcher that lives may ask for more."""
    try:
        with paths.launcher.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
