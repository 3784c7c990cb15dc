"""Looks for the passwords of databases wherever a command may have left them, while it runs and afterwards.

Surprising: no test says which passwords there are. Each embedded server is found by its own files, those of plans that
a test starts included; the session's server is one of them.
"""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

ALLOWED = (
    "*/.postgres/server.json",
    "*/.postgres/superuser",
    "*/.postgres/url",
    "*/.postgres/urls/*",
    "*/.cluster/database_url",
)
"""The only files that may hold a password; their owner alone may read them."""
INTERVAL_S = 0.3
LARGEST = 1 << 26


class Watch:
    """The passwords of the servers in some folders, and where they have been seen."""

    def __init__(self, *folders: Path) -> None:
        self.folders = list(folders)
        self.said: list[bytes] = []
        """What processes that the tests started have printed."""
        self._owners: dict[bytes, set[int]] = {}
        """Whose each password is: users in whose processes it may be."""
        self._seen: set[str] = set()
        self._since = 0.0
        self._lock = threading.Lock()

    def know(self, url: str, user: int) -> None:
        """Look for the password of a URL, too, which is given to a user."""
        if password := urlsplit(url).password:
            self._owners.setdefault(password.encode(), set()).add(user)

    def findings(self) -> list[str]:
        """Where passwords have been seen since the last call, in processes, in files, and in what was printed."""
        since, self._since = self._since, time.time()
        changed = [path for folder in self.folders for path in _files(folder, since)]
        for path in changed:
            self._learn(path)
        self.look_at_processes()
        with self._lock:
            found, self._seen = sorted(self._seen), set()
            said, self.said = self.said, []
        found += [found for path in changed if (found := self._in_file(path))]
        return found + ["printed by a process" for text in said if self._held_by(text)]

    def look_at_processes(self) -> None:
        """Every command line may be read by all users, an environment by the process's own."""
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes()
                self._learn_from_server(command)
                for password in self._held_by(command):
                    self._note(process, command, password, "command line")
                for password in self._held_by((process / "environ").read_bytes()):
                    if process.stat().st_uid not in self._owners[password]:
                        self._note(process, command, password, "environment, which another user may read,")

    def _note(self, process: Path, command: bytes, password: bytes, what: str) -> None:
        shown = command.replace(password, b"***").replace(b"\0", b" ").decode(errors="replace")
        with self._lock:
            self._seen.add(f"in the {what} of process {process.name}: {shown}")

    def _in_file(self, path: Path) -> str | None:
        with suppress(OSError):
            found = path.stat()
            if found.st_size > LARGEST or not self._held_by(path.read_bytes()):
                return None
            if not any(fnmatch(str(path), pattern) for pattern in ALLOWED):
                return f"in {path}"
            if found.st_mode & 0o077:
                return f"in {path}, which others may open: mode {stat.S_IMODE(found.st_mode):o}"
        return None

    def _held_by(self, text: bytes) -> list[bytes]:
        return [password for password in list(self._owners) if password in text]

    def _learn_from_server(self, command: bytes) -> None:
        """A running server's command line names its data folder."""
        words = command.split(b"\0")
        if words[0].endswith(b"/postgres") and b"-D" in words:
            folder = Path(os.fsdecode(words[words.index(b"-D") + 1])).parent
            if any(folder.is_relative_to(own) for own in self.folders):
                self._learn(folder / "server.json")
                self._learn(folder / "superuser")

    def _learn(self, path: Path) -> None:
        with suppress(OSError, msgspec.DecodeError):
            if fnmatch(str(path), "*/.postgres/server.json"):
                self._own(msgspec.json.decode(path.read_bytes())["password"].encode(), path)
            elif fnmatch(str(path), "*/.postgres/superuser"):
                self._own(path.read_bytes(), path)

    def _own(self, password: bytes, path: Path) -> None:
        if password:
            self._owners.setdefault(password, set()).add(path.stat().st_uid)


def _files(folder: Path, since: float) -> Iterator[Path]:
    """The files that were changed or made since then."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            with suppress(OSError):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode) and found.st_size and found.st_ctime >= since - 1:
                    yield path


@contextmanager
def watching(watch: Watch) -> Iterator[Watch]:
    """Look at processes again and again, and hear what those say that are started here."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL_S):
            watch.look_at_processes()

    hear = subprocess.Popen.communicate

    def communicate(self, *arguments, **options):
        said = hear(self, *arguments, **options)
        watch.said += [text.encode() if isinstance(text, str) else text for text in said if text]
        return said

    thread = threading.Thread(target=look, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "communicate", communicate)
        thread.start()
        yield watch
        ended.set()
        thread.join()
