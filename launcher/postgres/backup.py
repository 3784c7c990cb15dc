"""Backups of a ledger's database by PostgreSQL's own programs: pg_dump's custom format, put back in one transaction.

Surprising: pg_restore does nothing but restore in its transaction, and what the backup does not know would stay in the
way. So it only writes its script, and psql runs that after the statements which clear the place: all or nothing.

The programs are told where the database is by a file and by their environment, which only their owner can read.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from truestrength.launcher.postgres.programs import Clients, clients
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import faults
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import Session, connected, execute
from truestrength.trainer.contract.errors import ConfigError, DatabaseError
from truestrength.trainer.contract.ledger import Ledger, study

MAGIC = b"PGDMP"
LEAVING_S = 5.0
"""A session that has just ended is seen for a moment."""
SETTINGS = (
    "host", "hostaddr", "port", "dbname", "user", "passfile", "options", "connect_timeout", "target_session_attrs",
    "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "channel_binding", "gssencmode",
    "krbsrvname", "require_auth",
)  # fmt: skip
"""Of a connection, those that say where to and how; the programs' libpq may be older than ours."""
REQUIRE_AUTH_SINCE = 16
_TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relname = ANY(%(names)s) AND relkind = 'r' AND pg_table_is_visible(pg_class.oid)
"""
_TYPES = """
SELECT DISTINCT nspname, typname FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
JOIN pg_attribute ON atttypid = pg_type.oid JOIN pg_class ON pg_class.oid = attrelid
WHERE typtype = 'e' AND relname = ANY(%(names)s) AND pg_table_is_visible(pg_class.oid)
"""
TRANSACTION_TIMEOUT = (17, b"\nSET transaction_timeout = 0;\n")
"""Since which version a server knows it; the programs write it down for every server."""


def backup(url: str, file: Path) -> None:
    """Write a backup that only its owner may read; it appears whole or not at all. Nobody has to stop meanwhile.

    Raises:
        DatabaseError: there is no ledger to back up, or no program that can.
        ConfigError: something else is in the file's place.
    """
    if not file.parent.is_dir():
        raise ConfigError(f"{file}: there is no folder {file.parent}")
    if file.exists() and not _is_dump(file):
        raise ConfigError(f"{file}: is there and is no backup, so it is left as it is: choose another name")
    with _session(url) as session:
        if not _count(session, "truestrength.sweeps"):
            raise DatabaseError(f"{url_text.shown(url)}: no sweeps are in this database: there is nothing to back up")
        with _programs(session, url) as programs, files.replacing(file) as temporary:
            temporary.touch(mode=0o600, exist_ok=False)
            programs.run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={temporary}")


def restore(url: str, file: Path, *, replace: bool = False) -> None:
    """Put a backup in the place of what is in the database, and bring it to this program's version.

    Args:
        url: of the database.
        file: as `backup` wrote it, also by an earlier version of this program.
        replace: do so also where there are sweeps, which are lost.

    Raises:
        ConfigError: the file is no backup of a ledger.
        DatabaseError: the database is in use, or has sweeps. Nothing was changed.
    """
    if not _is_dump(file):
        raise ConfigError(f"{file}: expected a backup by `truestrength db backup`, found something else")
    with _session(url) as session, _programs(session, url) as programs:
        if " SCHEMA - truestrength " not in programs.run("pg_restore", "--list", str(file)):
            raise ConfigError(f"{file}: is a backup of another database: it has no ledger")
        script, clearing = programs.folder / "script.sql", programs.folder / "clearing.sql"
        programs.run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
        if session.info.server_version // 10000 < TRANSACTION_TIMEOUT[0]:
            script.write_bytes(script.read_bytes().replace(TRANSACTION_TIMEOUT[1], b"\n", 1))
        _refuse_use(session)
        if not replace:
            _refuse_content(session, url)
        clearing.write_text("\n".join(_clearing(session)), encoding="utf-8")
        words = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        programs.run("psql", *words, f"--file={clearing}", f"--file={script}")
    with Ledger(url) as ledger:
        ledger.prepare()


@dataclass(frozen=True)
class _Programs:
    """PostgreSQL's programs with a database to work on, and a folder that only its owner may enter."""

    found: Clients
    folder: Path
    url: str
    password: str | None

    def run(self, program: str, *arguments: str) -> str:
        """Run a program, and return what it says.

        Raises:
            DatabaseError: it failed, in its own words.
        """
        where = {"PGSERVICEFILE": str(self.folder / "service"), "PGSERVICE": "backup"}
        secret = {} if self.password is None else {"PGPASSWORD": self.password}
        finished = subprocess.run(
            [str(self.found.folder / program), *arguments],
            env={**os.environ, **where, **secret, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if finished.returncode:
            said = " ".join(url_text.without_password(finished.stderr.decode(errors="replace"), self.url).split())
            raise DatabaseError(f"{program} (PostgreSQL {self.found.version}) failed: {said}. Nothing was changed")
        return finished.stdout.decode(errors="replace")


@contextmanager
def _programs(session: Session, url: str) -> Iterator[_Programs]:
    found = clients(session.info.server_version // 10000)
    said = {name: value for name, value in session.info.dsn_parameters.items() if name in SETTINGS}
    if found.version < REQUIRE_AUTH_SINCE:
        # The server has shown to our own libpq, a moment ago, that it knows the password.
        said.pop("require_auth", None)
    with tempfile.TemporaryDirectory(prefix="truestrength_backup_") as name:
        service = "".join(f"{key}={value}\n" for key, value in said.items())
        files.write_secret(Path(name) / "service", f"[backup]\n{service}")
        yield _Programs(found, Path(name), url, session.info.password or None)


@contextmanager
def _session(url: str) -> Iterator[Session]:
    try:
        with connected(url) as session:
            yield session
    except psycopg2.Error as error:
        raise faults.explain(error, url) from None


def _is_dump(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None


def _count(session: Session, table: str) -> int:
    """Rows of a table; 0 where there is none."""
    if execute(session, "SELECT to_regclass(%s)", [table]).fetchall() == [(None,)]:
        return 0
    statement = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
    return int(execute(session, statement).fetchall()[0][0])


def _refuse_use(session: Session) -> None:
    """Refuse a database that others are at.

    Raises:
        DatabaseError: how many they are, and how to end them.
    """
    end = "Wait for them, or end them (`truestrength cancel --all`, Ctrl-C in a launcher), and try again"
    if _count(session, "truestrength.workers"):
        at_work = "SELECT DISTINCT batch_id FROM truestrength.workers WHERE stopped_at IS NULL AND lease_until > now()"
        if busy := [name for (name,) in execute(session, at_work).fetchall()]:
            raise DatabaseError(f"workers are at {', '.join(sorted(busy))}. {end}")
    others = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND usename IS NOT NULL AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + LEAVING_S
    while count := int(execute(session, others).fetchall()[0][0]):
        if time.monotonic() > deadline:
            raise DatabaseError(f"{count} other connections use this database: launchers, workers or others. {end}")
        time.sleep(0.1)


def _refuse_content(session: Session, url: str) -> None:
    """Refuse a database that has something to lose.

    Raises:
        DatabaseError: what it has.
    """
    sweeps, studies = _count(session, "truestrength.sweeps"), _count(session, "studies")
    if sweeps or studies:
        raise DatabaseError(
            f"{url_text.shown(url)}: has {sweeps} sweeps and {studies} Optuna studies, which would be lost. "
            "`--replace` puts the backup in their place (`truestrength db backup OTHER_FILE` keeps them)"
        )


def _clearing(session: Session) -> list[str]:
    """Statements that remove the ledger, and Optuna's tables with the types of their columns."""
    names = {"names": study.table_names()}
    found = [("TABLE", *row) for row in execute(session, _TABLES, names).fetchall()]
    found += [("TYPE", *row) for row in execute(session, _TYPES, names).fetchall()]
    drop = sql.SQL("DROP {} IF EXISTS {} CASCADE;")
    drops = [drop.format(sql.SQL(kind), sql.Identifier(schema, name)) for kind, schema, name in found]
    return [
        f"SET lock_timeout = '{LEAVING_S:.0f}s';",
        "SELECT pg_advisory_xact_lock(hashtextextended('truestrength:schema', 0));",
        "DROP SCHEMA IF EXISTS truestrength CASCADE;",
        *(statement.as_string(session) for statement in drops),
    ]
