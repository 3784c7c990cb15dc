"""`python -m launcher report`: writes every table and the analysis again, from the ledger and the run folders.

It runs nothing: for a launcher that was killed between a sweep's end and its tables, or for files that were deleted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from launcher.commands.outputs import ledger_of
from launcher.report.analysis import write_analysis
from launcher.report.reading import registered
from launcher.report.sweep_files import write_sweep_results
from trainer.contract.command_line import say
from trainer.contract.config.settings import load_config
from trainer.contract.errors import DatabaseError, SweepChangedError, UserError, suggest
from trainer.contract.paths.outputs import OutputsRoot


def report(args: argparse.Namespace) -> None:
    """`launcher report`.

    Raises:
        UserError: when the outputs root has no sweeps, or not the one that was asked for.
    """
    outputs = OutputsRoot(args.outputs or Path(load_config(args.config, args.set).paths.outputs))
    try:
        _report(outputs, args.batch_id)
    except DatabaseError as error:
        raise DatabaseError(f"{error}{_tables(outputs)}") from None


def _report(outputs: OutputsRoot, only: str | None) -> None:
    with ledger_of(outputs) as ledger:
        ledger.prepare()
        known = registered(ledger, outputs)
        if not known:
            raise DatabaseError(
                f"{outputs.root}: the ledger has no sweeps of this outputs root (--set paths.outputs=FOLDER)."
            )
        if only is not None and only not in known:
            raise UserError(f"--batch-id {only}: no such sweep in {outputs.root}: {suggest(only, known)}")
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


def _tables(outputs: OutputsRoot) -> str:
    """Which tables there are all the same."""
    there = [name for name in outputs.sweep_names() if outputs.sweep(name).results.exists()]
    if not there:
        return ""
    return f" Tables of an earlier report are in {outputs.sweeps} and stay as they are: {', '.join(there)}."
