"""Servers that take fewer connections than there are workers: they take turns, and nobody loses a slot for it."""

import os
import random
import threading
import time

import pytest

from truestrength.launcher.postgres import data_folder, server
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.ledger import AttemptState, Ledger, study
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.worker.drain import TrialOutcome, drain

BATCH = "phase1_spearman_final_rank"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'truestrength' AND datname = current_database()"


@pytest.fixture
def small_server(tmp_path, monkeypatch):
    """Starts a server that takes so many connections; gives its URL."""

    def start(most):
        monkeypatch.setattr(data_folder, "MAX_CONNECTIONS", most)
        return server.up(tmp_path)

    yield start
    server.down(tmp_path)


def assert_exact(ledger, n_trials):
    assert ledger.progress(BATCH).done == n_trials
    attempts = ledger.attempts(BATCH)
    assert [attempt.state for attempt in attempts] == [AttemptState.COMPLETE] * n_trials, "nobody lost a slot"
    trials = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert sorted(trial.value for trial in trials) == sorted(attempt.value for attempt in attempts)
    assert {trial.state.name for trial in trials} == {"COMPLETE"}


@pytest.mark.parametrize("numbers", [(20, 64, 48), (6, 10, 12)])
def test_more_workers_than_connections_finish_to_the_exact_budget(small_server, outputs, sweep_spec, crew, numbers):
    most, n_workers, n_trials = numbers
    with Ledger(small_server(most), patience_s=60) as ledger:
        ledger.register(sweep_spec(n_trials=n_trials), outputs)
        workers = crew(ledger.url, BATCH, seconds=0.3, lease_s=20.0)
        workers.start(n_workers)
        workers.wait(240)
        assert_exact(ledger, n_trials)
        assert {row.reason for row in ledger.workers(BATCH)} == {"no slots left"}
    log = (outputs.root.parent / "workers.log").read_text()
    assert "Traceback" not in log, log
    assert f"the database's server takes {most} connections" in log


def test_workers_that_run_a_slot_come_back_first_after_a_crash(small_server, tmp_path, outputs, sweep_spec, crew):
    """The server comes back and everybody wants a connection at once; a lease is lost for none of it."""
    with Ledger(small_server(8), patience_s=60) as ledger:
        ledger.register(sweep_spec(n_trials=16), outputs)
        workers = crew(ledger.url, BATCH, seconds=1.5, lease_s=8.0)
        workers.start(16)
        deadline = time.monotonic() + 60
        while ledger.progress(BATCH).done < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        server.down(tmp_path)
        assert server.up(tmp_path) == ledger.url
        workers.wait(120)
        assert_exact(ledger, 16)


def test_a_worker_has_one_connection(database_url, outputs, sweep_spec):
    """Ledger, study, signs of life and the lock of a builder, all by the same."""
    seen = []

    def run(job):
        with ledger.building("x", silent_s=0.4) as mine:
            assert mine
            time.sleep(0.3)
            seen.append(execute(admin, OURS).fetchall()[0][0])
        return TrialOutcome(float(job.slot), dict.fromkeys(Objective, 0.5))

    with connected(database_url) as admin, Ledger(database_url, patience_s=5) as ledger:
        ledger.register(sweep_spec(n_trials=3), outputs)
        drain(ledger, BATCH, ledger.start_worker(BATCH, "here", os.getpid()), run, threading.Event(), lease_s=0.4)
        assert_exact(ledger, 3)
    assert seen == [1, 1, 1]


def test_connections_that_are_lost_over_and_over_cost_no_attempt(database_url, outputs, sweep_spec):
    over, ended, dice = threading.Event(), [], random.Random(3)

    def lose():
        with connected(database_url) as admin:
            while not over.wait(dice.uniform(0.05, 1.0)):
                ended.extend(execute(admin, OURS.replace("count(*)", "pg_terminate_backend(pid)")).fetchall())

    def run(job):
        time.sleep(0.3)
        return TrialOutcome(float(job.slot))

    loser = threading.Thread(target=lose)
    with Ledger(database_url, patience_s=120) as ledger:
        ledger.register(sweep_spec(), outputs)
        worker = ledger.start_worker(BATCH, "here", os.getpid())
        loser.start()
        try:
            drain(ledger, BATCH, worker, run, threading.Event())
        finally:
            over.set()
            loser.join()
        assert_exact(ledger, 6)
    assert len(ended) >= 3


@pytest.mark.parametrize("limit", ["ALTER ROLE few CONNECTION LIMIT 3", "ALTER DATABASE {} CONNECTION LIMIT 3"])
def test_limits_of_role_and_database_count(database_url, postgres_server, limit):
    """A superuser has none."""
    name = database_url.rpartition("/")[2].partition("?")[0]
    host = database_url.partition("@")[2].rpartition("/")[0]
    with connected(url_text.with_database(postgres_server, name)) as admin, Ledger(database_url) as own:
        assert own.connections().most > 3
        execute(admin, "CREATE ROLE few LOGIN PASSWORD 'few'")
        try:
            execute(admin, "GRANT ALL ON SCHEMA truestrength TO few")
            execute(admin, "GRANT SELECT ON ALL TABLES IN SCHEMA truestrength TO few")
            execute(admin, limit.format(name))
            with Ledger(f"postgresql://few:few@{host}/{name}", patience_s=5) as ledger:
                assert ledger.connections().most == 3
        finally:
            execute(admin, "DROP OWNED BY few")
            execute(admin, "DROP ROLE few")
