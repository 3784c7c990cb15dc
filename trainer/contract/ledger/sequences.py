"""The database's part of run ids: a sequence per outputs root, named by the root's id, that only ever moves forward."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from trainer.contract.errors import DatabaseError
from trainer.contract.ledger.connection import Connection, values
from trainer.contract.ledger.queries import query


def next_number(connection: Connection, root_id: str) -> int | None:
    """The next number; None when the database has no such sequence."""
    name = _name(root_id)
    statement = _statement("next_run_id", name)
    try:
        return int(connection.work(lambda open_: values(open_, statement, {"name": name}))[0])
    except DatabaseError as error:
        if isinstance(error.__cause__, psycopg.errors.UndefinedTable):
            return None
        raise


def raise_to(connection: Connection, root_id: str, floor: Callable[[], int]) -> None:
    """Make the sequence where it is missing; its next number is `floor()` or higher, and never lower than it was.

    Args:
        connection: to the ledger's database.
        root_id: of the outputs root.
        floor: asked under the lock, while no number can be given.
    """
    name = _name(root_id)

    def once(open_: psycopg.Connection[DictRow]) -> None:
        with open_.transaction():
            open_.execute(query("take_time").encode())
            open_.execute(query("lock").encode(), {"name": name})
            open_.execute(_statement("create_sequence", name).encode())
            open_.execute(_statement("raise_sequence", name).encode(), {"at_least": floor()})

    connection.work(once)


def _name(root_id: str) -> str:
    return f"run_ids_{root_id}"


def _statement(name: str, sequence: str) -> str:
    return sql.SQL(query(name)).format(sequence=sql.Identifier("truestrength", sequence)).as_string()
