"""Run ids, `run_025` and up: a database sequence per outputs root, with the file system as the last arbiter.

A database can be lost, restored or replaced; the folders stay. So an id counts as given only when its reservation file
was created by this call, and on a collision the sequence is raised above everything that lies in the root.
"""

from __future__ import annotations

from psycopg2 import errors, sql

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.connection import Connection
from truestrength.trainer.contract.ledger.preparation import prepare
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.outputs_root import LARGEST_RUN_ID, create_reservation, outputs_id, used_up
from truestrength.trainer.contract.paths.outputs import OutputsRoot

MOST_TRIES = 1000


def new_run_id(connection: Connection, outputs: OutputsRoot, base: int) -> int:
    """Give a run id that nobody has had in this outputs root; `Ledger.new_run_id` says more."""
    name = _sequence(outputs)
    for _ in range(MOST_TRIES):
        run_id = _next(connection, name)
        if run_id is not None and run_id > LARGEST_RUN_ID:
            raise DatabaseError(used_up(outputs, f"the database's sequence {_sequence(outputs)} is at {run_id}"))
        if run_id is not None and run_id >= base and create_reservation(outputs, run_id):
            return run_id
        connection.work(prepare)
        raise_run_ids(connection, outputs, base)
    raise DatabaseError(f"{outputs.root}: no free run id in {MOST_TRIES} tries")


def raise_run_ids(connection: Connection, outputs: OutputsRoot, base: int) -> None:
    """Move the root's sequence forward past everything that lies in the root, and make it where it is missing."""
    name = _sequence(outputs)

    def once(open_: Session) -> None:
        with open_:
            execute(open_, query("take_time"))
            # The root is looked through under the lock, while no number can be given.
            execute(open_, query("lock"), {"name": name})
            execute(open_, _statement("create_sequence", name))
            at_least = max(base, (highest := outputs.highest_run_id()) + 1)
            if at_least > LARGEST_RUN_ID:
                raise DatabaseError(used_up(outputs, f"the highest folder or reservation is {highest}"))
            execute(open_, _statement("raise_sequence", name), {"at_least": at_least})

    connection.work(once)


def _next(connection: Connection, name: str) -> int | None:
    """The next number; None when the database has no such sequence."""
    statement = _statement("next_run_id", name)
    try:
        return int(connection.work(lambda open_: execute(open_, statement, {"name": name}).fetchall())[0][0])
    except DatabaseError as error:
        if isinstance(error.__cause__, errors.SequenceGeneratorLimitExceeded):
            return LARGEST_RUN_ID + 1
        if isinstance(error.__cause__, errors.UndefinedTable):
            return None
        raise


def _sequence(outputs: OutputsRoot) -> str:
    return f"run_ids_{outputs_id(outputs)}"


def _statement(name: str, sequence: str) -> sql.Composed:
    return sql.SQL(query(name)).format(sequence=sql.Identifier("truestrength", sequence))
