"""Makes the schema. `CREATE … IF NOT EXISTS` fails when two run it at once, so it is done under a lock."""

from __future__ import annotations

import psycopg
from psycopg.rows import DictRow

from trainer.contract.ledger.connection import values
from trainer.contract.ledger.queries import SCHEMA_VERSION, query, schema


def prepare(connection: psycopg.Connection[DictRow]) -> None:
    """Make the schema where it is missing."""
    if values(connection, query("prepared"), {}) == [True]:
        return
    with connection.transaction():
        connection.execute(query("lock").encode(), {"name": "truestrength:schema"})
        for statement in schema():
            connection.execute(statement.encode())
        connection.execute(query("put_schema_version").encode(), {"version": SCHEMA_VERSION})
