"""Who is told of which sweep or plan, and of what somebody has been told: one row per event.

Whoever takes an event's row has the turn to tell of it. Surprising: it may be told twice, by one that tells it and dies
before it has written so; never not at all, while a receiver answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from psycopg2.extras import Json

from truestrength.trainer.contract.config.notify import Notify
from truestrength.trainer.contract.ledger.connection import Connection, values
from truestrength.trainer.contract.ledger.queries import newest_version, query
from truestrength.trainer.contract.ledger.version import version

Kind = Literal["sweep_ended", "plan_ended", "trial_failed"]
REST_S = 60.0
"""From one try to tell of an event to the next, and the time that a teller has."""
MOST_TRIES = 5
"""Of one event; then it is given up."""


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who is told of a sweep, or of a plan of several, and what is to be told now."""

    batch_ids: tuple[str, ...]
    receiver: Notify
    ended: int
    """Attempts that have ended, of all its sweeps."""
    rested_s: float
    """Seconds since the last one did, by the database's clock."""
    slot: int | None
    """The slot that was given up first, of one sweep; the rest is of its last attempt."""
    attempt: int | None
    run_id: int | None
    reason: str | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What is told once."""

    batch_ids: tuple[str, ...]
    event: Kind
    mark: str
    """Tells one end of a sweep from the next one."""


def put_receivers(connection: Connection, batch_ids: Sequence[str], receiver: Notify) -> None:
    """From now on `receiver` is told of these sweeps and, where they are several, of their plan."""
    for told_of in {tuple(batch_ids), *((batch_id,) for batch_id in batch_ids)}:
        if receiver.is_there:
            row = {"batch_ids": list(told_of), "receiver": Json(msgspec.to_builtins(receiver))}
            connection.run(query("put_receiver"), row)
        else:
            connection.run(query("remove_receiver"), {"batch_ids": list(told_of)})


def receivers(connection: Connection) -> list[Receiver]:
    """Of all sweeps, then of all plans. A ledger of an earlier version has none."""
    if connection.work(version) < newest_version():
        return []
    return connection.rows(query("receivers"), {}, Receiver)


def take(connection: Connection, event: Event) -> bool:
    """Whether it is the caller's turn to tell of an event: it was not told, and nobody is at it or was just now."""
    row = {**_key(event), "rest_s": REST_S, "most": MOST_TRIES}
    return bool(connection.work(lambda open_: values(open_, query("take_notice"), row)))


def end(connection: Connection, event: Event, problem: str | None) -> None:
    """Write down that an event was told or, with a `problem`, why not."""
    connection.run(query("end_notice"), {**_key(event), "problem": problem})


def _key(event: Event) -> dict[str, object]:
    return {"batch_ids": list(event.batch_ids), "event": event.event, "mark": event.mark}
