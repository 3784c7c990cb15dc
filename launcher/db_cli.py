"""`python -m launcher db up|down|status|url`: the embedded PostgreSQL from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from launcher import embedded_postgres
from trainer.contract import database
from trainer.contract.errors import DatabaseError
from trainer.contract.paths import EmbeddedServerPaths

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
    commands.add_parser("url", help="print the database's URL, password included").set_defaults(handler=_url)


def _up(args: argparse.Namespace) -> None:
    url = embedded_postgres.up(Path(), listen=args.listen)
    _say(f"PostgreSQL is up: {database.redact(url)}")
    if args.listen:
        _say(
            f"Workers on other machines find it by DATABASE_URL_FILE={EmbeddedServerPaths.of(Path()).url} (mode 600) "
            "on a shared file system. Passwords cross the network as SCRAM proofs only; the data is not encrypted."
        )


def _down(_: argparse.Namespace) -> None:
    ran = embedded_postgres.down(Path())
    _say("PostgreSQL is down." if ran else "PostgreSQL was not running.")


def _status(_: argparse.Namespace) -> None:
    found = embedded_postgres.status(Path())
    _say(f"PostgreSQL is {'up: ' + found.url if found.running else 'down.'}")
    _say(f"data: {found.data}")
    _say(f"log:  {found.log}")


def _url(_: argparse.Namespace) -> None:
    try:
        _say(database.database_url())
    except DatabaseError:
        _say(embedded_postgres.url(Path()))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
