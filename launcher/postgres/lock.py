"""The embedded server's locks: who is starting or stopping it, which commands use it, whether a process of it lives."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

PATIENCE_S = 180.0


@contextmanager
def locked(paths: EmbeddedServerPaths) -> Iterator[None]:
    """Let nobody else start or stop the server meanwhile; makes its folder where it is missing.

    Raises:
        DatabaseError: the folder is somebody else's, or another process keeps the lock.
    """
    try:
        if not paths.folder.exists():
            paths.folder.mkdir(parents=True, exist_ok=True)
            # The server may run as another user, who has to pass; the files with the password are closed to it.
            paths.folder.chmod(0o711)
        with files.open_private(paths.lock) as lock:
            _take(lock, paths.lock)
            yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
            raise
        raise DatabaseError(
            f"{error.filename or paths.folder}: {error.strerror}. The embedded server belongs to the user who made it: "
            "run as that user, or remove .postgres to begin anew."
        ) from None


@contextmanager
def in_use(paths: EmbeddedServerPaths) -> Iterator[None]:
    """Let no other command stop a server that it started itself meanwhile, also before this one has connected."""
    with locked(paths):
        users = files.open_private(paths.users)
    with users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


@contextmanager
def used_by_nobody(paths: EmbeddedServerPaths) -> Iterator[bool]:
    """Whether no command uses the server; if so, those that come wait."""
    with files.open_private(paths.users) as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _take(lock: IO[bytes], path: Path) -> None:
    """Wait for the lock; whoever has it has written who it is."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
            lock.flush()
            return
        if time.monotonic() > deadline:
            lock.seek(0)
            holder = lock.read(200).decode(errors="replace") or "an unknown process"
            raise DatabaseError(
                f"{path}: {holder} has been starting or stopping the embedded server for over {PATIENCE_S:.0f} s. "
                "Wait for it, or end it, and try again."
            )
        time.sleep(0.05)


def alive(paths: EmbeddedServerPaths) -> bool:
    """Whether one of the server's processes lives: they all have this lock, and the kernel lets it go with the last."""
    with files.open_private(paths.alive) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
