"""Promises 1, 3 and 5 with many processes: kills, freezes, and a server that goes away."""

import os
import random
import signal
import time

from truestrength.launcher.postgres import server
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.ledger import AttemptState, Ledger, study
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths
from truestrength.trainer.contract.sweep.limits import Limits

BATCH = "phase1_spearman_final_rank"
SLOTS = 16


def assert_whole(ledger, outputs, n_trials):
    """Exactly the budget, in ledger, study and folders; nothing left running; no run id twice."""
    progress = ledger.progress(BATCH)
    assert (progress.done, progress.failed, progress.pending, progress.running) == (n_trials, 0, 0, 0)
    trials = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "FAIL"}
    complete = {trial.number: trial.value for trial in trials if trial.state.name == "COMPLETE"}
    assert complete == {slot.trial_number: slot.value for slot in ledger.slots(BATCH)}
    attempts = ledger.attempts(BATCH)
    run_ids = [attempt.run_id for attempt in attempts if attempt.run_id is not None]
    assert len(run_ids) == len(set(run_ids))
    assert all(outputs.sweep(BATCH).run(slot.run_id).folder.is_dir() for slot in ledger.slots(BATCH))
    assert sum(attempt.state is AttemptState.COMPLETE for attempt in attempts) == n_trials
    assert not any(attempt.state is AttemptState.RUNNING for attempt in attempts)


def test_kills_freezes_and_relaunches_leave_exactly_the_budget(ledger, outputs, sweep_spec, crew):
    ledger.register(sweep_spec(n_trials=SLOTS), outputs)
    workers = crew(ledger.url, BATCH, seconds=0.3, lease_s=3.0)
    workers.start(8)
    dice = random.Random(7)
    frozen, killed = [], []
    while ledger.progress(BATCH).done < SLOTS // 2:
        busy = [row.pid for row in ledger.workers(BATCH) if row.slot is not None and row.pid not in frozen + killed]
        if busy and len(frozen) + len(killed) < 8:
            victim = dice.choice(busy)
            freeze = len(killed) > len(frozen)
            os.kill(victim, signal.SIGSTOP if freeze else signal.SIGKILL)
            (frozen if freeze else killed).append(victim)
            workers.start()
        time.sleep(0.2)
    _wait_until(lambda: ledger.progress(BATCH).done == SLOTS)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    workers.wait()
    assert_whole(ledger, outputs, SLOTS)
    died = [attempt for attempt in ledger.attempts(BATCH) if attempt.state is AttemptState.DEAD]
    late = [attempt for attempt in ledger.attempts(BATCH) if attempt.state is AttemptState.SUPERSEDED]
    assert {attempt.pid for attempt in died} >= set(killed)
    assert {attempt.pid for attempt in late} <= set(frozen)
    assert all(attempt.host == "testhost" and attempt.job_id == "job_7" and attempt.reason for attempt in died)


def test_everybody_killed_and_the_same_command_again(ledger, outputs, sweep_spec, crew):
    ledger.register(sweep_spec(n_trials=8), outputs)
    workers = crew(ledger.url, BATCH, seconds=0.2)
    workers.start(3)
    _wait_until(lambda: ledger.progress(BATCH).done >= 2)
    for pid in workers.alive():
        os.kill(pid, signal.SIGKILL)
    workers.wait()
    before = {slot.slot: slot.run_id for slot in ledger.slots(BATCH) if slot.state == "done"}
    ledger.register(sweep_spec(n_trials=8), outputs)
    workers.start(3)
    workers.wait()
    assert_whole(ledger, outputs, 8)
    after = {slot.slot: slot.run_id for slot in ledger.slots(BATCH)}
    assert {slot: after[slot] for slot in before} == before, "nothing finished is run twice"


def test_time_that_is_up_is_exact_whoever_is_killed_and_more_time_goes_on(ledger, outputs, sweep_spec, crew):
    """Everybody is killed in the middle, twice; then workers come back to what is left, with more time at last."""
    workers = crew(ledger.url, BATCH, seconds=0.25, lease_s=2.0)
    killed = 0
    for minutes in (0.05, 0.05, 0.1):
        ledger.register(sweep_spec(n_trials=80), outputs, limits=Limits(max_minutes=minutes))
        before = ledger.progress(BATCH).done
        workers.start(3)
        while workers.alive() and minutes == 0.05 and ledger.progress(BATCH).done < before + 3:
            time.sleep(0.02)
        for pid in workers.alive() if minutes == 0.05 else ():
            os.kill(pid, signal.SIGKILL)
            killed += 1
        workers.wait()
    workers.start()
    workers.wait()
    now = ledger.progress(BATCH)
    assert (now.standing, now.done + now.not_needed, now.open) == ("time is up", 80, 0)
    assert now.worked_minutes >= 0.1
    assert now.not_needed > 0
    assert killed >= 3
    assert not any(attempt.state is AttemptState.RUNNING for attempt in ledger.attempts(BATCH))
    ledger.register(sweep_spec(n_trials=80), outputs)
    workers.start(6)
    workers.wait()
    assert_whole(ledger, outputs, 80)


def test_workers_told_to_stop_leave_no_dead_attempt(ledger, outputs, sweep_spec, crew):
    ledger.register(sweep_spec(n_trials=8), outputs)
    workers = crew(ledger.url, BATCH, seconds=0.3)
    workers.start(3)
    _wait_until(lambda: ledger.progress(BATCH).done >= 2)
    for pid in workers.alive():
        os.kill(pid, signal.SIGTERM)
    workers.wait()
    assert {attempt.state for attempt in ledger.attempts(BATCH)} == {AttemptState.COMPLETE}
    assert {row.reason for row in ledger.workers(BATCH)} == {"stopped"}


def test_a_server_that_crashes_costs_a_pause_and_no_attempt(tmp_path, outputs, sweep_spec, crew):
    """Down for longer than the lease: nobody may be taken for dead, because nobody could give a sign of life."""
    url = server.up(tmp_path)
    paths = EmbeddedServerPaths.of(tmp_path)
    try:
        with Ledger(url, patience_s=60) as ledger:
            ledger.register(sweep_spec(n_trials=12), outputs)
            # Long enough for a busy machine: from the server's start its workers have one lease to come back.
            workers = crew(url, BATCH, seconds=0.5, lease_s=8.0)
            held = ledger.claim(BATCH, ledger.start_worker(BATCH, "testhost", os.getpid()), lease_s=3600)
            workers.start(4)
            _wait_until(lambda: ledger.progress(BATCH).done >= 2)
            os.kill(int(paths.data.joinpath("postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
            time.sleep(9)
            assert len(workers.alive()) == 4
            assert server.up(tmp_path) == url
            with connected(url) as connection:
                execute(connection, "UPDATE truestrength.slots SET lease_until = now() - interval '1 s' WHERE slot = 0")
            assert ledger.expire(BATCH) == 0, "an owner has one lease's time to come back"
            ledger.release(held, "the test is done with it")
            workers.wait()
            assert_whole(ledger, outputs, 12)
            assert len(ledger.attempts(BATCH)) == 12 + 1, "a pause, not a result"
    finally:
        server.down(tmp_path)


def test_the_first_slots_are_the_same_whatever_the_number_of_workers(ledger, outputs, sweep_spec, crew):
    found = []
    for count in (1, 5):
        ledger.register(sweep_spec(n_trials=10), outputs)
        workers = crew(ledger.url, BATCH, seconds=0.05)
        workers.start(count)
        workers.wait()
        found.append([slot.parameters for slot in ledger.slots(BATCH)])
        ledger.forget(BATCH)
    assert found[0] == found[1]


def _wait_until(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
