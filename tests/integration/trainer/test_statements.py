"""What a trial costs the database: a number of statements that does not grow with the sweep."""

import os
import threading

import pytest

from benchmarks.sql_count import counted
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.words import Objective, Sampler
from truestrength.trainer.worker.drain import TrialOutcome, drain

BATCH = "phase1_spearman_final_rank"


def score(job):
    value = job.config.model_a.epochs + job.config.model_b.learning_rate
    return TrialOutcome(value, dict.fromkeys(Objective, value))


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.RANDOM])
def test_a_trial_costs_few_statements_and_as_many_in_a_longer_sweep(database_url, outputs, sweep_spec, sampler):
    per_trial = []
    for n_trials in (40, 160):
        with counted() as sent, Ledger(database_url) as ledger:
            ledger.register(sweep_spec(n_trials=n_trials, sampler=sampler), outputs)
            before = sum(count for count, _ in sent.values())
            worker = ledger.start_worker(BATCH, "testhost", os.getpid())
            done = drain(ledger, BATCH, worker, score, threading.Event()).done
            per_trial.append((sum(count for count, _ in sent.values()) - before) / done)
    # About twenty are sent once by each worker, to begin and to end.
    assert max(per_trial) <= 7
