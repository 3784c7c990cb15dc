"""What a proposal may learn from a sweep, asked for again and again: what has been heard once is kept.

A finished trial never changes, so the server sends the parameters of each of them once to a process.
"""

from __future__ import annotations

from typing import Any

import msgspec

from truestrength.trainer.contract.ledger.connection import Connection
from truestrength.trainer.contract.ledger.queries import query
from truestrength.trainer.contract.ledger.rows import Observation

EXTREME = 25
NEWEST = 200

Key = tuple[int, int | None]
"""Slot and run id of a finished trial."""


class _Row(msgspec.Struct, frozen=True):
    """An observation as it is sent."""

    slot: int
    run_id: int | None
    parameters: dict[str, Any] | None
    """None: it has been heard."""
    value: float | None
    rung: int


class Observations:
    """The best, the worst and the newest trials of sweeps, and those that run."""

    def __init__(self, connection: Connection) -> None:
        """Nothing has been heard."""
        self._connection = connection
        self._heard: dict[str, dict[Key, Observation]] = {}

    def of(self, batch_id: str) -> list[Observation]:
        """Those of one sweep as they are now, by slot: a bounded number."""
        heard = self._heard.get(batch_id, {})
        slots, run_ids = ([key[part] for key in heard] for part in (0, 1))
        asked = {"batch_id": batch_id, "extreme": EXTREME, "newest": NEWEST, "slots": slots, "run_ids": run_ids}
        rows = self._connection.rows(query("observations"), asked, _Row)
        found = [heard[row.slot, row.run_id] if row.parameters is None else _observation(batch_id, row) for row in rows]
        finished = ((row.run_id, o) for row, o in zip(rows, found, strict=True) if o.value is not None)
        self._heard[batch_id] = {(o.slot, run_id): o for run_id, o in finished}
        return found


def _observation(batch_id: str, row: _Row) -> Observation:
    return Observation(
        batch_id=batch_id, slot=row.slot, parameters=row.parameters or {}, value=row.value, rung=row.rung
    )
