"""A real HTTP server on loopback that keeps what it is told by POST."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Receiver(ThreadingHTTPServer):
    """Answers with `answer`, after `wait` is set, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 200
        self.wait = threading.Event()
        self.wait.set()
        self.got: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hooks/s3cret"

    def told(self) -> list[tuple[str, list[str]]]:
        """Each event and its sweeps."""
        return [(one["event"], [sweep["batch_id"] for sweep in one["sweeps"]]) for one in self.got]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.wait.wait(20)
        self.server.bodies.append(body)
        if self.server.answer == 200:
            assert self.headers["Content-Type"] == "application/json"
            self.server.got.append(msgspec.json.decode(body))
        self.send_response(self.server.answer)
        self.send_header("Content-Length", "0")
        if 300 <= self.server.answer < 400:
            self.send_header("Location", self.server.url)
        self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("nobody asks")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the time of a test."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.wait.set()
            server.shutdown()
            thread.join()
