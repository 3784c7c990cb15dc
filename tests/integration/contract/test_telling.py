"""The study is told in batches: both ways leave the same study, and whoever is cut off leaves nothing untold."""

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import optuna
import pytest

from tests.support.places import SUPPORT
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, SlotState, optuna_storage, optuna_trials, study, telling
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.search.proposals import random_point

BATCH = "phase1_spearman_final_rank"
SPACE = {
    "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "model_a_epochs": {"type": "int", "low": 1, "high": 40},
    "subsample": {"type": "float", "low": 0.6, "high": 1.0, "step": 0.1},
    "rolling_windows": {"type": "choice", "values": [[5], [10, 30]]},
    "min_samples_leaf": {"type": "fixed", "value": 5},
}


@pytest.fixture
def sweep(ledger, outputs, sweep_spec):
    """A registered sweep over every kind of parameter, and one of its workers."""

    def register(n_trials=12):
        spec = sweep_spec({"search_spaces": {"phase1": SPACE}}, batch_id=BATCH, n_trials=n_trials)
        ledger.register(spec, outputs)
        return spec, ledger.start_worker(BATCH, "testhost", os.getpid())

    return register


def every_ending(ledger, spec, worker):
    """An attempt for every way to end, one that runs, and one that has not begun; told now and then."""
    claims = [ledger.claim(BATCH, worker) for _ in range(7)]
    for claim in claims[:6]:
        ledger.begin(claim, random_point(spec, claim.slot), 25 + claim.slot)
    ledger.finish(claims[0], 0.1 + 0.2, 1.0)
    ledger.fail(claims[1], "cuda says no")
    study.tell(ledger.connection, spec)
    ledger.finish(claims[2], -1e-300, 1.0)
    ledger.release(claims[3], "stopped")
    study.tell(ledger.connection, spec)
    ledger.finish(claims[4], 12345678.9, 1.0)
    study.tell(ledger.connection, spec)
    return claims


def as_it_is(storage):
    found = optuna.load_study(study_name=BATCH, storage=storage).get_trials()
    plain = [
        (t.number, t.state, t.values, t.params, t.distributions, t.user_attrs, t.system_attrs, t.intermediate_values)
        for t in found
    ]
    return plain, [(t.datetime_start, t.datetime_complete) for t in found]


def test_what_is_written_directly_is_what_optuna_writes(ledger, sweep, storage, monkeypatch):
    left = []
    for known in (telling.WRITTEN_DIRECTLY, "another version"):
        monkeypatch.setattr(telling, "WRITTEN_DIRECTLY", known)
        spec, worker = sweep()
        every_ending(ledger, spec, worker)
        rows = [(row.state, row.trial_number) for row in ledger.attempts(BATCH)]
        slots = [row.state for row in ledger.slots(BATCH)]
        left.append((*as_it_is(storage), rows, slots))
        ledger.forget(BATCH)
    (direct, times, rows, slots), (by_optuna, other_times, other_rows, other_slots) = left
    assert direct == by_optuna
    assert (rows, slots) == (other_rows, other_slots)
    assert slots[:5] == [SlotState.DONE, SlotState.PENDING, SlotState.DONE, SlotState.PENDING, SlotState.DONE]
    assert [trial[1].name for trial in direct] == ["COMPLETE", "FAIL", "COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    assert [trial[2] for trial in direct if trial[2]] == [[0.1 + 0.2], [-1e-300], [12345678.9]]
    assert [list(trial[3]) for trial in direct] == [[name for name in SPACE if name != "min_samples_leaf"]] * 6
    for one, other in zip(times, other_times, strict=True):
        assert [time is None for time in one] == [time is None for time in other]
        assert all(abs(a - b) < timedelta(seconds=60) for a, b in zip(one, other, strict=True) if a)


def test_what_is_read_directly_is_what_optuna_reads(ledger, sweep, storage, monkeypatch):
    """Also what only a person by hand has put into the study."""
    spec, worker = sweep()
    every_ending(ledger, spec, worker)
    by_hand = optuna.load_study(study_name=BATCH, storage=storage)
    for value in (math.inf, -math.inf, 0.5):
        trial = by_hand.ask({"depth": optuna.distributions.IntDistribution(1, 5)})
        trial.set_user_attr("note", ["é", None, 1.5])
        storage.set_trial_system_attr(trial._trial_id, "of", {"a": 1})
        for step, between in enumerate((0.25, math.inf, -math.inf)):
            trial.report(between, step)
        by_hand.tell(trial, value)
    whole = study.load_study(ledger.connection, spec).trials
    assert [trial.values for trial in whole[-3:]] == [[math.inf], [-math.inf], [0.5]]
    theirs = storage.get_all_trials(by_hand._study_id)
    assert ledger.connection.work(lambda session: optuna_trials.read_trials(session, by_hand._study_id)) == theirs
    assert [trial.__dict__ | {"_trial_id": 0} for trial in whole] == [t.__dict__ | {"_trial_id": 0} for t in theirs]
    monkeypatch.setattr(telling, "WRITTEN_DIRECTLY", "another version")
    assert study.load_study(ledger.connection, spec).trials == whole


def test_times_are_those_of_the_ledger(ledger, sweep, storage):
    spec, worker = sweep()
    every_ending(ledger, spec, worker)
    told = {row.trial_number: row for row in ledger.attempts(BATCH) if row.trial_number is not None}
    _, times = as_it_is(storage)
    assert times == [
        tuple(t and t.astimezone().replace(tzinfo=None) for t in (told[i].started_at, told[i].finished_at))
        for i in range(6)
    ]


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_teller_that_is_hit_in_the_middle_leaves_nothing_untold_and_keeps_nobody(ledger, sweep, storage, blow):
    """Between having read what is untold and having written it."""
    spec, worker = sweep()
    teller = subprocess.Popen(
        [sys.executable, SUPPORT / "study_teller.py", BATCH],
        env={**os.environ, "DATABASE_URL": ledger.url},
        stdout=subprocess.PIPE,
        text=True,
    )
    claims = every_ending(ledger, spec, worker)
    ledger.finish(claims[5], 0.5, 1.0)
    assert teller.stdout is not None
    assert teller.stdout.readline() == "has read\n"
    teller.send_signal(blow)
    assert ledger.slots(BATCH)[5].state is SlotState.REPORTED
    assert study.tell(ledger.connection, spec)
    plain, _ = as_it_is(storage)
    assert [trial[2] for trial in plain if trial[2]] == [[0.1 + 0.2], [-1e-300], [12345678.9], [0.5]]
    assert ledger.slots(BATCH)[5].state is SlotState.DONE
    teller.kill()
    teller.wait()
    teller.stdout.close()


def test_whoever_has_read_before_another_one_told_writes_nothing(ledger, sweep, storage, monkeypatch):
    spec, worker = sweep()
    claim = ledger.claim(BATCH, worker)
    ledger.begin(claim, random_point(spec, 0), 25)
    real, late = telling._directly, []

    def after_another(*said):
        with monkeypatch.context() as patch, Ledger(ledger.url) as other:
            patch.setattr(telling, "_directly", real)
            assert study.tell(other.connection, spec)
        late.append(real(*said))
        return late[-1]

    monkeypatch.setattr(telling, "_directly", after_another)
    assert not study.tell(ledger.connection, spec)
    assert late == [False]
    assert [trial[0] for trial in as_it_is(storage)[0]] == [0]


def test_many_tellers_at_once_tell_each_trial_once(ledger, sweep, storage):
    spec, worker = sweep(n_trials=60)
    over = threading.Event()

    def tell_on():
        with Ledger(ledger.url) as own:
            while not over.is_set():
                study.tell(own.connection, spec)

    tellers = [threading.Thread(target=tell_on) for _ in range(4)]
    for teller in tellers:
        teller.start()
    dice = random.Random(5)
    for number in range(60):
        claim = ledger.claim(BATCH, worker)
        ledger.begin(claim, random_point(spec, claim.slot), 25 + number)
        if dice.random() < 0.3:
            time.sleep(0.01)
        ledger.finish(claim, float(claim.slot), 1.0)
    over.set()
    for teller in tellers:
        teller.join()
    study.restore(ledger.connection, spec)
    plain, _ = as_it_is(storage)
    assert [trial[0] for trial in plain] == list(range(60))
    assert {trial[1].name for trial in plain} == {"COMPLETE"}
    rows = {row.trial_number: row for row in ledger.attempts(BATCH)}
    assert [trial[2] for trial in plain] == [[rows[i].value] for i in range(60)]
    assert {row.state for row in ledger.slots(BATCH)} == {SlotState.DONE}


def test_a_long_study_is_told_and_made_anew_in_pieces(ledger, sweep, storage, monkeypatch):
    monkeypatch.setattr(telling, "MOST", 4)
    spec, worker = sweep()
    for number in range(10):
        claim = ledger.claim(BATCH, worker)
        ledger.begin(claim, random_point(spec, claim.slot), 25 + number)
        ledger.finish(claim, float(number), 1.0)
    assert not study.tell(ledger.connection, spec), "there is more"
    study.restore(ledger.connection, spec)
    before = as_it_is(storage)
    optuna.delete_study(study_name=BATCH, storage=storage)
    assert not study.tell(ledger.connection, spec), "it is made first"
    study.restore(ledger.connection, spec)
    assert as_it_is(storage) == before


def test_numbers_that_no_attempt_knows_are_kept(ledger, sweep, storage):
    """A version before this one could die between Optuna's trial and the ledger's row of it."""
    spec, worker = sweep()
    optuna.load_study(study_name=BATCH, storage=storage).ask()
    for number in range(2):
        claim = ledger.claim(BATCH, worker)
        ledger.begin(claim, random_point(spec, claim.slot), 25 + number)
        ledger.finish(claim, float(number), 1.0)
    study.restore(ledger.connection, spec)
    before, _ = as_it_is(storage)
    assert [(trial[0], trial[1].name) for trial in before] == [(0, "FAIL"), (1, "COMPLETE"), (2, "COMPLETE")]
    optuna.delete_study(study_name=BATCH, storage=storage)
    study.restore(ledger.connection, spec)
    assert as_it_is(storage)[0] == before


def test_tables_of_another_version_are_not_written_to_in_the_middle_of_a_sweep(ledger, sweep):
    spec, worker = sweep()
    ledger.begin(ledger.claim(BATCH, worker), random_point(spec, 0), 25)
    with connected(ledger.url) as admin:
        execute(admin, "UPDATE alembic_version SET version_num = 'v9.0.0.a'")
        assert not study.tell(ledger.connection, spec)
        with pytest.raises(DatabaseError, match=r"version v9.0.0.a .* newer"):
            study.restore(ledger.connection, spec)
        assert execute(admin, "SELECT FROM trials").rowcount == 0
        execute(admin, "UPDATE alembic_version SET version_num = %s", [optuna_storage.TABLES])
    assert study.tell(ledger.connection, spec)


def test_a_sweep_with_results_that_are_untold_is_not_complete(ledger, sweep):
    spec, worker = sweep(n_trials=1)
    claim = ledger.claim(BATCH, worker)
    ledger.begin(claim, random_point(spec, 0), 25)
    ledger.finish(claim, 0.5, 1.0, {objective.value: 0.5 for objective in Objective})
    now = ledger.progress(BATCH)
    assert (now.complete, now.open, now.reported, now.done, now.best_value) == (False, 1, 1, 0, 0.5)
    assert study.tell(ledger.connection, spec)
    now = ledger.progress(BATCH)
    assert (now.complete, now.open, now.reported, now.done, now.standing) == (True, 0, 0, 1, "complete")
