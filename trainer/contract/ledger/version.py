"""The ledger's version in a database. Whoever connects looks at it: no older program writes into a newer ledger."""

from __future__ import annotations

from truestrength.trainer.contract.database.sessions import Session, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger.queries import newest_version, query


def version(session: Session) -> int:
    """Of the ledger's schema; 0 when there is none."""
    if not execute(session, query("prepared")).fetchall()[0][0]:
        return 0
    return max((int(row[0]) for row in execute(session, query("schema_version")).fetchall()), default=0)


def refuse_newer(session: Session) -> None:
    """Leave a ledger alone that a newer program has made.

    Raises:
        DatabaseError: naming both versions.
    """
    if (found := version(session)) > newest_version():
        raise DatabaseError(
            f"the ledger in this database has version {found}, this program knows {newest_version()}: "
            "use the newer program, or another database"
        )
