"""A receiver is told or not within its time, whatever it does; real sockets and real commands."""

import socket
import sys
import threading
from contextlib import contextmanager, suppress

import pytest

from tests.support.receiver import receiving
from truestrength.launcher import receivers
from truestrength.launcher.receivers import hand_over
from truestrength.trainer.contract.config.notify import Notify


@contextmanager
def answering(answer):
    """A server that takes a connection and lets `answer` speak to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Notify(url=f"http://127.0.0.1:{server.getsockname()[1]}/s3cret")
        thread.join()


def test_a_server_is_told():
    with receiving() as server:
        assert hand_over(Notify(url=server.url), b'{"event": "x"}') is None
        assert server.got == [{"event": "x"}]


def test_a_server_that_answers_byte_by_byte_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(receivers, "TIMEOUT_S", 0.5)
    stopped = threading.Event()

    def drip(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not stopped.wait(0.05):
            connection.sendall(b"x")

    with answering(drip) as receiver:
        assert hand_over(receiver, b"{}") == "not done within 0.5 s"
        stopped.set()


@pytest.mark.parametrize("text", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
def test_a_server_that_speaks_nonsense_is_a_failure(text):
    with answering(lambda connection: (connection.recv(1 << 16), connection.sendall(text))) as receiver:
        problem = hand_over(receiver, b"{}")
    assert problem
    assert "s3cret" not in problem


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "refused" in hand_over(Notify(url=f"http://127.0.0.1:{port}/"), b"{}")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import sys; sys.exit('it is\\nfull')", "exit code 1: it is\nfull"),
        ("import time; time.sleep(30)", "not done within 2 s"),
        ("pass", None),
    ],
)
def test_a_command_says_what_went_wrong(monkeypatch, code, problem):
    monkeypatch.setattr(receivers, "TIMEOUT_S", 2.0)
    assert hand_over(Notify(command=(sys.executable, "-c", code)), b"{}" * 100_000) == problem


def test_what_a_command_leaves_behind_is_not_waited_for(monkeypatch, tmp_path):
    """As a mail program that sends in the background: it is told."""
    monkeypatch.setattr(receivers, "TIMEOUT_S", 10.0)
    gone = tmp_path / "gone"
    behind = f"{{ while [ ! -e {gone} ]; do sleep 0.05; done; }} & exit 0"
    assert hand_over(Notify(command=("sh", "-c", behind)), b"{}") is None
    gone.touch()


def test_a_program_that_is_not_there():
    assert "No such file" in hand_over(Notify(command=("/no/such/program",)), b"{}")
