"""Makes the schema, or brings it up to date: file by file, under a lock and in one transaction.

Two that come at once wait for each other, and whoever is cut off leaves the version that was there.
"""

from __future__ import annotations

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.connection import values
from truestrength.trainer.contract.ledger.queries import migrations, newest_version, query
from truestrength.trainer.contract.ledger.version import refuse_newer, version


def prepare(session: Session) -> None:
    """Make the schema where it is missing or of an older version.

    Raises:
        DatabaseError: a newer version of this program has been here, or workers of an older one are at work.
    """
    if version(session) == newest_version():
        return
    with session:
        execute(session, query("lock"), {"name": "truestrength:schema"})
        refuse_newer(session)
        before = version(session)
        if 0 < before < newest_version():
            _refuse_while_at_work(session, before)
        for number, statements in migrations().items():
            if number > before:
                execute(session, statements)
                execute(session, query("put_schema_version"), {"version": number})


def _refuse_while_at_work(session: Session, before: int) -> None:
    """Let workers of the older program end: after the migration they could not connect any more.

    Raises:
        DatabaseError: naming their sweeps.
    """
    execute(session, query("keep_workers_away"))
    if busy := values(session, query("sweeps_at_work"), {}):
        raise DatabaseError(
            f"the ledger in this database has version {before}, this program makes it {newest_version()}, and workers "
            f"of the older program are at {', '.join(busy)}: wait until they have ended, or end them with that "
            "program's `truestrength cancel`; then run the same command again"
        )
