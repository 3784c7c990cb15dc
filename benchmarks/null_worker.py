"""A worker whose trials do nothing: `python -m benchmarks.null_worker BATCH MARKS`, for what is around a trial.

It does what `trainer work` does around its trials. With --processes it forks after its imports, so that 64 workers do
not pay them 64 times; with --statements each process leaves a JSON file of the SQL that it sent, counted where the
driver sends it; with --bare it claims and finishes slots without a search and without a study.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from benchmarks.forks import in_processes
from benchmarks.peers.null_trial import null_trial
from benchmarks.sql_count import counted
from truestrength.trainer.contract import process
from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import LEASE_S, Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.search import proposals  # noqa: F401 - before the forks
from truestrength.trainer.worker.drain import TrialJob, TrialOutcome, drain
from truestrength.trainer.worker.forks import serve


def nothing() -> None:
    """All is imported already, and nothing of it needs to be tried out."""


def work(url: str, batch_id: str, marks: Path, *, bare: bool = False) -> None:
    """Run slots until none is left."""

    def run(job: TrialJob) -> TrialOutcome:
        value = null_trial(job.config.model_b.learning_rate, str(marks))
        sweep = OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id)
        sweep.run(job.run_id).folder.mkdir(parents=True)  # a complete run without a folder is said to be gone
        return TrialOutcome(value, dict.fromkeys(Objective, value))

    with Ledger(url) as ledger:
        worker = ledger.start_worker(batch_id, process.host(), os.getpid(), process.job_id(), LEASE_S)
        if bare:
            _drain_bare(ledger, batch_id, worker, marks)
        else:
            drain(ledger, batch_id, worker, run, threading.Event())
        ledger.stop_worker(worker, "no slots left")


def _drain_bare(ledger: Ledger, batch_id: str, worker: int, marks: Path) -> None:
    while claim := ledger.claim(batch_id, worker):
        ledger.finish(claim, null_trial(0.0, str(marks)), 0.0)


def main(arguments: Sequence[str]) -> int:
    """Run the workers; the exit code is not 0 when one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.null_worker", description=__doc__)
    parser.add_argument("batch_id")
    parser.add_argument("marks", type=Path)
    parser.add_argument("--processes", type=int)
    parser.add_argument("--forks", type=Path, metavar="FOLDER", help="as the trainer's own worker")
    parser.add_argument("--statements", type=Path, metavar="FOLDER")
    parser.add_argument("--bare", action="store_true")
    args = parser.parse_args(arguments)
    count = args.statements is not None

    def one() -> int:
        counting: AbstractContextManager[dict[str, Any]] = counted() if count else nullcontext({})
        with counting as found:
            work(database_url(), args.batch_id, args.marks, bare=args.bare)
        if count:
            (args.statements / f"{os.getpid()}.json").write_text(json.dumps(found))
        return 0

    if args.forks:
        return serve(args.forks, lambda _: one(), nothing, nothing)
    return in_processes([one] * args.processes) if args.processes else one()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
