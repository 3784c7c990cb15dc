"""As whom PostgreSQL's programs run, and how a command becomes that user for them.

PostgreSQL refuses root, so a plain user owns the data folder and runs the server; where that user may not even enter
the project's folder (a 0700 home), it gets the one capability it needs, and no folder's mode is touched. Its initdb
refuses a uid without a name, so such a user gets a name for as long as initdb runs.

Surprising: initdb and pg_ctl look for each other with access(2), for which Linux takes the capabilities away from
whoever is not root, unless the securebit no_setuid_fixup is set. Only the standard library is imported:
`make phase1` asks `python -m launcher.postgres.user` before it installs anything.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from truestrength.trainer.contract.errors import EXIT_USER_ERROR, DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

UNPRIVILEGED = ("postgres", "nobody")
# Entering and reading is enough, but a container's root often has only the second.
CAPABILITIES = ("dac_read_search", "dac_override")
UNSPEAKABLE = '"$`\\\n'
"""PostgreSQL's programs call each other through a shell, between double quotes."""
ANOTHER_SERVER = "set DATABASE_URL to a PostgreSQL server of yours"


@dataclass(frozen=True)
class User:
    """Who owns the data folder."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True)
class Way:
    """How a program is started so that it runs as the server's user."""

    user: User | None = None
    """None: the one who runs this command."""
    prefix: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a command to its end, with nothing of this environment that could change what PostgreSQL does."""
        kept = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        return subprocess.run(
            [*self.prefix, *command],
            cwd="/",
            env={**environment, "LC_ALL": "C", **self.variables},
            stdin=subprocess.DEVNULL,
            check=False,
            **options,
            **self._demotion(),
        )

    def _demotion(self) -> dict[str, Any]:
        if self.user is None or self.prefix:
            return {}
        return {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}


def server_user(data: Path) -> User | None:
    """Who shall run the server: None for whoever runs this command, and for root somebody else.

    Args:
        data: PostgreSQL's data folder; where it is there already, its owner.

    Raises:
        DatabaseError: there is nobody.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid, f"uid {owner.st_uid}")
    asked = os.environ.get("PG_USER")
    for name in [asked] if asked else UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(found.pw_uid, found.pw_gid, name)
    missing = f"PG_USER={asked}: there is no such user" if asked else "there is no user 'nobody'"
    raise DatabaseError(f"PostgreSQL does not run as root, and {missing}: set PG_USER to a user's name")


def ways(user: User | None) -> Iterator[Way]:
    """The ways to run a program as `user`, the plainest first."""
    yield Way(user)
    if user is None or not shutil.which("setpriv"):
        return
    for capability in CAPABILITIES:
        yield Way(
            user,
            (
                "setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups",
                f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup", "--",
            ),
        )  # fmt: skip


def named_ways(folder: Path) -> Iterator[Way]:
    """The ways to have a name for a user whom the system knows by number only. They may all fail.

    Args:
        folder: A file with the name is written there.
    """
    passwd = folder / "passwd"
    passwd.write_text(f"truestrength:x:{os.geteuid()}:{os.getegid()}::/:/bin/false\n", encoding="ascii")
    yield Way(
        variables={
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(passwd),
            "NSS_WRAPPER_GROUP": "/etc/group",
        }
    )
    # In a user namespace of its own the number is that of somebody with a name; containers often forbid it.
    if shutil.which("unshare"):
        somebody = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
        yield Way(prefix=("unshare", "--user", f"--map-user={somebody.pw_uid}", f"--map-group={somebody.pw_gid}", "--"))


def check_spelling(path: Path) -> None:
    """Refuse a path that PostgreSQL's programs cannot be given.

    Raises:
        DatabaseError: one of its characters means something to a shell.
    """
    if found := [repr(character) for character in UNSPEAKABLE if character in str(path)]:
        raise DatabaseError(
            f"{path}: PostgreSQL's own programs cannot be in a folder with {' or '.join(found)} in its path. "
            f"Rename or move the folder, or {ANOTHER_SERVER}."
        )


def closed(user: User | None, folder: Path, said: str = "") -> DatabaseError:
    """The error for a folder that the server's user cannot use, with what can be done."""
    if user is None:
        return DatabaseError(f"PostgreSQL cannot run in {folder}: {said}. Move the project, or {ANOTHER_SERVER}.")
    reason = (
        "this root may not give it the capabilities with which it could (CAP_DAC_READ_SEARCH, CAP_SETPCAP, CAP_SETUID)"
        if shutil.which("setpriv")
        else "setpriv, with which it could, is missing (of the package util-linux)"
    )
    return DatabaseError(
        f"PostgreSQL does not run as root, and {user.name}, as whom it would run, cannot use {folder}: a folder on the "
        f"way is closed to others, as a home of mode 0700 is, and {reason}. Run as an ordinary user, or move the "
        f"project where others may enter (below /srv or /opt), or {ANOTHER_SERVER}.{said and f' ({said})'}"
    )


def nameless() -> DatabaseError:
    """The error for a user without a name who cannot be given one."""
    return DatabaseError(
        f"PostgreSQL's initdb refuses the user {os.geteuid()}, who has no name on this machine. Have a line added to "
        f"/etc/passwd, or the package libnss-wrapper installed, or {ANOTHER_SERVER}."
    )


def check(paths: EmbeddedServerPaths, project: Path) -> None:
    """Find out whether the embedded server can be started here, before its programs are there.

    Args:
        paths: Of the server.
        project: The folder that its programs will lie in.

    Raises:
        DatabaseError: it cannot, and what to do.
    """
    if os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE"):
        return
    check_spelling(project)
    user = server_user(paths.data)
    if not any(_succeeds(way, "sh", "-c", 'cd "$1"', "sh", str(project)) for way in ways(user)):
        raise closed(user, project)
    if user is None and not paths.data.exists() and not _succeeds(Way(), "id", "-un"):
        with tempfile.TemporaryDirectory() as folder:
            if not any(_succeeds(way, "id", "-un") for way in named_ways(Path(folder))):
                raise nameless()


def _succeeds(way: Way, *command: str) -> bool:
    with suppress(OSError):  # a root who may not become anybody else
        return way.run(command, capture_output=True).returncode == 0
    return False


def main() -> int:
    """`python -m launcher.postgres.user`: say what stands in the embedded server's way."""
    try:
        check(EmbeddedServerPaths.of(Path()), Path().absolute())
    except DatabaseError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USER_ERROR
    return 0


if __name__ == "__main__":
    sys.exit(main())
