"""`truestrength db …`: the embedded PostgreSQL from the command line, and backups of any database of ours."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from truestrength.launcher.database import (
    PROJECT,
    connections_of_others,
    database_for_command,
    database_with_sweeps,
    named_root,
)
from truestrength.launcher.postgres import backup as backups
from truestrength.launcher.postgres import server
from truestrength.launcher.report.folders import run_folders
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.errors import ConfigError, DatabaseError
from truestrength.trainer.contract.files import as_json
from truestrength.trainer.contract.ledger import Ledger, roots
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths


def up(args: argparse.Namespace) -> None:
    """`truestrength db up`."""
    started = server.up(Path(), listen=args.listen)
    say(f"PostgreSQL is up: {url_text.redact(started)}")
    if args.listen:
        say(
            f"Jobs on other machines find the database of their outputs root by its file in "
            f"{EmbeddedServerPaths.of(Path()).urls} (mode 600) on a shared file system, and know the server by its "
            "certificate beside it. Everything crosses the network by TLS."
        )


def down(_: argparse.Namespace) -> None:
    """`truestrength db down`."""
    in_use = _in_use()
    ran = server.down(Path())
    say("PostgreSQL is down." if ran else "PostgreSQL was not running.")
    if in_use:
        say(f"{in_use} connections were using it; plans and workers wait ten minutes for `truestrength db up`.")


def _in_use() -> int | None:
    """Connections of plans and workers to the running server; None when it does not say."""
    with suppress(DatabaseError):
        if server.status(Path()).running:
            return connections_of_others()
    return 0


def status(args: argparse.Namespace) -> None:
    """`truestrength db status`."""
    found = server.status(Path())
    if args.json:
        say(as_json({**asdict(found), "data": str(found.data), "log": str(found.log)}).decode().rstrip())
        return
    say(f"PostgreSQL is {'up: ' + found.url if found.running else 'down.'}")
    say(f"data: {found.data}")
    say(f"log:  {found.log}")


def url(args: argparse.Namespace) -> None:
    """`truestrength db url`."""
    outputs = named_root(args.outputs)
    found = address.database_url() if address.configured() else server.url(Path(), outputs)
    say(url_text.sqlalchemy_url(found) if args.sqlalchemy else found)


def backup(args: argparse.Namespace) -> None:
    """`truestrength db backup`."""
    with database_with_sweeps(named_root(args.outputs)) as found:
        backups.backup(found, args.file)
        with Ledger(found) as ledger:
            n_sweeps = len(ledger.all_progress())
    say(f"{args.file}: {n_sweeps} sweeps and their studies; only you can read it")


def restore(args: argparse.Namespace) -> None:
    """`truestrength db restore`."""
    with _restored(named_root(args.outputs)) as found:
        backups.restore(found, args.file, replace=args.replace)
        with Ledger(found) as ledger:
            say(f"{args.file}: restored, {len(ledger.all_progress())} sweeps. Run ids go on after the highest folder.")
            for known in ledger.outputs_roots():
                if roots.is_root(Path(known.path), known.root_id):
                    for said in run_folders(ledger, OutputsRoot(Path(known.path))).sentences():
                        say(f"{known.path}: {said}")


def _restored(outputs: OutputsRoot | None) -> AbstractContextManager[str]:
    """The database to restore: the one that is there, or a new one of an outputs root.

    Raises:
        ConfigError: neither is known.
    """
    if outputs is not None:
        return database_for_command(outputs, partial(say, aside=True))
    if not address.configured() and not EmbeddedServerPaths.of(PROJECT).data.exists():
        raise ConfigError(
            "no database here yet, and which outputs root the backup is of is not known: --outputs DIR names it, "
            "or set DATABASE_URL"
        )
    return database_with_sweeps()
