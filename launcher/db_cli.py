"""`python -m launcher db up|down|status|url`: the embedded PostgreSQL from the command line."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from launcher import embedded_postgres
from launcher.server import connections_of_others, named_root
from trainer.contract import database
from trainer.contract.errors import DatabaseError
from trainer.contract.paths import EmbeddedServerPaths
from trainer.contract.user_paths import path

Subparsers = argparse._SubParsersAction


def add_db_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add `db` with its four commands; each sets `handler`, a function of the parsed arguments."""
    group = subparsers.add_parser("db", help="the embedded PostgreSQL server, in .postgres/")
    commands = group.add_subparsers(dest="db_command", required=True, metavar="up|down|status|url")
    up = commands.add_parser("up", help="start it unless it runs")
    up.add_argument(
        "--listen",
        nargs="?",
        const=True,
        default=False,
        metavar="ADDRESS",
        help="accept connections from other machines, on every interface or on one address",
    )
    up.set_defaults(handler=_up)
    commands.add_parser("down", help="stop it").set_defaults(handler=_down)
    commands.add_parser("status", help="say whether it runs").set_defaults(handler=_status)
    url = commands.add_parser("url", help="print the database's URL, password included")
    url.add_argument("--outputs", type=path, metavar="DIR", help="of this outputs root (default: the last plan's)")
    url.set_defaults(handler=_url)


def _up(args: argparse.Namespace) -> None:
    url = embedded_postgres.up(Path(), listen=args.listen)
    _say(f"PostgreSQL is up: {database.redact(url)}")
    if args.listen:
        _say(
            f"Jobs on other machines find the database of their outputs root by its file in "
            f"{EmbeddedServerPaths.of(Path()).urls} (mode 600) on a shared file system. Passwords cross the network as "
            "SCRAM proofs only; the data is not encrypted."
        )


def _down(_: argparse.Namespace) -> None:
    in_use = _in_use()
    ran = embedded_postgres.down(Path())
    _say("PostgreSQL is down." if ran else "PostgreSQL was not running.")
    if in_use:
        _say(f"{in_use} connections were using it; plans and workers wait ten minutes for `python -m launcher db up`.")


def _in_use() -> int:
    """Connections of plans and workers to the running server."""
    with suppress(DatabaseError):
        if embedded_postgres.status(Path()).running:
            return connections_of_others(embedded_postgres.url(Path()))
    return 0


def _status(_: argparse.Namespace) -> None:
    found = embedded_postgres.status(Path())
    _say(f"PostgreSQL is {'up: ' + found.url if found.running else 'down.'}")
    _say(f"data: {found.data}")
    _say(f"log:  {found.log}")


def _url(args: argparse.Namespace) -> None:
    outputs = named_root(args.outputs)
    _say(database.database_url() if database.configured() else embedded_postgres.url(Path(), outputs))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
