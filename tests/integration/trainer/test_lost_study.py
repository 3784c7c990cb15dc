"""Optuna's study is made anew from the ledger by whoever misses it; its tables of another version are left alone."""

import itertools
import os
import threading
from datetime import timedelta

import optuna
import pytest

from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import AttemptState, optuna_storage, study
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.worker.drain import TrialOutcome, drain

BATCH = "phase1_spearman_final_rank"


def score(job):
    value = job.config.model_a.epochs + job.config.model_b.learning_rate
    return TrialOutcome(value, dict.fromkeys(Objective, value))


@pytest.fixture
def work(ledger, outputs):
    def run(spec, run_trial, **options):
        ledger.register(spec, outputs)
        worker = ledger.start_worker(BATCH, "testhost", os.getpid())
        return drain(ledger, BATCH, worker, run_trial, threading.Event(), **options)

    return run


def trials(storage):
    """All that is known of each trial, its times apart."""
    found = optuna.load_study(study_name=BATCH, storage=storage).get_trials()
    return [(t.number, t.state, t.values, t.params, t.distributions, t.user_attrs) for t in found]


def times(storage):
    return [
        (t.datetime_start, t.datetime_complete) for t in optuna.load_study(study_name=BATCH, storage=storage).trials
    ]


def test_a_study_that_is_deleted_while_a_trial_runs(ledger, work, sweep_spec, storage):
    before = []

    def run(job):
        if job.slot == 1 and job.attempt == 1:
            raise RuntimeError("cuda says no")
        if job.slot == 3:
            before.extend(trials(storage))
            optuna.delete_study(study_name=BATCH, storage=storage)
        return score(job)

    assert work(sweep_spec(), run).done == 6
    after = trials(storage)
    finished = [trial for trial in before if trial[1].is_finished()]
    assert [trial for trial in after if trial[0] in {known[0] for known in finished}] == finished
    assert [trial[0] for trial in after] == list(range(7))
    assert sorted(trial[1].name for trial in after) == ["COMPLETE"] * 6 + ["FAIL"]
    assert sum(row.state is AttemptState.FAILED for row in ledger.attempts(BATCH)) == 1, "nobody's fault"


def test_a_study_that_is_deleted_between_two_trials(ledger, work, sweep_spec, storage):
    asked = []

    def ready(spec):
        asked.append(spec)
        if len(asked) == 4:
            optuna.delete_study(study_name=BATCH, storage=storage)

    assert work(sweep_spec(), score, ready=ready).done == 6
    assert [trial[1].name for trial in trials(storage)] == ["COMPLETE"] * 6
    assert len(ledger.attempts(BATCH)) == 6


def test_the_study_of_a_finished_sweep_is_the_same_afterwards(ledger, work, sweep_spec, outputs, storage):
    """Whoever comes next makes it: the launcher that registers, a report, a worker; also with some of the tables."""
    rate = {"type": "float", "low": 0.06, "high": 0.1, "step": 0.005}
    windows = {"type": "choice", "values": [[10], [10, 30]]}
    spec = sweep_spec({"search_spaces": {"phase1": {"learning_rate": rate, "rolling_windows": windows}}})
    work(spec, score)
    before, then = trials(storage), times(storage)
    comers = [
        lambda: ledger.register(spec, outputs),
        lambda: study.load_study(ledger.connection, spec),
        lambda: drain(ledger, BATCH, 1, pytest.fail, threading.Event()),
    ]
    for come, tables in itertools.product(comers, (False, True)):
        optuna.delete_study(study_name=BATCH, storage=storage)
        if tables:
            storage.remove_session()
            with connected(ledger.url) as admin:
                execute(admin, "DROP TABLE alembic_version, version_info CASCADE")
        come()
        assert trials(storage) == before
        for was, now in zip(then, times(storage), strict=True):
            assert all(abs(b - a) < timedelta(seconds=2) for a, b in zip(was, now, strict=True))


def test_a_sweep_that_was_forgotten_gets_no_study(ledger, work, sweep_spec):
    work(sweep_spec(), score)
    ledger.forget(BATCH)
    with pytest.raises(DatabaseError, match="forgotten meanwhile"):
        study.restore(ledger.connection, sweep_spec())
    with connected(ledger.url) as admin:
        assert execute(admin, "SELECT FROM studies").rowcount == 0


def test_the_version_of_the_tables_is_that_of_the_optuna_that_is_installed():
    assert optuna.storages.RDBStorage("sqlite://").get_head_version() == optuna_storage.TABLES


@pytest.mark.parametrize("other", [("v2.6.0.a", "optuna storage upgrade"), ("v9.0.0.a", "are newer")])
def test_tables_of_another_version_are_left_alone_by_everybody(ledger, work, sweep_spec, outputs, other):
    version, advice = other
    work(sweep_spec(n_trials=2), score)
    with connected(ledger.url) as admin:
        execute(admin, "UPDATE alembic_version SET version_num = %s", [version])
        execute(admin, "UPDATE version_info SET library_version = '2.7.0'")
        comers = [
            lambda: ledger.register(sweep_spec(n_trials=3), outputs),
            lambda: ledger.register(sweep_spec(batch_id="another"), outputs),
            lambda: drain(ledger, BATCH, 1, pytest.fail, threading.Event()),
            lambda: study.load_study(ledger.connection, sweep_spec()),
            lambda: ledger.forget(BATCH),
        ]
        for come in comers:
            with pytest.raises(DatabaseError, match=f"version {version} .*Optuna 2.7.0.*{advice}.*Nothing was changed"):
                come()
        assert execute(admin, "SELECT FROM trials").rowcount == 2
        assert execute(admin, "SELECT FROM studies").rowcount == 1
    assert [sweep.n_trials for sweep in ledger.all_progress()] == [2]
    assert len(ledger.attempts(BATCH)) == 2
