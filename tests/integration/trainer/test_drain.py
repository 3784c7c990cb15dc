"""The worker's loop in one process, on a real PostgreSQL: what happens to a slot, however its run ends."""

import math
import os
import signal
import threading
import time

import optuna
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.ledger import AttemptState, Ledger, SlotState, study
from truestrength.trainer.contract.sweep.start_slots import START_SLOTS
from truestrength.trainer.contract.words import Method, Objective
from truestrength.trainer.worker import drain as drain_module
from truestrength.trainer.worker import study_record
from truestrength.trainer.worker.drain import MOST_FAILURES_IN_A_ROW, UNFIT, TrialOutcome, TrialStopped, drain
from truestrength.trainer.worker.study_record import StudyRecord

BATCH = "phase1_spearman_final_rank"


@pytest.fixture
def work(ledger, outputs):
    """Register a sweep and run a worker on it."""

    def run(spec, run_trial, stop=None, **options):
        ledger.register(spec, outputs)
        worker = ledger.start_worker(BATCH, "testhost", os.getpid())
        return drain(ledger, BATCH, worker, run_trial, stop or threading.Event(), **options)

    return run


def score(job):
    value = job.config.model_a.epochs + job.config.model_b.learning_rate
    return TrialOutcome(value, dict.fromkeys(Objective, value))


def states(ledger):
    return [trial.state.name for trial in study.load_study(ledger.connection, ledger.spec(BATCH)).trials]


def test_a_sweep_is_drained_into_ledger_and_study(ledger, work, sweep_spec):
    result = work(sweep_spec(), score)
    assert (result.done, result.reason) == (6, "no slots left")
    trials = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert [trial.value for trial in trials] == [slot.value for slot in ledger.slots(BATCH)]
    assert [trial.user_attrs["run_id"] for trial in trials] == list(range(25, 31))
    assert states(ledger) == ["COMPLETE"] * 6
    space = sweep_spec().space
    assert set(trials[0].params) == {name for name, dimension in space.items() if type(dimension).__name__ != "Fixed"}


def test_a_drained_sweep_runs_nothing_again(ledger, work, sweep_spec):
    work(sweep_spec(), score)
    assert work(sweep_spec(), pytest.fail).done == 0
    assert work(sweep_spec(n_trials=8), score).done == 2


def test_parameters_reach_the_configuration(work, sweep_spec):
    seen = []

    def run(job):
        seen.append(job)
        return score(job)

    work(sweep_spec(n_trials=1), run)
    job = seen[0]
    assert job.config.model_a.epochs == job.parameters["model_a_epochs"]
    assert job.config.model_b.subsample == job.parameters["subsample"] == 0.8
    assert job.config.training.rolling_windows == (10, 30)


def test_a_crash_is_tried_again_with_the_same_parameters_under_a_new_run_id(ledger, work, sweep_spec):
    seen = []

    def run(job):
        seen.append((job.slot, job.run_id, job.parameters))
        if len(seen) == 1:
            raise RuntimeError("cuda says no")
        return score(job)

    result = work(sweep_spec(n_trials=2), run)
    assert (result.done, result.failed) == (2, 1)
    first, *_ = (attempt for attempt in ledger.attempts(BATCH) if attempt.slot == seen[0][0])
    assert (first.state, first.reason) == (AttemptState.FAILED, "RuntimeError: cuda says no")
    runs_of_slot = [(run_id, parameters) for slot, run_id, parameters in seen if slot == seen[0][0]]
    assert runs_of_slot[0][1] == runs_of_slot[1][1]
    assert runs_of_slot[0][0] != runs_of_slot[1][0]
    assert sorted(states(ledger)) == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_worker_in_which_everything_fails_leaves_the_slots_to_others(ledger, work, sweep_spec):
    def run(job):
        raise RuntimeError("cuda says no")

    result = work(sweep_spec(), run)
    assert (result.failed, result.reason) == (MOST_FAILURES_IN_A_ROW, UNFIT)
    assert [slot.failures for slot in ledger.slots(BATCH)] == [1, 1, 1, 0, 0, 0], "no slot has lost all its attempts"
    assert work(sweep_spec(), score).done == 6


def test_failures_between_results_do_not_end_a_worker(ledger, work, sweep_spec):
    tried = []

    def run(job):
        tried.append(job.slot)
        if job.slot % 2 == 0 and job.attempt == 1:
            raise RuntimeError("cuda says no")
        return score(job)

    result = work(sweep_spec(), run)
    assert (result.done, result.failed, result.reason) == (6, 3, "no slots left")
    assert tried == [0, 1, 2, 3, 4, 5, 0, 2, 4], "what failed here comes last"


def test_what_a_worker_lacks_costs_no_attempt(ledger, work, sweep_spec):
    def not_here(spec):
        raise DataError("other data")

    with pytest.raises(DataError, match="other data"):
        work(sweep_spec(), score, ready=not_here)
    assert ledger.attempts(BATCH) == []


def test_a_mistake_that_is_the_places_gives_the_slot_back(ledger, work, sweep_spec):
    replaced = threading.Event()

    def run(job):
        replaced.set()
        raise DataError("another league was imported")

    def ready(spec):
        if replaced.is_set():
            raise DataError("other data")

    with pytest.raises(DataError, match="other data"):
        work(sweep_spec(), run, ready=ready)
    (attempt,) = ledger.attempts(BATCH)
    assert (attempt.state, attempt.reason) == (AttemptState.RELEASED, "another league was imported")
    assert ledger.slots(BATCH)[0].state is SlotState.PENDING


def test_a_users_mistake_is_not_tried_again(ledger, work, sweep_spec):
    def run(job):
        if job.slot == 0:
            raise DataError("season 2019-20 has no games")
        return score(job)

    assert work(sweep_spec(n_trials=3), run).failed == 1
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.attempt, slot.reason) == (SlotState.FAILED, 1, "season 2019-20 has no games")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_fails_the_slot(ledger, work, sweep_spec, value):
    assert work(sweep_spec(n_trials=1), lambda _: TrialOutcome(value)).failed == 1
    assert ledger.slots(BATCH)[0].state is SlotState.FAILED
    assert states(ledger) == ["FAIL"]


def test_a_stopped_worker_gives_its_slot_back(ledger, work, sweep_spec):
    stop = threading.Event()

    def run(job):
        stop.set()
        raise TrialStopped("walltime is near")

    result = work(sweep_spec(), run, stop)
    assert (result.released, result.reason) == (1, "stopped")
    slot = ledger.slots(BATCH)[0]
    assert (slot.state, slot.failures, slot.reason) == (SlotState.PENDING, 0, "walltime is near")
    assert states(ledger) == ["FAIL"]
    assert work(sweep_spec(), score).done == 6


def test_a_stopped_worker_may_finish_its_slot(ledger, work, sweep_spec):
    stop = threading.Event()

    def run(job):
        stop.set()
        return score(job)

    assert work(sweep_spec(), run, stop).done == 1


def test_an_interrupt_gives_the_slot_back_and_goes_up(ledger, work, sweep_spec):
    def run(job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(sweep_spec(), run)
    assert ledger.slots(BATCH)[0].state is SlotState.PENDING


def test_a_cancelled_sweep_stops_a_running_trial(ledger, work, sweep_spec):
    def run(job):
        ledger.cancel(BATCH)
        assert job.cancelled.wait(10)
        raise TrialStopped("cancelled")

    result = work(sweep_spec(), run, lease_s=0.4)
    assert (result.released, result.reason) == (1, "cancelled")
    assert states(ledger) == ["FAIL"]


def test_a_superseded_run_does_not_count_and_is_told(ledger, work, sweep_spec):
    """The owner is taken for dead in mid-run; another attempt finishes the slot."""
    told, began = [], []

    def run(job):
        began.append(job)
        if len(began) == 1:
            ledger.expire(BATCH, [row.worker_id for row in ledger.workers(BATCH)])
            return TrialOutcome(99.0)
        return score(job)

    result = work(sweep_spec(n_trials=1), run, on_superseded=told.append)
    assert (result.done, result.superseded) == (1, 1)
    assert [job.run_id for job in told] == [began[0].run_id]
    assert [attempt.state for attempt in ledger.attempts(BATCH)] == [AttemptState.SUPERSEDED, AttemptState.COMPLETE]
    assert ledger.slots(BATCH)[0].value != 99.0
    assert sorted(states(ledger)) == ["COMPLETE", "FAIL"]


def test_a_run_that_stops_because_its_lease_is_lost_is_superseded(ledger, work, sweep_spec):
    told, began = [], []

    def run(job):
        began.append(job)
        if len(began) == 1:
            ledger.expire(BATCH, [row.worker_id for row in ledger.workers(BATCH)])
            assert job.lease_lost.wait(10)
            raise TrialStopped("the lease is lost")
        return score(job)

    result = work(sweep_spec(n_trials=1), run, on_superseded=told.append, lease_s=0.4)
    assert (result.done, result.released, result.superseded) == (1, 0, 1)
    assert len(told) == 1
    assert [attempt.state for attempt in ledger.attempts(BATCH)] == [AttemptState.SUPERSEDED, AttemptState.COMPLETE]


def test_a_worker_that_dies_after_reporting_loses_nothing(ledger, outputs, work, sweep_spec):
    """Killed between the ledger and the study: another worker tells the study, and nothing runs again."""
    ledger.register(sweep_spec(n_trials=1), outputs)
    dead = ledger.start_worker(BATCH, "testhost", 1)
    claim = ledger.claim(BATCH, dead)
    ledger.begin(claim, {}, 25)
    ledger.finish(claim, 0.9, 1.0)
    assert work(sweep_spec(n_trials=1), pytest.fail).done == 0
    assert ledger.progress(BATCH).done == 1
    (told,) = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert (told.state.name, told.value) == ("COMPLETE", 0.9)


def test_no_trial_stays_running(ledger, outputs, work, sweep_spec, storage):
    """One that the ledger does not know: an older version was killed before it wrote the number down."""
    ledger.register(sweep_spec(n_trials=1), outputs)
    optuna.load_study(study_name=BATCH, storage=storage).ask()
    work(sweep_spec(n_trials=1), score)
    assert states(ledger) == ["FAIL", "COMPLETE"]


def test_the_study_hears_in_time_of_trials_that_begin_and_end(ledger, work, sweep_spec, storage, monkeypatch):
    """A trial that is long is seen running, with its parameters; those that ended before it are told, too."""
    monkeypatch.setattr(drain_module, "TELL_EVERY_S", 0.3)
    seen = []

    def run(job):
        if job.slot == 2:
            deadline = time.monotonic() + 30
            while len(seen) < 3:
                assert time.monotonic() < deadline
                seen[:] = optuna.load_study(study_name=BATCH, storage=storage).get_trials()
                time.sleep(0.05)
        return score(job)

    assert work(sweep_spec(n_trials=3), run).done == 3
    assert [trial.state.name for trial in seen] == ["COMPLETE", "COMPLETE", "RUNNING"]
    assert seen[2].params
    assert [trial.user_attrs for trial in seen] == [{"run_id": 25}, {"run_id": 26}, {"run_id": 27}]
    ended = optuna.load_study(study_name=BATCH, storage=storage).get_trials()[2]
    assert (ended.state.name, ended.params) == ("COMPLETE", seen[2].params)


def test_short_trials_are_told_as_the_next_one_is_claimed(work, sweep_spec, storage, monkeypatch):
    monkeypatch.setattr(study_record, "TELL_EVERY_S", 0.1)
    seen = []

    def run(job):
        time.sleep(0.15)
        seen.append(len(optuna.load_study(study_name=BATCH, storage=storage).get_trials()))
        return score(job)

    assert work(sweep_spec(), run).done == 6
    assert seen == sorted(seen)
    assert seen[-1] == 5, "all that ended before it"


def test_telling_leaves_running_trials_to_their_owner(ledger, outputs, sweep_spec):
    ledger.register(sweep_spec(), outputs)
    claim = ledger.claim(BATCH, ledger.start_worker(BATCH, "testhost", os.getpid()))
    ledger.begin(claim, {}, 25)
    for _ in range(2):
        StudyRecord(ledger, ledger.spec(BATCH)).tell_all()
        assert states(ledger) == ["RUNNING"]


def test_low_rungs_train_on_fewer_lists_and_the_best_are_promoted(ledger, work, sweep_spec):
    seen = []

    def run(job):
        seen.append(job)
        return score(job)

    work(sweep_spec(method=Method.HALVING, n_trials=7), run)
    assert [job.config.training.max_lists_oof for job in seen] == [25] * 4 + [50] * 2 + [100]
    values = {slot.slot: slot.value for slot in ledger.slots(BATCH)}
    best_two = sorted((values[slot] for slot in range(4)), reverse=True)[:2]
    assert [values[4], values[5], values[6]] == [*best_two, best_two[0]]


def test_a_worker_waits_for_a_slot_that_another_one_runs(ledger, outputs, work, sweep_spec):
    ledger.register(sweep_spec(n_trials=1), outputs)
    other = ledger.claim(BATCH, ledger.start_worker(BATCH, "testhost", os.getpid(), lease_s=1.0), lease_s=1.0)
    threading.Timer(0.5, lambda: _second_ledger(ledger.url, lambda second: second.release(other, "stopped"))).start()
    assert work(sweep_spec(n_trials=1), score, lease_s=1.0).done == 1


def test_the_slot_of_a_killed_process_is_free_at_once(ledger, outputs, work, sweep_spec):
    """With a lease of an hour: a worker of this machine can see that the process is gone."""
    ledger.register(sweep_spec(n_trials=1), outputs)
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    worker = ledger.start_worker(BATCH, "testhost", pid, lease_s=3600)
    ledger.claim(BATCH, worker, lease_s=3600)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)  # a zombie now: its parent has not asked for it
    assert work(sweep_spec(n_trials=1), score, lease_s=3600).done == 1
    os.waitpid(pid, 0)


def test_shared_observations_are_used_and_do_not_count(ledger, outputs, work, sweep_spec):
    sibling = sweep_spec(batch_id="sibling", objective=Objective.NDCG4, n_trials=12)
    ledger.register(sibling, outputs)
    drain(ledger, "sibling", ledger.start_worker("sibling", "testhost", os.getpid()), score, threading.Event())
    work(sweep_spec(n_trials=12, share_observations=True), score)
    shared = ledger.slots(BATCH)
    ledger.forget(BATCH)
    work(sweep_spec(n_trials=12), score)
    alone = ledger.slots(BATCH)
    assert [row.parameters for row in shared[:10]] == [row.parameters for row in alone[:10]]
    assert [row.parameters for row in shared[10:]] != [row.parameters for row in alone[10:]]
    assert states(ledger) == ["COMPLETE"] * 12


def test_the_first_parameters_are_the_same_whatever_the_number_of_workers(ledger, outputs, sweep_spec, crew):
    found = []
    for batch_id, n_workers in (("by_one", 1), ("by_four", 4)):
        ledger.register(sweep_spec(batch_id=batch_id, n_trials=12), outputs)
        workers = crew(ledger.url, batch_id, seconds=0.05)
        workers.start(n_workers)
        workers.wait()
        found.append([slot.parameters for slot in ledger.slots(batch_id)])
    by_one, by_four = found
    assert by_one[:START_SLOTS] == by_four[:START_SLOTS]


def _second_ledger(url, act):
    with Ledger(url) as second:
        act(second)
