"""What an error of the database means: whether it passes by itself, and what to say of it."""

from __future__ import annotations

import psycopg2
from psycopg2 import errors

from truestrength.trainer.contract.database.address import libpq_variables
from truestrength.trainer.contract.database.url import HINT, host_names, shown, without_password
from truestrength.trainer.contract.errors import DatabaseError

# While a connection is made libpq passes on no error code, only the server's text. In a server that speaks another
# language than English a refusal is therefore taken for trouble that may pass: reported late, but reported.
_REFUSALS = (
    "authentication failed",
    "does not exist",
    "is not permitted to log in",
    "is not currently accepting connections",
    "no pg_hba.conf entry",
    "no password supplied",
    "unsupported startup parameter",
    "authentication method requirement",
    "certificate verify failed",
    "root certificate file",
)
_SETTINGS = (
    "does not support SSL",
    "sslmode",
    "certificate",
    "authentication method",
    "channel binding",
    "unrecognized configuration parameter",
)
_UNKNOWN_HOST = ("Name or service not known", "No address associated with hostname")
_FULL = ("too many clients", "too many connections", "remaining connection slots are reserved")


def is_passing(error: BaseException) -> bool:
    """Whether a database error may go away by itself: a server that is restarting, full, or out of reach."""
    if isinstance(error, errors.InsufficientPrivilege | errors.UndefinedTable | errors.LockNotAvailable):
        return False
    if isinstance(error, errors.IdleInTransactionSessionTimeout):
        return True
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return not _is_refusal(error)
    return False


def is_unknown_host(error: psycopg2.Error, url: str) -> bool:
    """Whether the network knows no host of this name: at a command's beginning a typing mistake, later a bad moment."""
    return len(host_names(url)) == 1 and _has(error, _UNKNOWN_HOST)


def is_full(error: BaseException) -> bool:
    """Whether the server is up and takes no more connections."""
    return isinstance(error, psycopg2.OperationalError) and _has(error, _FULL)


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
                "embedded server's URL, another program has its port, and `truestrength db up` starts the server."
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
        case psycopg2.OperationalError() if _has(error, _SETTINGS):
            advice = (
                f"Server and client do not agree how to connect: check what follows `?` in DATABASE_URL.{_completed()}"
            )
        case psycopg2.OperationalError() if _is_refusal(error):
            advice = "Check user, password and database name in DATABASE_URL; the server itself is up."
        case psycopg2.OperationalError() if is_full(error):
            advice = (
                "The server is up and takes no more connections. Each worker needs one, and the launcher one more: "
                "use fewer workers (--n-jobs), or raise max_connections of the server."
            )
        case psycopg2.OperationalError():
            advice = f"Is the server up, and its host and port right? {HINT}{_completed()}"
        case _:
            advice = "This was not expected; the server's log may say more."
    return DatabaseError(f"{where}: {said}. {advice}")


def _completed() -> str:
    """Which variables had a say, when some did."""
    names = ", ".join(libpq_variables())
    return f" These variables of the environment were used, too: {names}." if names else ""


def _is_refusal(error: psycopg2.Error) -> bool:
    return _has(error, (*_REFUSALS, *_SETTINGS))


def _has(error: BaseException, sentences: tuple[str, ...]) -> bool:
    return any(words in str(error) for words in sentences)
