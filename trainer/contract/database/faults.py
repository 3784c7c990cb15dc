"""What an error of the database means: whether it passes by itself, and what to say of it."""

from __future__ import annotations

import psycopg2
from psycopg2 import errors

from trainer.contract.database import sessions
from trainer.contract.database.address import libpq_variables
from trainer.contract.database.url import HINT, shown, without_password
from trainer.contract.errors import DatabaseError

# While a connection is made libpq passes on no error code, only the server's text. In a server that speaks another
# language than English a refusal is therefore taken for trouble that may pass: reported late, but reported.
_REFUSALS = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "unsupported startup parameter",
    "authentication method requirement",
    "certificate verify failed",
    "root certificate file",
)


def is_passing(error: BaseException) -> bool:
    """Whether a database error may go away by itself: a server that is restarting, full, or out of reach."""
    if isinstance(error, errors.InsufficientPrivilege | errors.UndefinedTable):
        return False
    if isinstance(error, errors.IdleInTransactionSessionTimeout):
        return True
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return not _is_refusal(error)
    return False


def driver_error(error: BaseException) -> BaseException:
    """The driver's error inside SQLAlchemy's, inside Optuna's; any other error as it is."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, psycopg2.Error):
        found = getattr(found, "orig", None) or found.__cause__
    return found or error


def explain(error: psycopg2.Error, url: str) -> DatabaseError:
    """What a database error means to the person who runs a command, and what to do next."""
    said = " ".join(without_password(str(error), url).split()).rstrip(".?")
    where = shown(url)
    match error:
        case errors.InsufficientPrivilege():
            advice = (
                "The user may not create what is needed. As the database's owner: "
                "GRANT CREATE ON DATABASE … TO user; GRANT CREATE ON SCHEMA public TO user;"
            )
        case errors.ReadOnlySqlTransaction():
            advice = (
                "The server takes no writes: it is a standby, or read-only. Name the primary; with several hosts, "
                "?target_session_attrs=read-write finds it."
            )
        case psycopg2.OperationalError() if "authentication method requirement" in said:
            advice = (
                "No password was sent: the server there does not ask for it as `require_auth` wants. When that is the "
                "embedded server's URL, another program has its port, and `python -m launcher db up` starts the server."
            )
        case psycopg2.OperationalError() if "certificate verify failed" in said:
            advice = (
                "No password was sent: the server there is another one than that whose certificate `sslrootcert` names."
            )
        case psycopg2.OperationalError() if "root certificate file" in said:
            advice = "Every machine and container that connects has to see that file: put it where they do."
        case psycopg2.OperationalError() if "unsupported startup parameter" in said:
            advice = (
                "A connection pooler is in between that does not know it: leave it out, or use the server's own port."
            )
        case errors.UndefinedTable() | errors.InvalidSchemaName():
            advice = "The ledger is not in this database. A launcher makes it when it registers a sweep."
        case psycopg2.OperationalError() if _is_refusal(error):
            advice = "Check user, password and database name in DATABASE_URL; the server itself is up."
        case psycopg2.OperationalError():
            advice = f"Is the server up, and its host and port right? {HINT}{_completed()}"
        case _:
            advice = "This was not expected; the server's log may say more."
    return DatabaseError(f"{where}: {said}. {advice}")


def _completed() -> str:
    """Which variables had a say, when some did."""
    names = ", ".join(libpq_variables())
    return f" These variables of the environment were used, too: {names}." if names else ""


def check(url: str) -> None:
    """Connect once, without patience.

    Raises:
        DatabaseError: the server cannot be reached or refuses, and what to do next.
    """
    try:
        sessions.connect(url).close()
    except psycopg2.Error as error:
        raise explain(error, url) from None


def _is_refusal(error: psycopg2.Error) -> bool:
    return any(words in str(error) for words in _REFUSALS)
