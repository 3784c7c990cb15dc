"""One launcher per sweep, also when its connection is lost: it takes the sweep again, or stops in good order."""

import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from tests.support.leagues import stub_league
from tests.support.places import SUPPORT
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import AttemptState, Ledger

MAIN = SUPPORT / "launcher_stub_main.py"
CONFIG = "paths: {data: league, outputs: out}\nsearch_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\n"
HOLDERS = """
SELECT DISTINCT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()
"""


@pytest.fixture
def launcher(tmp_path, monkeypatch, project_database):
    """Starts launchers of the sweeps `a` and `b`, and sees to it that none is left."""
    stub_league(tmp_path / "league")
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUB_SECONDS", "1")
    with ExitStack() as stack:

        def start():
            process = subprocess.Popen(
                [sys.executable, str(MAIN), "config.yaml", "4", "2", "a", "b"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            stack.callback(lambda: (process.kill(), process.communicate()))
            return process

        yield start


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


def holders(admin):
    """The sessions that hold the launchers' locks."""
    return {pid for (pid,) in execute(admin, HOLDERS)}


def test_a_launcher_takes_its_sweeps_again(launcher, ledger, database_url):
    first = launcher()
    with connected(database_url) as admin:
        wait_until(lambda: has_begun(ledger))
        (before,) = holders(admin)
        for _ in range(3):
            execute(admin, "SELECT pg_terminate_backend(%s)", [before])
            (before,) = wait_until(lambda gone=before: holders(admin) - {gone})
        second = launcher()
        said, _ = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "another launcher is running the sweep a" in said
        assert first.poll() is None
    said, _ = first.communicate(timeout=90)
    assert first.returncode == 0, said
    assert [ledger.progress(name).done for name in "ab"] == [4, 4]


def test_a_launcher_whose_sweep_was_taken_stops_in_good_order(launcher, ledger, database_url):
    first = launcher()
    wait_until(lambda: has_begun(ledger))
    with connected(database_url) as admin, Ledger(database_url) as other:
        (pid,) = holders(admin)
        first.send_signal(signal.SIGSTOP)
        execute(admin, "SELECT pg_terminate_backend(%s)", [pid])
        with other.keeping("launcher:a", "lost") as mine:
            assert mine
            first.send_signal(signal.SIGCONT)
            said, _ = first.communicate(timeout=90)
    assert first.returncode == 2
    assert "error: another launcher has taken over the sweep a while this one was cut off" in said
    assert "stopping 2 workers" in said
    assert "Traceback" not in said
    assert all(not row.live for row in ledger.workers("a"))
    assert {row.state for row in ledger.attempts("a")} <= {AttemptState.COMPLETE, AttemptState.RELEASED}


def test_a_session_that_the_server_takes_for_alive_is_ended(ledger, database_url):
    """A network that dropped the connection without a word: the lock is still held by the session of before."""
    with ledger.keeping("launcher:a", "lost") as mine, connected(database_url) as admin:
        assert mine
        (before,) = holders(admin)
        forgotten = ledger.connection.work(lambda open_: open_)
        ledger.connection._open = None
        ledger.all_progress()
        (after,) = holders(admin)
        assert after != before
        forgotten.close()
    with Ledger(database_url) as other, other.keeping("launcher:a", "lost") as free:
        assert free


def test_who_has_lost_a_key_is_told_at_every_operation(ledger, database_url):
    with ledger.keeping("launcher:a", "it is gone"), ledger.keeping("launcher:b", "b, too"):
        ledger.connection.close()
        with Ledger(database_url) as other, other.keeping("launcher:a", "lost"):
            for _ in range(2):
                with pytest.raises(DatabaseError, match="it is gone"):
                    ledger.all_progress()
        with pytest.raises(DatabaseError, match="it is gone"):
            ledger.all_progress()
    assert ledger.all_progress() == [], "whoever keeps nothing goes on"


def has_begun(ledger):
    return any(row.running == 2 for row in ledger.all_progress())
