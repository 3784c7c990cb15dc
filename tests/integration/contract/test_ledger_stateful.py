"""The ledger against a model of it, by any order of what workers, launchers and people do; on a real PostgreSQL.

Dead owners are not waited for: a lease of no length is over at once.
"""

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from truestrength.trainer.contract.errors import SweepChangedError
from truestrength.trainer.contract.ledger import AttemptState, Claim, SlotState, Superseded, study
from truestrength.trainer.contract.sweep.limits import Limits
from truestrength.trainer.contract.words import Method

LONG, OVER = 3600.0, 0.0
"""Leases, in seconds."""
MAX_ATTEMPTS = 2
NAMES = itertools.count()
LEASES = st.sampled_from([LONG, LONG, OVER])
VALUES = st.floats(-1, 1)


@dataclass
class Slot:
    """What the model knows of one."""

    state: SlotState = SlotState.PENDING
    attempt: int = 0
    failures: int = 0
    failed_on: int | None = None
    """The worker that it failed on last, unless somebody has had it since."""
    owner: int | None = None
    lapsed: bool = False
    begun: bool = False
    value: float | None = None


@dataclass
class Model:
    """A sweep."""

    slots: list[Slot]
    cancelled: bool = False
    goal: float | None = None
    given: set[tuple[int, int]] = field(default_factory=set)

    def take(self, worker: int, others_first: bool) -> int | None:
        """The slot that a claim has to get."""
        if not self.pending(None):
            self.expire()
        for other_than in (worker, None) if others_first else (None,):
            if found := self.pending(other_than):
                return found[0]
        return None

    def reached(self) -> bool:
        return self.goal is not None and any(slot.value is not None and slot.value >= self.goal for slot in self.slots)

    def pending(self, other_than: int | None) -> list[int]:
        return [
            number
            for number, slot in enumerate(self.slots)
            if slot.state is SlotState.PENDING
            and not self.cancelled
            and not self.reached()
            and (other_than is None or slot.failed_on != other_than)
        ]

    def expire(self, dead: int | None = None) -> None:
        for slot in self.slots:
            if slot.state is SlotState.RUNNING and (slot.lapsed or (dead is not None and slot.owner == dead)):
                slot.state, slot.owner, slot.failed_on = SlotState.PENDING, None, None

    def told(self) -> None:
        for slot in self.slots:
            if slot.state is SlotState.REPORTED:
                slot.state = SlotState.DONE

    def owned(self, claim: Claim, *states: SlotState) -> Slot | None:
        """The claim's slot, when it is the claim's own and in one of these states."""
        slot = self.slots[claim.slot]
        return slot if slot.attempt == claim.attempt and slot.state in states else None


class LedgerMachine(RuleBasedStateMachine):
    """Everything that may happen to a sweep."""

    workers = Bundle("workers")
    claims = Bundle("claims")

    def __init__(self, ledger, sweep_spec, outputs) -> None:
        super().__init__()
        self.ledger, self.sweep_spec, self.outputs = ledger, sweep_spec, outputs
        self.batch_id = f"b{next(NAMES)}"
        self.run_ids: list[int] = []
        self.model = Model([])

    @initialize(n_trials=st.integers(1, 4))
    def register(self, n_trials: int) -> None:
        self.extend(n_trials)

    @rule(more=st.integers(0, 2))
    def extend(self, more: int) -> None:
        self._register(len(self.model.slots) + more)
        self.model.slots += [Slot() for _ in range(more)]

    @rule(goal=st.none() | VALUES)
    def limit(self, goal: float | None) -> None:
        self.model.goal = goal
        self._register(len(self.model.slots))

    @rule()
    def a_smaller_budget_is_refused(self) -> None:
        if len(self.model.slots) > 1:
            with pytest.raises(SweepChangedError, match="or more are possible"):
                self._register(len(self.model.slots) - 1)

    @rule(target=workers)
    def start_worker(self) -> int:
        return self.ledger.start_worker(self.batch_id, "testhost", os.getpid())

    @rule(target=claims, worker=workers, lease_s=LEASES, others_first=st.booleans())
    def claim(self, worker: int, lease_s: float, others_first: bool) -> Any:
        wanted = self.model.take(worker, others_first)
        claim = self.ledger.claim(self.batch_id, worker, lease_s, others_first=others_first)
        assert (claim and claim.slot) == wanted
        if claim is None:
            return Claim(
                batch_id=self.batch_id, slot=0, attempt=-1, rung=0, parameters=None, worker_id=worker,
            )  # fmt: skip
        assert (claim.slot, claim.attempt) not in self.model.given
        self.model.given.add((claim.slot, claim.attempt))
        slot = self.model.slots[claim.slot]
        assert claim.attempt == slot.attempt + 1
        slot.state, slot.attempt, slot.owner = SlotState.RUNNING, claim.attempt, worker
        slot.lapsed, slot.begun = lease_s == OVER, False
        return claim

    @rule(claim=claims, lease_s=LEASES)
    def renew(self, claim: Claim, lease_s: float) -> None:
        slot = self.model.owned(claim, SlotState.RUNNING)
        renewal = self.ledger.renew(claim, lease_s)
        assert (renewal.owner, renewal.cancelled) == (slot is not None, self.model.cancelled)
        if slot:
            slot.lapsed = lease_s == OVER

    @rule(claim=claims)
    def begin(self, claim: Claim) -> None:
        run_id = self.ledger.new_run_id(self.outputs, 25)
        assert run_id not in self.run_ids
        self.run_ids.append(run_id)
        slot = self.model.owned(claim, SlotState.RUNNING)
        self._fenced(slot, lambda: self.ledger.begin(claim, {"max_depth": 3}, run_id))
        if slot:
            slot.begun = True

    @rule(claim=claims, value=VALUES)
    def finish(self, claim: Claim, value: float) -> None:
        slot = self.model.owned(claim, SlotState.RUNNING, SlotState.REPORTED, SlotState.DONE)
        if slot and not slot.begun:
            self.begin(claim)  # nobody has a result of what was not begun
        if slot and slot.value is not None:
            value = slot.value  # whoever repeats it says the same
        self._fenced(slot, lambda: self.ledger.finish(claim, value, 1.0))
        if slot:
            slot.value = value
            slot.state = SlotState.DONE if slot.state is SlotState.DONE else SlotState.REPORTED

    @rule()
    def tell(self) -> None:
        assert study.tell(self.ledger.connection, self.ledger.spec(self.batch_id))
        self.model.told()
        begun = [row.trial_number for row in self.ledger.attempts(self.batch_id) if row.run_id is not None]
        assert sorted(begun) == list(range(len(begun)))

    @rule(claim=claims, final=st.booleans())
    def fail(self, claim: Claim, final: bool) -> None:
        slot = self.model.owned(claim, SlotState.RUNNING)
        self._fenced(slot or self._said(claim, "failed"), lambda: self.ledger.fail(claim, "why", final=final))
        if slot:
            slot.failures += 1
            over = final or slot.failures >= MAX_ATTEMPTS
            slot.state = SlotState.FAILED if over else SlotState.PENDING
            slot.failed_on = claim.worker_id

    @rule(claim=claims)
    def release(self, claim: Claim) -> None:
        slot = self.model.owned(claim, SlotState.RUNNING)
        self._fenced(slot or self._said(claim, "released"), lambda: self.ledger.release(claim, "why"))
        if slot:
            slot.state, slot.failed_on = SlotState.PENDING, None

    @rule(worker=workers)
    def die(self, worker: int) -> None:
        self.ledger.expire(self.batch_id, [worker])
        self.model.expire(worker)

    @rule(worker=workers)
    def stop_worker(self, worker: int) -> None:
        self.ledger.stop_worker(worker, "no slots left")

    @rule()
    def cancel(self) -> None:
        self.ledger.cancel(self.batch_id)
        self.model.cancelled = True

    @rule()
    def retry(self) -> None:
        failed = [slot for slot in self.model.slots if slot.state is SlotState.FAILED]
        assert self.ledger.retry(self.batch_id) == len(failed)
        self.model.cancelled = False
        for slot in failed:
            slot.state, slot.failures, slot.failed_on = SlotState.PENDING, 0, None

    @invariant()
    def it_is_as_the_model_has_it(self) -> None:
        slots = self.ledger.slots(self.batch_id)
        own = [(slot.state, slot.attempt, slot.failures) for slot in self.model.slots]
        assert [(slot.state, slot.attempt, slot.failures) for slot in slots] == own
        finished = (SlotState.REPORTED, SlotState.DONE)
        assert {slot.slot: slot.value for slot in slots if slot.state in finished} == {
            i: slot.value for i, slot in enumerate(self.model.slots) if slot.state in finished
        }

    @invariant()
    def the_budget_is_exact_and_a_slot_has_one_owner(self) -> None:
        if not self.model.slots:
            return
        progress = self.ledger.progress(self.batch_id)
        assert progress.n_trials == progress.open + progress.closed + progress.not_needed == len(self.model.slots)
        waiting = sum(slot.state is SlotState.PENDING for slot in self.model.slots)
        assert progress.not_needed == (waiting if self.model.reached() else 0)
        attempts = self.ledger.attempts(self.batch_id)
        complete = [attempt.slot for attempt in attempts if attempt.state is AttemptState.COMPLETE]
        assert len(complete) == len(set(complete)) == progress.done + progress.reported
        for slot, group in itertools.groupby(attempts, key=lambda attempt: attempt.slot):
            running = [attempt.attempt for attempt in group if attempt.state is AttemptState.RUNNING]
            assert running in ([], [self.model.slots[slot].attempt])
        ids = [attempt.run_id for attempt in attempts if attempt.run_id is not None]
        assert len(ids) == len(set(ids))

    def _register(self, n_trials: int) -> None:
        spec = self.sweep_spec(batch_id=self.batch_id, n_trials=n_trials, method=Method.RANDOM)
        self.ledger.register(spec, self.outputs, MAX_ATTEMPTS, Limits(goal=self.model.goal))
        self.model.told()

    def _fenced(self, allowed: object, write) -> None:
        """A write that counts, or is refused because the slot has a later owner."""
        if allowed:
            write()
        else:
            with pytest.raises(Superseded):
                write()

    def _said(self, claim: Claim, state: str) -> bool:
        """Whether the attempt has ended so already: it may be said twice, since the answer may have been lost."""
        rows = self.ledger.attempts(self.batch_id)
        return any((row.slot, row.attempt, row.state) == (claim.slot, claim.attempt, state) for row in rows)


def test_any_order_of_events_keeps_the_promises(ledger, sweep_spec, outputs):
    run_state_machine_as_test(
        lambda: LedgerMachine(ledger, sweep_spec, outputs),
        settings=settings(max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
