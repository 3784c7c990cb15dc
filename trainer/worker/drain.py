"""A worker's loop: claim a slot, run it, report it, until the sweep has none left.

The order is what makes it safe: the run's folder is whole, then the ledger has the result. Wherever a worker dies in
between, another one finds out how far it had come. The study is told in batches, and a slot is done when it was.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from truestrength.trainer.contract import disks
from truestrength.trainer.contract.config.search_space import Parameters
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DatabaseError, UserError
from truestrength.trainer.contract.ledger import LEASE_S, Claim, Lease, Ledger, Superseded
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.spec import SweepSpec, trial_config
from truestrength.trainer.run.failures import described
from truestrength.trainer.run.meter import Meter
from truestrength.trainer.search.proposals import propose
from truestrength.trainer.worker.study_record import TELL_EVERY_S, StudyRecord
from truestrength.trainer.worker.turn import SHORTEST_TURN_S, Turn

LONGEST_REASON = 500
SHORTEST_PAUSE_S = 0.05
OTHERS_AT_WORK = "others are at work on the last slots"
UNFIT = "trials fail here, one after the other"
MOST_FAILURES_IN_A_ROW = 3
"""Of different slots, where there are any: then it is the worker or its machine, and others have to go on."""
SHARE_OF_WAITING = 0.05
"""A worker that waits asks again after this share of the time it has waited, so that it ends soon after the others."""

_log = logging.getLogger(__name__)


class TrialStopped(Exception):  # noqa: N818 - no error: the worker was told to stop
    """Raised by a run that was told to stop, or whose lease is lost: its slot is given back."""


@dataclass(frozen=True)
class TrialJob:
    """One attempt at one slot, ready to run."""

    spec: SweepSpec
    config: Config
    """The sweep's, with the parameters applied and, in a low rung of halving, fewer lists."""
    run_id: int
    slot: int
    attempt: int
    parameters: Parameters
    stop: threading.Event
    """The worker was told to stop: finish soon, or raise `TrialStopped`."""
    lease_lost: threading.Event
    """The slot has a later owner: raise `TrialStopped`, nothing will count."""
    cancelled: threading.Event
    """The sweep was cancelled: raise `TrialStopped`."""
    meter: Meter
    """Running since the claim."""


@dataclass(frozen=True)
class TrialOutcome:
    """What a run found."""

    value: float
    """Of the sweep's objective, on the validation seasons."""
    objectives: dict[str, float] = field(default_factory=dict)
    """All six, for sibling sweeps."""


@dataclass(frozen=True)
class DrainResult:
    """What a worker did."""

    done: int = 0
    failed: int = 0
    released: int = 0
    superseded: int = 0
    reason: str = ""
    """Why it ended: `no slots left`, `stopped`, `cancelled`, `UNFIT`, or `OTHERS_AT_WORK` for one that was not to
    wait."""


RunTrial = Callable[[TrialJob], TrialOutcome]
Ready = Callable[[SweepSpec], None]
Superseding = Callable[[TrialJob], None]
Ending = Literal["failed", "released", "superseded"]


def drain(
    ledger: Ledger,
    batch_id: str,
    worker_id: int,
    run_trial: RunTrial,
    stop: threading.Event,
    *,
    lease_s: float = LEASE_S,
    on_superseded: Superseding | None = None,
    ready: Ready = lambda _spec: None,
    wait: bool = True,
) -> DrainResult:
    """Run slots of a sweep until none is left, the sweep is cancelled, or `stop` is set.

    Args:
        ledger: open.
        batch_id: a registered sweep.
        worker_id: from `ledger.start_worker`.
        run_trial: leaves a complete run folder and returns what it found.
        stop: set by a signal; the slot in hand is finished or, when the run raises `TrialStopped`, given back.
        lease_s: a worker that gives no sign of life for so long is taken for dead.
        on_superseded: told of a run whose result did not count, so that its folder can say so.
        ready: raises when this worker cannot run the sweep (any more); asked before each slot, which costs no attempt.
        wait: stay while others run the last slots, since one of them may die; False leaves them alone.

    Raises:
        DatabaseError: the database was away for longer than the ledger's patience, or has other tables of Optuna.
        DiskError: a file system is full, read-only or broken; the slot is given back.
    """
    spec = ledger.spec(batch_id)
    record = StudyRecord(ledger, spec)
    record.tell_all()
    worker = _Worker(ledger, spec, record, worker_id, run_trial, stop, lease_s, on_superseded, ready)
    reason = worker.drain(wait=wait)
    record.tell_all()
    return replace(worker.result, reason=reason)


@dataclass
class _Worker:
    ledger: Ledger
    spec: SweepSpec
    record: StudyRecord
    worker_id: int
    run_trial: RunTrial
    stop: threading.Event
    lease_s: float
    on_superseded: Superseding | None
    ready: Ready
    result: DrainResult = field(default_factory=DrainResult)
    failures_in_a_row: int = 0

    def __post_init__(self) -> None:
        self.turn = Turn(self.ledger)

    def drain(self, *, wait: bool) -> str:
        waiting_since: float | None = None
        while not self.stop.is_set():
            self.ready(self.spec)
            # What failed here comes last: it may be this machine that fails.
            others_first = self.result.failed > 0
            claim = None
            if self.turn.has_come(self.spec.batch_id):
                claim = self.ledger.claim(self.spec.batch_id, self.worker_id, self.lease_s, others_first=others_first)
            if claim is not None:
                waiting_since = None
                self._attempt(claim)
                if self.failures_in_a_row == MOST_FAILURES_IN_A_ROW:
                    return UNFIT
                continue
            slots = self.ledger.open_slots(self.spec.batch_id)
            if slots.cancelled:
                return "cancelled"
            if slots.total == 0:
                return "no slots left"
            if not (wait or slots.pending or slots.reported):
                return OTHERS_AT_WORK
            if slots.reported and self.record.tell():
                continue
            self.turn.wait_without_a_connection()
            waiting_since = waiting_since or time.monotonic()
            self._pause(time.monotonic() - waiting_since)
        return "stopped"

    def _pause(self, waited: float) -> None:
        shortest = SHORTEST_TURN_S if self.turn.waits else SHORTEST_PAUSE_S
        pause = min(max(waited * SHARE_OF_WAITING, shortest), self.lease_s / 4)
        self.stop.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 - only spreads the questions

    def _attempt(self, claim: Claim) -> None:
        """Run one attempt and write down how it ended."""
        started = _Started()
        begun = self.record.tell_meanwhile
        with Lease(self.ledger, claim, self.lease_s, once=begun, after_s=TELL_EVERY_S) as lease:
            try:
                self._run(claim, lease, started)
            except Superseded:
                return self._end(claim, started, "superseded", "")
            except TrialStopped as stopped:
                return self._end(claim, started, "released", str(stopped))
            except DatabaseError as error:
                with suppress(DatabaseError):
                    self.ledger.release(claim, str(error), patience_s=0, cost=started.meter.cost())
                raise
            except UserError as error:
                self._release_if_blameless(claim, started, error)
                self._release_if_unready(claim, started, str(error))
                return self._end(claim, started, "failed", str(error), final=True)
            except Exception as error:
                self._release_if_blameless(claim, started, error)
                _log.exception("slot %d, attempt %d failed", claim.slot, claim.attempt)
                self.failures_in_a_row += 1
                return self._end(claim, started, "failed", described(error)[:LONGEST_REASON])
            except BaseException:
                self._end(claim, started, "released", "interrupted")
                raise
        self.result = replace(self.result, done=self.result.done + 1)
        self.failures_in_a_row = 0
        return None

    def _release_if_blameless(self, claim: Claim, started: _Started, error: Exception) -> None:
        """A disk's fault is none of the slot's.

        Raises:
            DiskError: instead of `error`.
        """
        if found := disks.fault(error):
            trouble = disks.stopping(found, Path(self.spec.config.paths.outputs))
            self._end(claim, started, "released", str(trouble)[:LONGEST_REASON])
            raise trouble from error

    def _release_if_unready(self, claim: Claim, started: _Started, reason: str) -> None:
        """What this worker lacks is no fault of the slot's."""
        try:
            self.ready(self.spec)
        except UserError:
            self._end(claim, started, "released", reason)
            raise

    def _run(self, claim: Claim, lease: Lease, started: _Started) -> None:
        """Run the slot and bring its result to safety."""
        self.record.tell_when_due(claim)
        parameters = propose(self.ledger, self.spec, claim) if claim.parameters is None else claim.parameters
        outputs = OutputsRoot(Path(self.spec.config.paths.outputs))
        run_id = self.ledger.new_run_id(outputs, self.spec.config.inference.run_id_base)
        self.ledger.begin(claim, parameters, run_id)
        started.job = TrialJob(
            spec=self.spec,
            config=trial_config(self.spec, parameters, claim.rung),
            run_id=run_id,
            slot=claim.slot,
            attempt=claim.attempt,
            parameters=parameters,
            stop=self.stop,
            lease_lost=lease.lost,
            cancelled=lease.cancelled,
            meter=started.meter,
        )
        began = time.monotonic()
        outcome = self.run_trial(started.job)
        if not math.isfinite(outcome.value):
            raise UserError(f"{self.spec.objective} is {outcome.value}: a run has to leave a number")
        seconds = time.monotonic() - began
        self.ledger.finish(claim, outcome.value, seconds, outcome.objectives, started.meter.cost())

    def _end(self, claim: Claim, started: _Started, how: Ending, reason: str, *, final: bool = False) -> None:
        """Write down an attempt that ended without a result."""
        try:
            if how == "failed":
                self.ledger.fail(claim, reason, final=final, cost=started.meter.cost())
            elif how == "released":
                self.ledger.release(claim, reason, cost=started.meter.cost())
        except Superseded:
            how = "superseded"
        if how == "superseded" and started.job and self.on_superseded:
            self.on_superseded(started.job)
        self.result = replace(self.result, **{how: getattr(self.result, how) + 1})


@dataclass
class _Started:
    """How far an attempt has come."""

    meter: Meter = field(default_factory=Meter)
    job: TrialJob | None = None
