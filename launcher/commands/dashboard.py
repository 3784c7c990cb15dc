"""`truestrength dashboard`: optuna-dashboard on the ledger's database, on this machine only, to look at.

Surprising: optuna-dashboard can delete studies and tell trials, and asks nobody. So every session of it is read-only,
which the server holds, and requests that would change something are answered before they reach it.
"""

from __future__ import annotations

import argparse
import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from truestrength.launcher.database import database_with_sweeps, named_root
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.errors import UserError

HOST = "127.0.0.1"
_LOOKS = {"GET", "HEAD"}

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def dashboard(args: argparse.Namespace) -> None:
    """`truestrength dashboard`, until Ctrl-C.

    Raises:
        UserError: optuna-dashboard is not installed, or the port is taken.
    """
    try:
        import optuna_dashboard  # noqa: PLC0415 - not everybody has it
    except ImportError:
        raise UserError(
            "optuna-dashboard is not installed. `python -m pip install --constraint constraints.txt optuna-dashboard` "
            "installs it into the active environment"
        ) from None
    with database_with_sweeps(named_root(args.outputs)) as found, read_only(found) as storage:
        serve(looking(optuna_dashboard.wsgi(storage)), args.port)


@contextmanager
def read_only(url: str) -> Iterator[Any]:
    """Optuna's storage in a database, in sessions that can only read. At the end no connection of it is left open."""
    from optuna.storages import RDBStorage  # noqa: PLC0415 - as above

    sessions = {"connect_args": {"options": "-c default_transaction_read_only=on"}}
    storage = RDBStorage(
        url_text.sqlalchemy_url(url), engine_kwargs=sessions, skip_table_creation=True, skip_compatibility_check=True
    )
    try:
        yield storage
    finally:
        storage.engine.dispose()


def looking(application: Application) -> Application:
    """The same web application, without all that changes anything."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in _LOOKS:
            return application(environ, start)
        start("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "this dashboard only shows: studies belong to their sweeps (truestrength forget, retry)"}']

    return answer


def serve(application: Application, port: int) -> None:
    """Serve on this machine only.

    Raises:
        UserError: the port is taken, or not to be had.
    """
    try:
        server = make_server(HOST, port, application, handler_class=_Silent)
    except (OSError, OverflowError) as error:
        reason = "is taken" if getattr(error, "errno", None) == errno.EADDRINUSE else f"cannot be used ({error})"
        raise UserError(f"--port {port}: {reason}. Name another one, or 0 for any that is free") from None
    with server:
        say(f"http://{HOST}:{server.server_port}/ shows all studies, until Ctrl-C; nothing can be changed there")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("closed", aside=True)


class _Silent(WSGIRequestHandler):
    """Writes no line for every request."""

    def log_message(self, *_: Any) -> None:
        pass
