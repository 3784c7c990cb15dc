"""Makes the schema, or brings it up to date. `CREATE … IF NOT EXISTS` fails when two run it at once: hence the lock."""

from __future__ import annotations

from trainer.contract.database.sessions import Session, execute
from trainer.contract.errors import DatabaseError
from trainer.contract.ledger.connection import values
from trainer.contract.ledger.queries import SCHEMA_VERSION, query, schema


def prepare(connection: Session) -> None:
    """Make the schema where it is missing or of another version.

    Raises:
        DatabaseError: a newer version of this program has been here.
    """
    if _version(connection) == SCHEMA_VERSION:
        return
    with connection:
        execute(connection, query("lock"), {"name": "truestrength:schema"})
        found = _version(connection)
        if found > SCHEMA_VERSION:
            raise DatabaseError(
                f"the ledger in this database has version {found}, this program knows {SCHEMA_VERSION}: "
                "use the newer program, or another database"
            )
        for statement in schema():
            execute(connection, statement)
        execute(connection, query("put_schema_version"), {"version": SCHEMA_VERSION})


def _version(connection: Session) -> int:
    """0 when there is no schema."""
    if values(connection, query("prepared"), {}) == [False]:
        return 0
    return max(map(int, values(connection, query("schema_version"), {})), default=0)
