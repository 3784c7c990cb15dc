"""Makes the schema, or brings it up to date. `CREATE … IF NOT EXISTS` fails when two run it at once: hence the lock."""

from __future__ import annotations

from trainer.contract.database.sessions import Session, execute
from trainer.contract.ledger.queries import SCHEMA_VERSION, query, schema
from trainer.contract.ledger.version import refuse_newer, version


def prepare(session: Session) -> None:
    """Make the schema where it is missing or of another version.

    Raises:
        DatabaseError: a newer version of this program has been here.
    """
    if version(session) == SCHEMA_VERSION:
        return
    with session:
        execute(session, query("lock"), {"name": "truestrength:schema"})
        refuse_newer(session)
        for statement in schema():
            execute(session, statement)
        execute(session, query("put_schema_version"), {"version": SCHEMA_VERSION})
