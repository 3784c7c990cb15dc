"""What the ledger's queries answer, as typed rows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.contract.sweep.limits import Limit
from truestrength.trainer.contract.words import Method, Objective, Target


class SlotState(StrEnum):
    """Where a slot is. `reported`: its result is safe, and the study has yet to be told."""

    PENDING = "pending"
    RUNNING = "running"
    REPORTED = "reported"
    DONE = "done"
    FAILED = "failed"


class AttemptState(StrEnum):
    """How an attempt stands or ended. `superseded`: it was taken for dead and came back too late."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    DEAD = "dead"
    RELEASED = "released"
    SUPERSEDED = "superseded"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A slot in a worker's hands. `attempt` is the fencing token: a later owner has a higher one."""

    batch_id: str
    slot: int
    attempt: int
    rung: int
    worker_id: int | None
    parameters: dict[str, Any] | None
    """None: the slot has none yet; the first attempt decides them for all later ones."""
    untold_s: float = 0.0
    """Seconds since the sweep's study was told anything: time for whoever claims a slot to tell it."""


class Renewal(msgspec.Struct, frozen=True):
    """The answer to a sign of life."""

    owner: bool
    cancelled: bool


class OpenSlots(msgspec.Struct, frozen=True, kw_only=True):
    """The slots that are neither done nor failed, and needed."""

    pending: int
    running: int
    reported: int
    cancelled: bool

    @property
    def total(self) -> int:
        """All of them."""
        return self.pending + self.running + self.reported


SPARE = 1
"""Connections that no worker takes a slot with: a launcher, a person who looks, or a worker comes back by them."""


class Connections(msgspec.Struct, frozen=True):
    """How many sessions the database's server takes from us, and how many there are, whoever's."""

    most: int
    taken: int

    @property
    def for_workers(self) -> int:
        """How many more workers may take a slot."""
        return max(0, self.most - self.taken - SPARE)

    @property
    def short(self) -> bool:
        """Whether those who are not at work yet have to wait."""
        return self.most - self.taken < SPARE


Standing = Literal["complete", "goal reached", "time is up", "cancelled", "failed", "running", "waiting", "stopped"]
"""`waiting`: nobody has begun; `stopped`: begun, and nobody is at it."""
COMPLETE: frozenset[Standing] = frozenset({"complete", "goal reached", "time is up"})
"""Every trial that is needed is done."""
EARLY: dict[Limit, Standing] = {"goal": "goal reached", "max_minutes": "time is up"}


def in_words(standing: str, not_needed: int, missing: int) -> str:
    """How a sweep stands, the slots that are not needed (any more), and the complete runs whose folders are gone.

    >>> in_words("goal reached", 7, 0)
    'goal reached, 7 not needed'
    """
    further = [f"{not_needed} not needed"] if not_needed else []
    return ", ".join([standing, *further, *([f"{missing} missing"] if missing else [])])


class SweepProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A sweep at a glance."""

    batch_id: str
    objective: Objective
    target: Target
    phase: str
    method: Method
    n_trials: int
    pending: int
    running: int
    reported: int
    """Done, and told to the study in a moment."""
    done: int
    failed: int
    not_needed: int
    """Slots that wait for nothing: a limit is reached."""
    max_minutes: float | None
    goal: float | None
    worked_minutes: float | None
    """In which somebody was at the sweep; None where nothing limits them."""
    reached: Limit | None
    """The limit that ends the sweep early."""
    best_value: float | None
    best_run_id: int | None
    """Of the best complete trial; with `halving`, of the last rung."""
    mean_seconds: float | None
    """Of the complete attempts."""
    started_at: datetime | None
    ended: int
    """Attempts that have ended, in whichever way."""
    last_finished_at: datetime | None
    """When the last one of them ended, by the database's clock."""
    live_workers: int
    cancelled: bool

    @property
    def open(self) -> int:
        """Slots that are neither done nor failed, and needed."""
        return self.pending + self.running + self.reported

    @property
    def closed(self) -> int:
        """Slots that are done or failed."""
        return self.done + self.failed

    @property
    def complete(self) -> bool:
        """Whether every trial of the budget is done that is needed."""
        return self.done + self.not_needed == self.n_trials

    @property
    def standing(self) -> Standing:
        """One word for how the sweep stands."""
        if self.done == self.n_trials:
            return "complete"
        if self.cancelled:
            return "cancelled"
        if self.complete and self.reached:
            return EARLY[self.reached]
        if not self.open:
            return "failed"
        if self.live_workers:
            return "running"
        return "waiting" if self.started_at is None else "stopped"


class KnownRoot(msgspec.Struct, frozen=True):
    """An outputs root that sweeps of this ledger belong to."""

    root_id: str
    path: str
    """Where it was when a sweep was registered last; absolute, but for what an older version has written."""


class KnownRun(msgspec.Struct, frozen=True):
    """A run that the ledger knows."""

    batch_id: str
    run_id: int
    complete: bool
    """Its result counts."""


class SlotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A slot and its last attempt."""

    batch_id: str
    slot: int
    rung: int
    state: SlotState
    attempt: int
    """0 until the first claim."""
    failures: int
    deaths: int
    parameters: dict[str, Any] | None
    run_id: int | None
    trial_number: int | None
    value: float | None
    objectives: dict[str, float] | None
    seconds: float | None
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One try at a slot."""

    batch_id: str
    slot: int
    attempt: int
    run_id: int | None
    trial_number: int | None
    state: AttemptState
    value: float | None
    objectives: dict[str, float] | None
    parameters: dict[str, Any] | None
    host: str | None
    pid: int | None
    job_id: str | None
    reason: str | None
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    cost: Cost | None


class WorkerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process, and the slot it runs now."""

    worker_id: int
    batch_id: str
    host: str
    pid: int
    job_id: str | None
    place: str
    """Where `pid` means something: the machine's boot and the pid namespace."""
    reason: str | None
    """Why it stopped, where known."""
    started_at: datetime
    seen_at: datetime
    seen_s: float
    """Seconds since then, by the database's clock."""
    stopped_at: datetime | None
    live: bool
    """Not stopped, and its lease runs."""
    slot: int | None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a proposal may learn from one slot. `value` is None while it runs."""

    batch_id: str
    slot: int
    parameters: dict[str, Any]
    value: float | None
    rung: int
