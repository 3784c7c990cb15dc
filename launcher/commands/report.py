"""`python -m launcher report`: writes every table and the analysis again, from the ledger and the run folders.

It runs nothing: for a launcher that was killed between a sweep's end and its tables, or for files that were deleted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from launcher.database import database_with_sweeps
from launcher.report.analysis import write_analysis
from launcher.report.reading import registered
from launcher.report.sweep_files import write_sweep_results
from trainer.contract.command_line import say
from trainer.contract.config.settings import load_config
from trainer.contract.errors import SweepChangedError, UserError, suggest
from trainer.contract.ledger import Ledger
from trainer.contract.paths.outputs import OutputsRoot


def report(args: argparse.Namespace) -> None:
    """`launcher report`.

    Raises:
        UserError: when the outputs root has no sweeps, or not the one that was asked for.
    """
    outputs = OutputsRoot(Path(load_config(args.config, args.set).paths.outputs))
    with database_with_sweeps(outputs) as url, Ledger(url) as ledger:
        ledger.prepare()
        known = registered(ledger, outputs)
        if not known:
            raise UserError(
                f"{outputs.root}: the ledger has no sweeps of this outputs root (--set paths.outputs=FOLDER)"
            )
        if args.batch_id is not None and args.batch_id not in known:
            raise UserError(
                f"--batch-id {args.batch_id}: no such sweep in {outputs.root}: {suggest(args.batch_id, known)}"
            )
        for batch_id in [args.batch_id] if args.batch_id else known:
            try:
                write_sweep_results(ledger, batch_id, outputs)
            except SweepChangedError as error:
                if args.batch_id:
                    raise
                say(f"left out: {error}")
                continue
            say(str(outputs.sweep(batch_id).folder))
        say(str(write_analysis(ledger, known, outputs, say)))
