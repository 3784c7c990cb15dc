"""`python -m launcher db up|down|status|url`: the embedded PostgreSQL from the command line."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path

from launcher.database import connections_of_others, named_root
from launcher.postgres import server
from trainer.contract.command_line import say
from trainer.contract.database import address
from trainer.contract.database import url as url_text
from trainer.contract.errors import DatabaseError
from trainer.contract.paths.server import EmbeddedServerPaths


def up(args: argparse.Namespace) -> None:
    """`launcher db up`."""
    started = server.up(Path(), listen=args.listen)
    say(f"PostgreSQL is up: {url_text.redact(started)}")
    if args.listen:
        say(
            f"Jobs on other machines find the database of their outputs root by its file in "
            f"{EmbeddedServerPaths.of(Path()).urls} (mode 600) on a shared file system, and know the server by its "
            "certificate beside it. Everything crosses the network by TLS."
        )


def down(_: argparse.Namespace) -> None:
    """`launcher db down`."""
    in_use = _in_use()
    ran = server.down(Path())
    say("PostgreSQL is down." if ran else "PostgreSQL was not running.")
    if in_use:
        say(f"{in_use} connections were using it; plans and workers wait ten minutes for `python -m launcher db up`.")


def _in_use() -> int | None:
    """Connections of plans and workers to the running server; None when it does not say."""
    with suppress(DatabaseError):
        if server.status(Path()).running:
            return connections_of_others()
    return 0


def status(_: argparse.Namespace) -> None:
    """`launcher db status`."""
    found = server.status(Path())
    say(f"PostgreSQL is {'up: ' + found.url if found.running else 'down.'}")
    say(f"data: {found.data}")
    say(f"log:  {found.log}")


def url(args: argparse.Namespace) -> None:
    """`launcher db url`."""
    outputs = named_root(args.outputs)
    found = address.database_url() if address.configured() else server.url(Path(), outputs)
    say(url_text.sqlalchemy_url(found) if args.sqlalchemy else found)
