"""The database for the time of one command: the configured one, or that of an outputs root on the embedded server.

A server that the command started itself is stopped when it ends, unless somebody else has come to use it meanwhile.
Surprising: a command that runs a plan names its database in its own environment. So whatever it starts (workers,
containers, the reader of the held-out season, jobs) uses this very one, also when another launcher makes that of
another outputs root the current one meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg2

from truestrength.launcher.postgres import server
from truestrength.launcher.postgres.lock import in_use, used_by_nobody
from truestrength.trainer.contract.command_line import say as say_line
from truestrength.trainer.contract.database import address, patience
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import ConfigError, DatabaseError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

_aside = partial(say_line, aside=True)
LOOK_PATIENCE_S = 30.0
"""For who only looks: a person, or a program that asks again."""
PROJECT = Path()
"""The folder that `.postgres/` lies in."""


@contextmanager
def database_for_command(outputs: OutputsRoot, say: Callable[[str], None]) -> Iterator[str]:
    """Give the URL of the database of a plan, for this command and for all that it starts.

    Args:
        outputs: The plan's outputs root; its database on the embedded server is made where it is missing.
        say: Told what was started and stopped.

    Raises:
        DatabaseError: the database cannot be reached or started, and what to do next.
    """
    if address.configured():
        yield _configured()
        return
    with _embedded_server(say), _named(server.select(PROJECT, outputs)):
        yield address.database_url()


@contextmanager
def database_for_jobs(outputs: OutputsRoot) -> Iterator[str]:
    """Like `database_for_command` for jobs that outlive the command: a server must be up already.

    Raises:
        DatabaseError: nothing serves a database, or it cannot be reached.
    """
    if not address.configured() and not server.status(PROJECT).running:
        raise DatabaseError(
            "No database for the cluster's jobs. Serve one with `truestrength db up --listen` on a machine that "
            "the nodes reach, or from a job (`sbatch slurm/postgres.sbatch`), or set DATABASE_URL to a server."
        )
    with database_for_command(outputs, _aside) as url:
        yield url


@contextmanager
def database_with_sweeps(outputs: OutputsRoot | None = None, patience_s: float | None = None) -> Iterator[str]:
    """Give the URL of a database to look at or to steer sweeps in. Makes no new one, and none the current one.

    Args:
        outputs: Whose database, on the embedded server; None: the current one.
        patience_s: How long a configured server that is away is waited for; None: as long as workers wait.

    Raises:
        DatabaseError: nothing has run here yet, or not in this outputs root, or the database cannot be reached.
    """
    if address.configured():
        yield _configured(patience_s)
        return
    if not EmbeddedServerPaths.of(PROJECT).data.exists():
        raise DatabaseError("no database here yet: `truestrength phase1` makes one, or set DATABASE_URL")
    with _embedded_server(_aside):
        url = server.url(PROJECT, outputs)
        with Ledger(url) as ledger:
            if not ledger.is_there():  # the server is up, and nothing has run
                ledger.prepare()
        yield url


def named_root(folder: Path | None) -> OutputsRoot | None:
    """The outputs root that `--outputs` names, if it does.

    Raises:
        ConfigError: the environment names a database, so there is nothing to choose.
    """
    if folder is not None and address.configured():
        raise ConfigError(
            f"--outputs {folder}: chooses among the databases of the embedded server, but {address.URL_VARIABLE} or "
            f"{address.FILE_VARIABLE} names the database: leave one of the two out"
        )
    return None if folder is None else OutputsRoot(folder)


def _configured(patience_s: float | None = None) -> str:
    """The URL that the environment names, of a server that is waited for when it is away."""
    url = address.database_url()
    patience.reach(url, patience.PATIENCE_S if patience_s is None else patience_s, _aside)
    return url


@contextmanager
def _embedded_server(say: Callable[[str], None]) -> Iterator[None]:
    """The embedded server, started for the time of the command unless it runs."""
    started = False
    try:
        with in_use(EmbeddedServerPaths.of(PROJECT)):
            ran = server.status(PROJECT).running
            url = server.up(PROJECT)
            if not ran:
                started = True
                say(f"database: started the embedded PostgreSQL ({url_text.shown(url_text.with_database(url, ''))})")
            yield
    finally:
        if started:
            say(_stop())


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Name a database to this process and to those that it starts."""
    os.environ[address.FILE_VARIABLE] = str(file.absolute())
    try:
        yield
    finally:
        del os.environ[address.FILE_VARIABLE]


def _stop() -> str:
    with used_by_nobody(EmbeddedServerPaths.of(PROJECT)) as free:
        if user := _user() if free else "another command uses it":
            return f"database: left running, {user} (`truestrength db down` stops it)"
        server.down(PROJECT)
    folder, here = EmbeddedServerPaths.of(PROJECT).folder, PROJECT.absolute()
    return (
        f"database: stopped; its data stays in {folder.relative_to(here) if folder.is_relative_to(here) else folder}/"
    )


def _user() -> str:
    """Who is connected to a server that lives; empty when nobody is."""
    others = connections_of_others()
    if others is None:
        return "it does not say who uses it" if server.status(PROJECT).running else ""
    return f"{others} other connections use it" if others else ""


def connections_of_others() -> int | None:
    """Connections of others to any of the embedded server's databases; None when it does not say."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    try:
        with connected(server.superuser_url(PROJECT)) as session:
            row = execute(session, query).fetchone()
    except (psycopg2.Error, DatabaseError):
        return None
    return int(row[0]) if row else None
