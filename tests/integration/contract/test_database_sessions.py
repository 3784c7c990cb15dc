"""Sessions: signals are heard while a server is waited for, one that says nothing is given up, the dead are noticed."""

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing

import psycopg2
import pytest

from truestrength.trainer.contract.database import sessions
from truestrength.trainer.contract.database.sessions import connected, execute, rows
from truestrength.trainer.contract.ledger.connection import connect
from truestrength.trainer.contract.ledger.optuna_storage import OptunaStorage

ASK_FOR_LONG = """
import sys
from truestrength.trainer.contract.database.sessions import connected, execute
with connected(sys.argv[1]) as session:
    print("asking", flush=True)
    execute(session, "SELECT pg_sleep(60)")
"""


def test_an_interrupt_is_heard_while_the_server_says_nothing(database_url):
    asking = subprocess.Popen(
        [sys.executable, "-c", ASK_FOR_LONG, database_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert asking.stdout.readline() == "asking\n"
    time.sleep(0.5)
    asking.send_signal(signal.SIGINT)
    _, said = asking.communicate(timeout=20)
    assert "KeyboardInterrupt" in said


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(sessions, "CONNECT_TIMEOUT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me:x@127.0.0.1:{silent.getsockname()[1]}/db"
        with pytest.raises(psycopg2.OperationalError, match="no answer within 1 s"):
            sessions.connect(url)


def test_a_block_is_a_transaction_and_the_session_lives_on(database_url):
    with connected(database_url) as session:
        execute(session, "CREATE TABLE kept (value int)")
        with pytest.raises(psycopg2.DataError), session:
            execute(session, "INSERT INTO kept VALUES (%s); SELECT 'x'::int", [1])
        with session:
            execute(session, "INSERT INTO kept VALUES (%(value)s)", {"value": 2})
        assert rows(session, "SELECT value, '%' AS sign FROM kept") == [{"value": 2, "sign": "%"}]
        assert rows(session, "SELECT value FROM kept WHERE false", {}) == []
    assert session.closed


def test_a_frozen_transaction_is_ended_and_a_dead_network_noticed(database_url):
    session = connect(database_url)
    try:
        assert execute(session, "SHOW idle_in_transaction_session_timeout").fetchone() == ("10s",)
        with socket.socket(fileno=socket.dup(session.fileno())) as wire:
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            idle, interval, count = (
                wire.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        assert idle + interval * count == 60
    finally:
        session.close()


def test_optuna_has_no_connection_of_its_own(database_url):
    session = connect(database_url)
    with closing(session), OptunaStorage().transaction(session) as storage:
        assert storage.engine.raw_connection().dbapi_connection is session
