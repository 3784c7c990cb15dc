"""`truestrength report|compare`: tables and the analysis again; finished runs side by side.

`report` writes everything from the ledger and the run folders. It runs nothing: for a launcher that was killed between
a sweep's end and its tables, or for files that were deleted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from truestrength.launcher import trainer_commands
from truestrength.launcher.commands.outputs import ledger_of
from truestrength.launcher.report.analysis import verdict_of, write_analysis
from truestrength.launcher.report.reading import registered
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.errors import DatabaseError, SweepChangedError, UserError, suggest
from truestrength.trainer.contract.ledger import Ledger, roots
from truestrength.trainer.contract.paths.outputs import OutputsRoot


def compare(args: argparse.Namespace) -> int:
    """`truestrength compare`: the trainer computes and prints it; its exit code is the command's."""
    words = trainer_commands.compare(args.run, args.outputs, args.data, json=args.json)
    return subprocess.run([sys.executable, *words], check=False).returncode


def report(args: argparse.Namespace) -> None:
    """`truestrength report`.

    Raises:
        UserError: when the outputs root has no sweeps, or not the one that was asked for, or which one is not clear.
    """
    chosen = OutputsRoot(args.outputs) if args.outputs else None
    try:
        _report(chosen, args.batch_id)
    except DatabaseError as error:
        raise type(error)(f"{error}{_tables(chosen) if chosen else ''}") from None


def _report(chosen: OutputsRoot | None, only: str | None) -> None:
    with ledger_of(chosen) as ledger:
        ledger.prepare()
        outputs = chosen or _known_root(ledger)
        known = registered(ledger, outputs)
        if not known:
            raise DatabaseError(f"{outputs.root}: the ledger has no sweeps of this outputs root (--outputs DIR).")
        if only is not None and only not in known:
            raise UserError(f"{only}: no such sweep in {outputs.root}: {suggest(only, known)}")
        for batch_id in [only] if only else known:
            try:
                write_sweep_results(ledger, batch_id, outputs)
            except SweepChangedError as error:
                if only:
                    raise
                say(f"left out: {error}")
                continue
            say(str(outputs.sweep(batch_id).folder))
        say(str(write_analysis(ledger, known, outputs, say)))
        say(str(outputs.page))
        say(f"\n{verdict_of(outputs)}")


def _known_root(ledger: Ledger) -> OutputsRoot:
    """The outputs root that a database is of: that of the last plan, or the only one.

    Raises:
        DatabaseError: none of its sweeps' outputs roots is on this machine.
        UserError: several are.
    """
    here = [Path(known.path) for known in ledger.outputs_roots() if roots.is_root(Path(known.path), known.root_id)]
    if not here:
        raise DatabaseError("the ledger knows no outputs root that is here: name its folder with --outputs DIR.")
    if len(here) > 1:
        raise UserError(f"this database has sweeps of several outputs roots: --outputs {'|'.join(map(str, here))}")
    return OutputsRoot(here[0])


def _tables(outputs: OutputsRoot) -> str:
    """Which tables there are all the same."""
    there = [name for name in outputs.sweep_names() if outputs.sweep(name).results.exists()]
    if not there:
        return ""
    return f" Tables of an earlier report are in {outputs.sweeps} and stay as they are: {', '.join(there)}."
