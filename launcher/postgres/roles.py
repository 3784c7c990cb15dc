"""The embedded server's two roles: the superuser, and the one that programs and workers are, which owns the databases.

The superuser's password lies in a file of its own, and only what starts the server or makes a database reads it.

Surprising: PostgreSQL's first superuser can be neither demoted nor parted from what it owns. Older versions of this
program worked as that role. So at the next start it takes another name, a new role takes the old one, with the old
password, and is given the databases, object by object. Each step is one transaction: after a crash it is done again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from truestrength.launcher.postgres.state import MAINTENANCE, NAME, SUPERUSER, ServerState
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import faults
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import Session, connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

DEPUTY = "truestrength_takeover"
"""Renames the superuser of an older version, who cannot rename itself."""
PLAIN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
IS_PLAIN = """
    SELECT rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
    FROM pg_roles WHERE rolname = %s
"""
NOT_OWNED = """
    SELECT datname FROM pg_database WHERE (datname = %(name)s OR datname ^@ 'outputs_')
    AND datdba <> (SELECT oid FROM pg_roles WHERE rolname = %(name)s)
"""
HAND_OVER = """
    WITH
      mine AS (SELECT oid FROM pg_roles WHERE rolname = current_user),
      places AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    SELECT format('ALTER SCHEMA %%s OWNER TO %%I', oid::regnamespace, %(role)s)
    FROM places WHERE nspowner IN (TABLE mine)
    UNION ALL
    SELECT format('ALTER TABLE %%s OWNER TO %%I', oid::regclass, %(role)s) FROM pg_class
    WHERE relnamespace IN (SELECT oid FROM places) AND relowner IN (TABLE mine)
      AND (relkind IN ('r', 'p', 'v', 'm', 'f') OR relkind = 'S' AND NOT EXISTS (
        SELECT FROM pg_depend WHERE objid = pg_class.oid AND classid = 'pg_class'::regclass
        AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')))
    UNION ALL
    SELECT format('ALTER TYPE %%s OWNER TO %%I', oid::regtype, %(role)s) FROM pg_type
    WHERE typnamespace IN (SELECT oid FROM places) AND typowner IN (TABLE mine) AND typtype IN ('e', 'd')
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO %%I', oid::regprocedure, %(role)s) FROM pg_proc
    WHERE pronamespace IN (SELECT oid FROM places) AND proowner IN (TABLE mine)
    UNION ALL
    SELECT format('ALTER DATABASE %%I OWNER TO %%I', current_database(), %(role)s)
"""


def superuser_url(paths: EmbeddedServerPaths, state: ServerState, name: str = MAINTENANCE) -> str:
    """The superuser's URL of one of the server's databases."""
    return state.url_of(SUPERUSER, paths.superuser.read_text(encoding="utf-8"), name)


def settled(paths: EmbeddedServerPaths, state: ServerState) -> str:
    """See to it that the roles of a server that is up are as they shall be, and give the superuser's URL.

    Raises:
        DatabaseError: the server is out of reach, or the superuser's password is lost.
    """
    if not paths.superuser.exists():
        _check_older(paths, state)
        files.write_secret(paths.superuser, secrets.token_urlsafe(24))
    url = superuser_url(paths, state)
    if not _is_known(url):
        _check_older(paths, state)
        with _deputy(state) as session:
            _exchange(session, state, paths.superuser.read_text(encoding="utf-8"))
    with _explained(url) as session:
        _make_plain(session, state)
        foreign = [name for (name,) in execute(session, NOT_OWNED, {"name": NAME})]
    for name in foreign:
        _hand_over(url_text.with_database(url, name))
    with _explained(url) as session:
        _dismiss_deputy(session)
    return url


def _check_older(paths: EmbeddedServerPaths, state: ServerState) -> None:
    """Whether an older version made the server, with the programs' role as its superuser.

    Raises:
        DatabaseError: it did not.
    """
    with _explained(state.url(MAINTENANCE)) as session:
        if execute(session, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,):
            return
    raise DatabaseError(
        f"{paths.superuser}: the password of the server's superuser is not there, or is another one. Put the file back "
        f"as it was; without it no database can be made. {paths.url} leads to the current one"
    )


def _is_known(url: str) -> bool:
    try:
        with connected(url):
            return True
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            return False
        raise faults.explain(error, url) from None


@contextmanager
def _deputy(state: ServerState) -> Iterator[Session]:
    """A session of a second superuser."""
    password = secrets.token_urlsafe(24)
    with _explained(state.url(MAINTENANCE)) as session:
        found = execute(session, "SELECT FROM pg_roles WHERE rolname = %s", [DEPUTY]).rowcount
        _set_role(session, "ALTER" if found else "CREATE", DEPUTY, "LOGIN SUPERUSER", password)
    with _explained(state.url_of(DEPUTY, password, MAINTENANCE)) as session:
        yield session


def _exchange(session: Session, state: ServerState, password: str) -> None:
    """Rename the superuser of an older version, and give its name to a role that is none."""
    with session:
        execute(session, f"ALTER ROLE {NAME} RENAME TO {SUPERUSER}")
        _set_role(session, "ALTER", SUPERUSER, "LOGIN", password)
        _set_role(session, "CREATE", NAME, PLAIN, state.password)


def _make_plain(session: Session, state: ServerState) -> None:
    plain = execute(session, IS_PLAIN, [NAME]).fetchone()
    if plain != (True,):
        _set_role(session, "ALTER" if plain else "CREATE", NAME, PLAIN, state.password)


def _hand_over(url: str) -> None:
    """Make the programs' role the owner of a database and of all that is in it; what workers do meanwhile waits."""
    with _explained(url) as session, session:
        for (statement,) in execute(session, HAND_OVER, {"role": NAME}).fetchall():
            execute(session, statement)


def _dismiss_deputy(session: Session) -> None:
    """Remove it, and end the sessions of an older version, which are the superuser's still: workers connect anew."""
    if execute(session, "SELECT FROM pg_roles WHERE rolname = %s", [DEPUTY]).rowcount:
        execute(
            session,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND pid <> pg_backend_pid()",
            [SUPERUSER],
        )
        execute(session, f"DROP ROLE {DEPUTY}")


def _set_role(session: Session, how: str, role: str, attributes: str, password: str) -> None:
    """Make or change a role. The server gets a verifier: a statement's text may end in its log."""
    verifier = encrypt_password(password, role, session, "scram-sha-256")
    execute(
        session,
        sql.SQL("{how} ROLE {role} {attributes} PASSWORD {verifier}").format(
            how=sql.SQL(how),
            role=sql.Identifier(role),
            attributes=sql.SQL(attributes),
            verifier=sql.Literal(verifier),
        ),
    )


@contextmanager
def _explained(url: str) -> Iterator[Session]:
    try:
        with connected(url) as session:
            yield session
    except psycopg2.Error as error:
        raise faults.explain(error, url) from None
