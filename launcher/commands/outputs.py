"""`truestrength outputs adopt|separate`: which database an outputs root belongs to, where that is to be said."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from truestrength.launcher.database import database_for_command, database_with_sweeps
from truestrength.launcher.report.reading import registered
from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.database import address, patience
from truestrength.trainer.contract.errors import ConfigError, UserError
from truestrength.trainer.contract.ledger import Ledger, roots
from truestrength.trainer.contract.paths.outputs import OutputsRoot


def adopt(args: argparse.Namespace) -> None:
    """`truestrength outputs adopt`.

    Raises:
        UserError: workers are at one of its sweeps.
    """
    outputs = _root(args)
    with database_for_command(outputs, partial(say, aside=True)) as url, Ledger(url) as ledger:
        ledger.prepare()
        here = registered(ledger, outputs)
        if busy := [now.batch_id for now in ledger.all_progress() if now.batch_id in here and now.live_workers]:
            raise UserError(f"workers are at {', '.join(busy)}: `truestrength cancel` first")
        roots.adopt(ledger.connection, outputs)
        known = f"{len(here)} of its sweeps" if here else "none of its sweeps"
        say(
            f"{outputs.root.absolute()} belongs to this database now, which knows {known}. The command that started "
            "a sweep goes on here; rows of runs that the database does not know are kept in the tables."
        )


def separate(args: argparse.Namespace) -> None:
    """`truestrength outputs separate`.

    Raises:
        UserError: it is no copy.
    """
    outputs = _root(args)
    with database_with_sweeps(None if address.configured() else outputs) as url, Ledger(url) as ledger:
        original = roots.copied_from(ledger.connection, outputs)
    if original is None:
        raise UserError(f"{outputs.root}: is no copy of an outputs root that this database knows: nothing to separate")
    outputs_root.separate(outputs)
    say(
        f"{outputs.root.absolute()} is an outputs root of its own now, and {original} goes on as before. The runs in "
        "it stay; the next plan here begins with sweeps of its own."
    )


@contextmanager
def ledger_of(outputs: OutputsRoot | None, patience_s: float | None = None) -> Iterator[Ledger]:
    """The ledger of a database to look at or to steer sweeps in.

    Args:
        outputs: whose database, on the embedded server; None: the current one.
        patience_s: how long a server that is away is waited for; None: as long as workers wait.

    Raises:
        ConfigError: the root is a copy, or belongs to another database.
    """
    patience_s = patience.PATIENCE_S if patience_s is None else patience_s
    with database_with_sweeps(outputs, patience_s) as url, Ledger(url, patience_s) as ledger:
        if outputs is not None:
            roots.check(ledger.connection, outputs)
        yield ledger


def _root(args: argparse.Namespace) -> OutputsRoot:
    outputs = OutputsRoot(args.outputs)
    if not outputs.identity.exists():
        raise ConfigError(f"{outputs.root}: is no outputs root: {outputs.identity.name} is not in it")
    return outputs
