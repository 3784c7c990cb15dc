"""Files appear whole or not at all: unique temporary name beside the target, fsync, rename, fsync of the folder."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

from truestrength.trainer.contract.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it becomes `path`, on an error it is gone."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with _naming(path):
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `as_json`."""
    write_bytes(path, as_json(value))


def as_json(value: Any) -> bytes:
    """`value` (structs included) as indented JSON with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def write_secret(path: Path, text: str) -> None:
    """Write a whole file that only its owner may read, at no moment anybody else."""
    with replacing(path) as temporary:
        temporary.touch(mode=0o600, exist_ok=False)
        temporary.write_text(text, encoding="utf-8")


def open_private(path: Path) -> IO[bytes]:
    """Open a file for appending; one that is made may be read by its owner only, whatever the umask."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")


def make_folder(folder: Path, *, new: bool = False) -> None:
    """Make a folder and those above it, so that they are there after a loss of power too.

    Raises:
        FileExistsError: it is there and was to be `new`, or a file is in the way.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=not new)
    for path in missing:
        _sync(path.parent)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, whatever the umask; one that is there and open is closed.

    Raises:
        UserError: it is another user's, or a link: who made that could put others' files into it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _close(folder)


def _close(folder: Path) -> None:
    found = folder.lstat()
    # Not our own uid: some file systems show every file as somebody's.
    with tempfile.TemporaryFile(dir=folder) as ours:
        is_ours = found.st_uid == os.fstat(ours.fileno()).st_uid
    if stat.S_ISLNK(found.st_mode) or not is_ours:
        raise UserError(
            f"{folder}: is a link, or belongs to another user, who could have programs run as you by the files there. "
            "Remove it, or use a folder of your own"
        )
    if found.st_mode & 0o077:
        with suppress(OSError):  # a file system without modes
            folder.chmod(0o700)


def create_text(path: Path, text: str) -> bool:
    """Write a whole file unless there is one: of all who try at once, only one gets True.

    A hard link is what decides, on every file system that a cluster shares; nobody sees the file half-written.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with _naming(path):
            temporary.write_text(text, encoding="utf-8")
            _sync(temporary)
            path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)
    return True


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What fails while it writes, and not while it opens, does not say where: here it does."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
