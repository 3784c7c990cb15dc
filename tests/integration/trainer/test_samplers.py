"""Each sampler on the real ledger: what one worker may count on, and what several may."""

import os
import signal
import threading
import time

import pytest

from truestrength.trainer.contract.ledger import AttemptState
from truestrength.trainer.contract.sweep.start_slots import START_SLOTS
from truestrength.trainer.contract.words import Objective, Sampler
from truestrength.trainer.search import proposals
from truestrength.trainer.search.proposals import propose, quasi_random_point, random_point, searched
from truestrength.trainer.worker.drain import TrialOutcome, drain

SPACE = {
    "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
    "model_a_epochs": {"type": "int", "low": 1, "high": 40},
    "subsample": {"type": "float", "low": 0.6, "high": 1.0, "step": 0.1},
    "rolling_windows": {"type": "choice", "values": [[5], [10, 30]]},
    "min_samples_leaf": {"type": "fixed", "value": 5},
}
N_TRIALS = START_SLOTS + 4
LEARN = (Sampler.TPE, Sampler.GP, Sampler.CMAES)


def score(job):
    """What a null worker finds."""
    value = job.config.model_b.learning_rate + job.config.model_a.epochs
    return TrialOutcome(value, dict.fromkeys(Objective, value))


@pytest.fixture
def sweep(ledger, outputs, sweep_spec):
    """Register a sweep with a sampler."""

    def register(batch_id, sampler, n_trials=N_TRIALS):
        config = {"search_spaces": {"phase1": SPACE}}
        ledger.register(sweep_spec(config, batch_id=batch_id, sampler=sampler, n_trials=n_trials), outputs)
        return batch_id

    return register


def points(ledger, batch_id):
    return [slot.parameters for slot in ledger.slots(batch_id)]


@pytest.mark.parametrize("sampler", Sampler)
def test_one_worker_gives_the_same_points_again_also_when_it_is_killed_and_restarted(ledger, sweep, crew, sampler):
    workers = crew(ledger.url, sweep("killed", sampler), seconds=0.1)
    (first,) = workers.start()
    deadline = time.monotonic() + 300
    while not any(row.slot is not None and row.slot > START_SLOTS for row in ledger.workers("killed")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(first, signal.SIGKILL)
    workers.wait()
    workers.start()
    workers.wait()
    states = [attempt.state for attempt in ledger.attempts("killed")]
    assert (states.count(AttemptState.DEAD), states.count(AttemptState.COMPLETE)) == (1, N_TRIALS)
    worker = ledger.start_worker(sweep("undisturbed", sampler), "testhost", os.getpid())
    assert drain(ledger, "undisturbed", worker, score, threading.Event()).done == N_TRIALS
    assert points(ledger, "killed") == points(ledger, "undisturbed")


@pytest.mark.parametrize("sampler", [sampler for sampler in Sampler if sampler is not Sampler.GP])
def test_four_workers_try_no_point_twice(ledger, sweep, crew, sampler):
    """GP takes the very best point: two workers that ask at the same moment, before either runs it, may both get it."""
    workers = crew(ledger.url, sweep("by_four", sampler), seconds=0.1)
    workers.start(4)
    workers.wait()
    found = points(ledger, "by_four")
    assert len({str(point) for point in found}) == N_TRIALS
    if sampler not in LEARN:
        by_slot = quasi_random_point if sampler is Sampler.QMC else random_point
        assert found == [by_slot(ledger.spec("by_four"), slot) for slot in range(N_TRIALS)]


@pytest.fixture
def two_claims(ledger, sweep):
    """Two slots of a sweep whose start design is done, claimed by two workers."""

    def claim(sampler):
        batch_id = sweep("running", sampler)
        stop = threading.Event()

        def until_the_design_is_done(job):
            if job.slot == START_SLOTS:
                stop.set()
            return score(job)

        worker = ledger.start_worker(batch_id, "testhost", os.getpid())
        drain(ledger, batch_id, worker, until_the_design_is_done, stop)
        workers = [ledger.start_worker(batch_id, "testhost", os.getpid()) for _ in range(2)]
        return ledger.spec(batch_id), *(ledger.claim(batch_id, worker) for worker in workers)

    return claim


def begin(ledger, claim, parameters):
    ledger.begin(claim, parameters, 99)


@pytest.mark.parametrize("sampler", LEARN)
def test_a_trial_that_runs_changes_what_a_sampler_that_learns_proposes(ledger, two_claims, sampler):
    spec, runs, asks = two_claims(sampler)
    alone = propose(ledger, spec, asks)
    assert propose(ledger, spec, asks) == alone
    begin(ledger, runs, alone)
    assert propose(ledger, spec, asks) != alone


@pytest.mark.parametrize("sampler", LEARN)
def test_a_trial_that_begins_while_a_sampler_thinks_is_seen(ledger, two_claims, monkeypatch, sampler):
    spec, runs, asks = two_claims(sampler)
    found = []

    def slowly(*question):
        found.append(searched(*question))
        if len(found) == 1:
            begin(ledger, runs, found[0])
        return found[-1]

    monkeypatch.setattr(proposals, "searched", slowly)
    assert propose(ledger, spec, asks) == found[1] != found[0]
