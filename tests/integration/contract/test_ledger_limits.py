"""A sweep that ends before its budget is used up: by a goal, or by the time in which it was worked at."""

import pytest

from tests.support.processes import in_processes
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.ledger import Ledger, SlotState, study
from truestrength.trainer.contract.sweep.limits import NO_LIMITS, Limits, wrong_goal
from truestrength.trainer.contract.words import Method, Objective

BATCH = "phase1_spearman_final_rank"
START = "timestamptz '2026-01-01 12:00:00+00' + interval '1 minute' *"
MINUTES = f"UPDATE truestrength.attempts SET started_at = {START} %s, "
ENDED = MINUTES + f"finished_at = {START} %s WHERE slot = %s"
BEGUN = MINUTES + "finished_at = NULL WHERE slot = %s"


@pytest.fixture
def sweep(ledger, sweep_spec, outputs):
    """Register the sweep, and say who works at it."""

    def registered(limits=NO_LIMITS, **fields):
        ledger.register(sweep_spec(**fields), outputs, limits=limits)
        return ledger.start_worker(BATCH, "testhost", 1)

    return registered


def run(ledger, claim, value, *, told=True):
    ledger.begin(claim, {"max_depth": 3}, 25 + claim.slot)
    ledger.finish(claim, value, 1.5)
    if told:
        tell(ledger)


def tell(ledger):
    assert study.tell(ledger.connection, ledger.spec(BATCH))


def sql(ledger, statement, *parameters):
    with connected(ledger.url) as session:
        execute(session, statement, parameters)


def counts(ledger):
    now = ledger.progress(BATCH)
    return now.done, now.running, now.pending, now.not_needed


@pytest.mark.parametrize(("objective", "values"), [(Objective.SPEARMAN, (0.5, 0.7)), (Objective.RANK_RMSE, (4.0, 3.0))])
def test_a_goal_ends_the_sweep_as_soon_as_its_value_is_safe(ledger, sweep, objective, values):
    worker = sweep(Limits(goal=values[1]), objective=objective)
    run(ledger, ledger.claim(BATCH, worker), values[0])
    best, other = ledger.claim(BATCH, worker), ledger.claim(BATCH, worker)
    run(ledger, best, values[1], told=False)
    assert ledger.claim(BATCH, worker) is None
    slots = ledger.open_slots(BATCH)
    assert (slots.pending, slots.running, slots.reported) == (0, 1, 1)
    now = ledger.progress(BATCH)
    assert (now.reached, now.standing, now.complete) == ("goal", "running", False)
    tell(ledger)
    run(ledger, other, values[0])
    now = ledger.progress(BATCH)
    assert (now.standing, now.complete, now.open, now.best_value) == ("goal reached", True, 0, values[1])
    assert counts(ledger) == (3, 0, 0, 3)
    assert ledger.open_slots(BATCH).total == 0
    assert [slot.state for slot in ledger.slots(BATCH)][3:] == [SlotState.PENDING] * 3


def test_a_harder_goal_or_none_goes_on_to_the_exact_budget(ledger, sweep):
    worker = sweep(Limits(goal=0.5))
    run(ledger, ledger.claim(BATCH, worker), 0.5)
    assert counts(ledger) == (1, 0, 0, 5)
    sweep(Limits(goal=0.5))
    assert ledger.claim(BATCH, worker) is None
    sweep(Limits(goal=0.6))
    run(ledger, ledger.claim(BATCH, worker), 0.6)
    assert counts(ledger) == (2, 0, 0, 4)
    sweep()
    while claim := ledger.claim(BATCH, worker):
        run(ledger, claim, 0.7)
    assert counts(ledger) == (6, 0, 0, 0)
    sweep(Limits(goal=0.5))
    assert ledger.progress(BATCH).standing == "complete", "there is nothing left that is not needed"


def test_a_trial_of_a_lower_rung_reaches_no_goal(ledger, sweep):
    worker = sweep(Limits(goal=0.5), method=Method.HALVING, n_trials=7)
    for claim in [ledger.claim(BATCH, worker) for _ in range(4)]:
        run(ledger, claim, 0.9)
    for claim in [ledger.claim(BATCH, worker) for _ in range(2)]:
        run(ledger, claim, 0.9)
    assert ledger.progress(BATCH).reached is None
    run(ledger, ledger.claim(BATCH, worker), 0.9)
    assert ledger.progress(BATCH).standing == "complete"


def test_time_counts_once_however_many_work_and_not_while_nobody_does(ledger, sweep):
    worker = sweep(Limits(max_minutes=21))
    for claim in [ledger.claim(BATCH, worker) for _ in range(3)]:
        run(ledger, claim, 0.5)
    for slot, begun, ended in ((0, 0, 10), (1, 5, 15), (2, 600, 605)):
        sql(ledger, ENDED, begun, ended, slot)
    assert ledger.progress(BATCH).worked_minutes == pytest.approx(20)
    last, released = ledger.claim(BATCH, worker), ledger.claim(BATCH, worker)
    sql(ledger, BEGUN, 700, last.slot)
    assert ledger.claim(BATCH, worker) is None, "whoever works now counts to this moment"
    assert counts(ledger) == (3, 2, 0, 1)
    run(ledger, last, 0.5)
    ledger.release(released, "stopped")
    now = ledger.progress(BATCH)
    assert (counts(ledger), now.standing, now.complete) == ((4, 0, 0, 2), "time is up", True)
    sweep(Limits(max_minutes=now.worked_minutes + 10))
    assert ledger.claim(BATCH, worker) is not None


def test_the_night_after_a_worker_died_does_not_count(ledger, sweep):
    dead = sweep(Limits(max_minutes=60))
    ledger.claim(BATCH, dead, lease_s=0.1)
    sql(ledger, BEGUN, 0, 0)
    lapsed = f"{START} 3"
    sql(ledger, f"UPDATE truestrength.workers SET lease_until = {lapsed}")
    sql(ledger, f"UPDATE truestrength.slots SET lease_until = {lapsed} WHERE slot = 0")
    assert ledger.progress(BATCH).worked_minutes == pytest.approx(3)
    worker = ledger.start_worker(BATCH, "otherhost", 2)
    assert [ledger.claim(BATCH, worker).slot for _ in range(5)] == [1, 2, 3, 4, 5]
    again = ledger.claim(BATCH, ledger.start_worker(BATCH, "otherhost", 3))
    assert (again.slot, again.attempt) == (0, 2)
    assert ledger.progress(BATCH).worked_minutes == pytest.approx(3, abs=1)


def test_the_slot_of_a_worker_that_dies_after_the_end_is_not_needed_any_more(ledger, sweep):
    worker, dead = sweep(Limits(goal=0.5)), sweep(Limits(goal=0.5))
    ledger.claim(BATCH, dead)
    run(ledger, ledger.claim(BATCH, worker), 0.5)
    assert ledger.progress(BATCH).open == 1
    ledger.expire(BATCH, [dead])
    assert counts(ledger) == (1, 0, 0, 5)
    assert ledger.claim(BATCH, worker) is None


def test_a_failed_slot_is_no_good_end(ledger, sweep):
    worker = sweep(Limits(goal=0.5))
    ledger.fail(ledger.claim(BATCH, worker), "no such column", final=True)
    run(ledger, ledger.claim(BATCH, worker), 0.5)
    now = ledger.progress(BATCH)
    assert (now.not_needed, now.standing, now.complete) == (4, "failed", False)


def test_other_sweeps_know_nothing_of_a_limit(ledger, sweep, sweep_spec, outputs):
    worker = sweep(Limits(goal=0.5, max_minutes=0.001))
    ledger.register(sweep_spec(batch_id="other"), outputs)
    run(ledger, ledger.claim(BATCH, worker), 0.5)
    assert ledger.claim("other", ledger.start_worker("other", "testhost", 1)).slot == 0
    now = {progress.batch_id: progress for progress in ledger.all_progress()}
    assert (now["other"].reached, now["other"].worked_minutes, now["other"].pending) == (None, None, 5)
    assert now[BATCH].reached == "goal"


def test_many_workers_at_once_start_nothing_beyond_the_goal(ledger, sweep):
    worker = sweep(Limits(goal=0.5), n_trials=200)
    run(ledger, ledger.claim(BATCH, worker), 0.5)
    assert in_processes(_claims, [(ledger.url,)] * 4) == [[]] * 4
    assert len(ledger.attempts(BATCH)) == 1


def _claims(url):
    with Ledger(url, patience_s=20) as ledger:
        worker = ledger.start_worker(BATCH, "testhost", 2)
        return [claim for _ in range(5) if (claim := ledger.claim(BATCH, worker))]


def test_goals_that_nothing_or_everything_reaches():
    assert wrong_goal(Objective.SPEARMAN, 0.9) == wrong_goal(Objective.RANK_RMSE, 2.5) == ""
    assert "above 0" in wrong_goal(Objective.RANK_RMSE, 0.0)
    assert "above 0" in wrong_goal(Objective.SPEARMAN, -0.1)
    assert wrong_goal(Objective.PLAYOFF_SPEARMAN, 1.01) == "playoff_spearman is at most 1"
