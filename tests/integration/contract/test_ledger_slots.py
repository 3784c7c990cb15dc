"""Slots, attempts and workers: who owns what, and how it ends. One process, a real PostgreSQL, short leases."""

import math
import threading
import time

import pytest

from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import (
    AttemptState,
    Lease,
    Ledger,
    SlotState,
    Superseded,
    observations,
    registration,
    study,
)
from truestrength.trainer.contract.ledger.ledger import MOST_DEATHS
from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.contract.words import Method, Objective, Target

BATCH = "phase1_spearman_final_rank"


@pytest.fixture
def sweep(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(), outputs)
    return ledger.start_worker(BATCH, "testhost", 1, "job_1")


def run(ledger, claim, value, run_id=25):
    ledger.begin(claim, {"max_depth": 3}, run_id)
    ledger.finish(claim, value, 1.5, {"ndcg4": value / 2})
    told(ledger)


def told(ledger, batch_id=BATCH):
    """Whoever has the turn tells the study."""
    assert study.tell(ledger.connection, ledger.spec(batch_id))


def test_every_slot_is_claimed_once(ledger, sweep):
    claims = [ledger.claim(BATCH, sweep) for _ in range(7)]
    assert [claim.slot for claim in claims[:6]] == [0, 1, 2, 3, 4, 5]
    assert claims[6] is None


def test_a_result_is_kept_and_counts(ledger, sweep):
    for value in (0.25, 0.75, 0.5):
        claim = ledger.claim(BATCH, sweep)
        run(ledger, claim, value, run_id=25 + claim.slot)
    progress = ledger.progress(BATCH)
    assert (progress.done, progress.pending, progress.running, progress.failed) == (3, 3, 0, 0)
    assert (progress.best_value, progress.best_run_id, progress.mean_seconds) == (0.75, 26, 1.5)
    first = ledger.slots(BATCH)[0]
    assert (first.state, first.run_id, first.value, first.objectives) == (SlotState.DONE, 25, 0.25, {"ndcg4": 0.125})


def test_best_value_of_an_error_is_the_lowest(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(objective=Objective.RANK_RMSE), outputs)
    worker = ledger.start_worker(BATCH, "testhost", 1)
    for value in (4.0, 3.0, 5.0):
        run(ledger, ledger.claim(BATCH, worker), value)
    assert ledger.progress(BATCH).best_value == 3.0


def test_expired_lease_is_taken_over_and_the_late_owner_is_fenced(ledger, sweep, monkeypatch):
    late = ledger.claim(BATCH, sweep, lease_s=0.2)
    ledger.begin(late, {"max_depth": 4}, 25)
    for _ in range(5):
        ledger.claim(BATCH, sweep)
    _wait_for_expiry(ledger)
    taken = ledger.claim(BATCH, sweep)
    assert (taken.slot, taken.attempt, taken.parameters) == (0, 2, {"max_depth": 4})
    for write in (
        lambda: ledger.begin(late, {"max_depth": 4}, 25),
        lambda: ledger.finish(late, 0.9, 1.0),
        lambda: ledger.fail(late, "x"),
        lambda: ledger.release(late, "x"),
    ):
        with pytest.raises(Superseded, match=r"slot 0 .* attempt 1 has a later owner"):
            write()
    told(ledger)
    assert not ledger.renew(late).owner
    assert ledger.renew(taken).owner
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.attempt, slot.value) == (SlotState.RUNNING, 2, None)


def test_the_dead_attempt_is_recorded_with_its_host_job_and_reason(ledger, sweep):
    claim = ledger.claim(BATCH, sweep, lease_s=0.1)
    ledger.begin(claim, {"max_depth": 4}, 25)
    _wait_for_expiry(ledger)
    dead = ledger.attempts(BATCH)[0]
    assert (dead.state, dead.host, dead.pid, dead.job_id, dead.run_id) == (
        AttemptState.DEAD,
        "testhost",
        1,
        "job_1",
        25,
    )
    assert "no sign of life since" in dead.reason
    with pytest.raises(Superseded):
        ledger.finish(claim, 1.0, 1.0)
    assert ledger.attempts(BATCH)[0].state is AttemptState.SUPERSEDED


def test_a_worker_that_said_why_it_ended_is_quoted(ledger, sweep):
    ledger.claim(BATCH, sweep, lease_s=0.1)
    ledger.explain_worker(sweep, "NODE_FAIL")
    _wait_for_expiry(ledger)
    assert ledger.attempts(BATCH)[0].reason == "worker stopped: NODE_FAIL"


def test_a_slot_that_keeps_failing_is_failed_with_its_reason_and_can_be_retried(ledger, sweep):
    for _ in range(3):
        ledger.fail(ledger.claim(BATCH, sweep), "CUDA out of memory")
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.attempt, slot.reason) == (SlotState.FAILED, 3, "CUDA out of memory")
    assert ledger.claim(BATCH, sweep).slot == 1
    assert ledger.retry(BATCH) == 1
    assert ledger.claim(BATCH, sweep).slot == 0


def test_a_slot_whose_workers_keep_dying_is_failed_in_the_end(ledger, sweep):
    others = 0
    while (slot := ledger.slots(BATCH)[0]).state is not SlotState.FAILED:
        claim = ledger.claim(BATCH, sweep)
        if claim.slot == 0:
            ledger.expire(BATCH, [sweep])
        else:  # three have died with slot 0, so it waits for all others
            assert slot.deaths == 3
            ledger.finish(claim, 0.5, 1.0)
            others += 1
    assert others == len(ledger.slots(BATCH)) - 1
    assert (slot.state, slot.failures, slot.deaths) == (SlotState.FAILED, 0, MOST_DEATHS)
    ledger.retry(BATCH)
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.deaths) == (SlotState.PENDING, 0)


def test_a_death_of_the_trials_fault_counts_as_a_failure_also_when_that_is_known_later(ledger, sweep):
    for known_later in (True, False, True):
        worker = ledger.start_worker(BATCH, "testhost", 3)
        [row] = [row for row in ledger.workers(BATCH) if row.worker_id == worker]
        assert ledger.claim(BATCH, worker).slot == 0
        if known_later:
            ledger.expire(BATCH, [worker])
        ledger.fail_slot_of(row, "no memory")
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.failures, slot.deaths) == (SlotState.FAILED, 3, 0)
    assert [(a.state, a.reason) for a in ledger.attempts(BATCH)] == [(AttemptState.FAILED, "no memory")] * 3


def test_a_slot_that_failed_here_is_left_to_other_workers_first(ledger, sweep):
    other = ledger.start_worker(BATCH, "otherhost", 2)
    assert ledger.claim(BATCH, sweep).slot == 0
    ledger.fail(ledger.claim(BATCH, sweep), "cuda says no")
    assert ledger.claim(BATCH, sweep, others_first=True).slot == 2
    assert ledger.claim(BATCH, other, others_first=True).slot == 1
    ledger.fail(ledger.claim(BATCH, other), "cuda says no")
    assert [ledger.claim(BATCH, other, others_first=True).slot for _ in range(3)] == [4, 5, 3]


def test_giving_up_may_be_repeated_when_its_answer_was_lost(ledger, sweep):
    failed, released = ledger.claim(BATCH, sweep), ledger.claim(BATCH, sweep)
    for _ in range(2):
        ledger.fail(failed, "cuda says no")
        ledger.release(released, "stopped")
    assert [(slot.state, slot.failures) for slot in ledger.slots(BATCH)[:2]] == [
        (SlotState.PENDING, 1),
        (SlotState.PENDING, 0),
    ]


def test_who_was_cut_off_gives_the_others_time_to_come_back(ledger, sweep):
    """The network was away for longer than a lease: the owners could not renew, and are alive."""

    ledger.claim(BATCH, sweep, lease_s=1.0)
    time.sleep(1.1)
    with connected(ledger.url) as admin:
        execute(
            admin,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'truestrength' AND datname = current_database()",
        )
    assert ledger.expire(BATCH) == 0, "it has just come back"
    assert ledger.connection.back_s < 1
    time.sleep(1.1)
    assert ledger.expire(BATCH) == 1


def test_a_sweep_that_was_forgotten_meanwhile_has_no_slots(ledger, sweep):
    ledger.forget(BATCH)
    slots = ledger.open_slots(BATCH)
    assert (slots.total, slots.cancelled) == (0, True)


def test_forgetting_that_was_interrupted_can_be_repeated(ledger, sweep, monkeypatch):
    def interrupted(url, batch_id):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registration.study, "delete_study", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ledger.forget(BATCH)
    assert ledger.progress(BATCH).n_trials == 6
    ledger.forget(BATCH)
    assert ledger.all_progress() == []


def test_giving_back_counts_as_no_attempt(ledger, sweep):
    for _ in range(5):
        ledger.release(ledger.claim(BATCH, sweep), "stopped")
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.attempt, slot.failures) == (SlotState.PENDING, 5, 0)


def test_a_final_failure_is_not_tried_again(ledger, sweep):
    ledger.fail(ledger.claim(BATCH, sweep), "no such column", final=True)
    assert ledger.slots(BATCH)[0].state is SlotState.FAILED


def test_a_safe_result_survives_its_worker(ledger, sweep):
    claim = ledger.claim(BATCH, sweep, lease_s=0.1)
    ledger.begin(claim, {"max_depth": 4}, 25)
    ledger.finish(claim, 0.9, 1.0)
    assert ledger.expire(BATCH, [sweep]) == 0
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.trial_number, slot.value) == (SlotState.REPORTED, None, 0.9)
    told(ledger)
    told(ledger)
    assert ledger.slots(BATCH)[0].state is SlotState.DONE
    # Its worker, which never heard that the result had arrived, says it again.
    ledger.finish(claim, 0.9, 1.0)
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.value) == (SlotState.DONE, 0.9)


def test_writing_twice_is_as_writing_once(ledger, sweep):
    claim = ledger.claim(BATCH, sweep)
    for _ in range(2):
        ledger.begin(claim, {"max_depth": 4}, 25)
    for _ in range(2):
        ledger.finish(claim, 0.9, 1.0)
    assert ledger.slots(BATCH)[0].state is SlotState.REPORTED


def test_cancelled_sweeps_are_not_claimed_and_their_owners_hear_of_it(ledger, sweep):
    claim = ledger.claim(BATCH, sweep)
    ledger.cancel(BATCH)
    assert ledger.claim(BATCH, sweep) is None
    renewal = ledger.renew(claim)
    assert (renewal.owner, renewal.cancelled, ledger.cancelled(BATCH)) == (True, True, True)
    ledger.retry(BATCH)
    assert not ledger.cancelled(BATCH)
    assert ledger.claim(BATCH, sweep).slot == 1


def test_workers_are_live_by_lease(ledger, sweep):
    short = ledger.start_worker(BATCH, "other", 2, "job_2", lease_s=0.1)
    stopped = ledger.start_worker(BATCH, "other", 3)
    ledger.stop_worker(stopped, "no slots left")
    time.sleep(0.15)
    rows = {row.worker_id: row for row in ledger.workers(BATCH)}
    assert [rows[w].live for w in (sweep, short, stopped)] == [True, False, False]
    assert rows[stopped].reason == "no slots left"
    assert ledger.progress(BATCH).live_workers == 1


def test_a_lease_renews_until_its_owner_is_done(ledger, sweep):
    claim = ledger.claim(BATCH, sweep, lease_s=0.4)
    with Lease(ledger, claim, lease_s=0.4) as lease:
        time.sleep(1.0)
        assert ledger.expire(BATCH) == 0
        assert not lease.lost.is_set()
        ledger.cancel(BATCH)
        assert lease.cancelled.wait(5)
        ledger.expire(BATCH, [sweep])
        assert lease.lost.wait(5)


def test_a_lost_answer_to_a_claim_does_not_lose_the_slot(ledger, sweep, monkeypatch):
    """The server carried the claim out and the connection broke before the answer came."""
    import psycopg2

    from truestrength.trainer.contract.ledger import ledger as module

    real, broken = module.fetch, threading.Event()

    def fetch(connection, statement, *rest):
        found = real(connection, statement, *rest)
        if "WITH alive" in statement and not broken.is_set():
            broken.set()
            raise psycopg2.OperationalError("server closed the connection unexpectedly")
        return found

    monkeypatch.setattr(module, "fetch", fetch)
    claim = ledger.claim(BATCH, sweep)
    assert broken.is_set()
    assert (claim.slot, claim.attempt) == (0, 1)
    assert len(ledger.attempts(BATCH)) == 1


def test_rungs_open_one_after_the_other(ledger, sweep_spec, outputs):
    ledger.register(sweep_spec(method=Method.HALVING, n_trials=7), outputs)
    worker = ledger.start_worker(BATCH, "testhost", 1)
    cheap = [ledger.claim(BATCH, worker) for _ in range(4)]
    assert ledger.claim(BATCH, worker) is None
    for claim in cheap[:3]:
        run(ledger, claim, 0.9)
    assert ledger.claim(BATCH, worker) is None
    ledger.fail(cheap[3], "x", final=True)
    assert (ledger.claim(BATCH, worker).slot, ledger.claim(BATCH, worker).rung) == (4, 1)
    assert ledger.progress(BATCH).best_value is None, "a trial on fewer lists is no result"


def test_sibling_observations_are_of_the_same_target_and_another_objective(ledger, sweep_spec, outputs):
    specs = {
        "own": sweep_spec(batch_id="own"),
        "sibling": sweep_spec(batch_id="sibling", objective=Objective.NDCG4),
        "same_objective": sweep_spec(batch_id="same_objective"),
        "other_target": sweep_spec(batch_id="other_target", objective=Objective.NDCG4, target=Target.PLAYOFF_OUTCOME),
        "other_data": sweep_spec(batch_id="other_data", objective=Objective.NDCG4, data_fingerprint="league-2"),
    }
    for batch_id, spec in specs.items():
        ledger.register(spec, outputs)
        claim = ledger.claim(batch_id, ledger.start_worker(batch_id, "testhost", 1))
        ledger.begin(claim, {"max_depth": 4}, 25)
        ledger.finish(claim, 0.1, 1.0, {"spearman": 0.7, "ndcg4": 0.1})
        told(ledger, batch_id)
    (found,) = ledger.sibling_observations("own", Objective.SPEARMAN)
    assert (found.batch_id, found.value) == ("sibling", 0.7)
    (own,) = ledger.observations("own")
    assert (own.batch_id, own.value) == ("own", 0.1)


def test_observations_are_bounded_and_sent_once(ledger, sweep_spec, outputs, monkeypatch):
    """The best two, the worst two, the newest three and what runs; a process hears the parameters of each one once."""
    monkeypatch.setattr(observations, "EXTREME", 2)
    monkeypatch.setattr(observations, "NEWEST", 3)
    ledger.register(sweep_spec(n_trials=12), outputs)
    worker = ledger.start_worker(BATCH, "testhost", 1)
    sent, real = [], observations._observation
    monkeypatch.setattr(observations, "_observation", lambda *row: sent.append(row[1].slot) or real(*row))
    for value in (5.0, 9.0, 1.0, 4.0, 8.0, 2.0, 6.0, 3.0, 7.0):
        claim = ledger.claim(BATCH, worker)
        ledger.begin(claim, {"max_depth": claim.slot}, 25 + claim.slot)
        if claim.slot < 8:
            ledger.finish(claim, value, 1.0)
        known = ledger.observations(BATCH)
        assert [o.parameters for o in known] == [{"max_depth": o.slot} for o in known]
    assert [(o.slot, o.value) for o in known] == [
        (1, 9.0), (2, 1.0), (4, 8.0), (5, 2.0), (6, 6.0), (7, 3.0), (8, None),
    ]  # fmt: skip
    assert sorted(sent) == list(range(9))
    with Ledger(ledger.url) as another:
        assert another.observations(BATCH) == known
    ledger.forget(BATCH)
    assert ledger.observations(BATCH) == []


def test_unknown_batch_names_the_known_ones(ledger, sweep):
    with pytest.raises(DatabaseError, match="did you mean 'phase1_spearman_final_rank'"):
        ledger.spec("phase1_spearman_final_rnk")
    with pytest.raises(DatabaseError, match="no such sweep"):
        ledger.progress("nothing")


def _wait_for_expiry(ledger):
    """Until a lease of a few tenths of a second is over."""
    deadline = time.monotonic() + 10
    while not ledger.expire(BATCH):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_reasons_and_values_that_the_database_cannot_hold(ledger, sweep):
    """Whatever a library writes into its error, and an objective that is no number."""
    ledger.fail(ledger.claim(BATCH, sweep), "cuda says \0 and \udcff")
    assert ledger.slots(BATCH)[0].reason == "cuda says \N{REPLACEMENT CHARACTER} and ?"
    claim = ledger.claim(BATCH, sweep)
    ledger.begin(claim, {}, 25)
    ledger.finish(claim, 0.5, 1.0, {"spearman": 0.5, "ndcg4": math.nan, "rank_rmse": math.inf})
    assert ledger.slots(BATCH)[claim.slot].objectives == {"spearman": 0.5}
    ledger.stop_worker(sweep, "\0")
    assert ledger.workers(BATCH)[0].reason == "\N{REPLACEMENT CHARACTER}"


def test_an_attempt_says_what_it_cost_however_it_ended(ledger, sweep):
    known = Cost(
        **dict.fromkeys(["alone_seconds", "alone_cpu_seconds", "memory_mb", "gpu_seconds", "gpu_memory_mb"]),
        wall_seconds=2.0,
        cpu_seconds=1.5,
        waited_seconds=0.0,
        energy_joules=15.0,
        memory_since="attempt",
        energy_from="cpu_seconds",
    )
    ledger.fail(ledger.claim(BATCH, sweep), "no", cost=known)
    ledger.release(ledger.claim(BATCH, sweep), "stopped", cost=known)
    claim = ledger.claim(BATCH, sweep)
    ledger.begin(claim, {"a": 1}, 25)
    ledger.finish(claim, 0.5, 1.0, cost=known)
    ledger.finish(claim, 0.5, 1.0)
    ledger.release(ledger.claim(BATCH, sweep), "stopped")
    assert sorted((row.state.value, row.cost == known) for row in ledger.attempts(BATCH)) == [
        ("complete", True),
        ("failed", True),
        ("released", False),
        ("released", True),
    ]
