"""What the store's entries took to make, and what a run had of them.

Surprising: an entry names the parts that it was made of, each with its own time, so that a part that two entries of one
run rest on (the batches, under several seeds) is counted once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from truestrength.trainer.contract.records.cost import Spent

NOTE = "cost"
"""The note of an entry. It is absent from those that an older version has made."""

Parts: TypeAlias = dict[str, Spent | None]
"""Part -> what its making took; None where nobody has measured it."""


class EntryCost(msgspec.Struct, frozen=True, kw_only=True):
    """What making an entry took."""

    own: Spent
    depth: int
    """That `own` was for."""
    parts: Parts
    """What else it rests on."""


@dataclass
class Account:
    """What somebody who asks the store has spent there, and what it would have been alone."""

    within: Spent = field(default_factory=Spent)
    """Inside the store: looking, making, waiting."""
    waited_seconds: float = 0.0
    parts: Parts = field(default_factory=dict)

    def add(self, key: str, cost: EntryCost | None, needed: int) -> None:
        """An entry was had, and so much of its depth was needed."""
        if cost is None:
            self._part(key, None)
            return
        share = min(1.0, needed / cost.depth) if cost.depth else 1.0
        self._part(key, Spent().plus(cost.own, share))
        for name, part in cost.parts.items():
            self._part(name, part)

    def alone(self, elapsed: Spent) -> Spent | None:
        """What all would have taken alone, given what it took here; None where a part is unknown."""
        total = elapsed.plus(self.within, -1.0)
        for part in self.parts.values():
            if part is None:
                return None
            total = total.plus(part)
        return total

    def _part(self, name: str, part: Spent | None) -> None:
        before = self.parts.get(name, Spent())
        if part is None or before is None:
            self.parts[name] = None
        else:
            self.parts[name] = max(part, before, key=lambda spent: spent.seconds)


class Stopwatch:
    """Wall and CPU time of this process since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def elapsed(self) -> Spent:
        """Until now."""
        return Spent(time.perf_counter() - self._wall, time.process_time() - self._cpu)


def as_note(cost: EntryCost | None) -> dict[str, str]:
    """To be written with an entry."""
    return {NOTE: msgspec.json.encode(cost).decode()} if cost else {}


def from_notes(notes: Mapping[str, str]) -> EntryCost | None:
    """What was written with an entry; None for one that says nothing."""
    return msgspec.json.decode(notes[NOTE], type=EntryCost) if NOTE in notes else None
