"""`python -m benchmarks.ledger`: what the ledger costs, by the number of workers and by the size of the study.

`claims/s` is the bare ledger: claim and finish a slot. The other columns are whole null trials: claim, proposal
(the start design, then TPE), run id, study, result. How to read it: `first` and `last` are wall milliseconds per trial
in the first and last tenth of a sweep (without the start design); they must not differ, however long the sweep. With
--statements, what is sent to PostgreSQL per trial, in the smallest and the largest sweep.

Workers are forked after their imports, and wall times depend on how many cores they share; statements do not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.null_sweep import null_spec
from benchmarks.pace import growth, read_marks
from benchmarks.process_tree import measure
from benchmarks.setting import fresh_folder, heading, running_database, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database.address import URL_VARIABLE
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.start_slots import START_SLOTS

WORKERS = (1, 4, 16, 64)
TRIALS = (100, 1000, 10_000)
MOST_STATEMENTS = 14


@dataclass(frozen=True)
class Measured:
    """One sweep of null trials."""

    workers: int
    trials: int
    claims_per_s: float
    seconds: float
    """From the first trial to the last."""
    cpu_s: float
    """Of the workers."""
    first_ms: float
    last_ms: float
    statements: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Per trial: how many, and milliseconds, by the statement's head."""

    def row(self) -> list[object]:
        """For the table."""
        per_trial = 1000 / self.trials
        sent = sum(count for count, _ in self.statements.values())
        waited = sum(ms for _, ms in self.statements.values())
        pace = [self.claims_per_s, self.trials / self.seconds, self.seconds * per_trial, self.cpu_s * per_trial]
        return [
            self.workers,
            self.trials,
            *pace,
            sent,
            waited,
            self.first_ms,
            self.last_ms,
            self.last_ms / self.first_ms,
        ]


HEADER = (
    *("workers", "trials", "claims/s", "trials/s", "ms/trial", "worker CPU ms/trial"),
    *("statements/trial", "waiting for SQL, ms/trial", "first ms", "last ms", "last/first"),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.ledger", description=__doc__)
    top.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N", help="(1 4 16 64)")
    top.add_argument("--trials", type=int, nargs="+", default=TRIALS, metavar="N", help="(100 1000 10000)")
    top.add_argument("--at-trials", type=int, default=1000, metavar="N", help="while workers vary (1000)")
    top.add_argument("--at-workers", type=int, default=4, metavar="N", help="while trials vary (4)")
    top.add_argument("--statements", action="store_true", help="print the statements")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    print(heading("The ledger, with trials that do nothing"))
    with fresh_folder() as folder, running_database(folder / "postgres") as url:
        by_workers = [_measured(folder, url, workers, args.at_trials) for workers in args.workers]
        show("by workers", HEADER, [found.row() for found in by_workers])
        by_trials = [_measured(folder, url, args.at_workers, trials) for trials in sorted(args.trials)]
        show("by the size of the study", HEADER, [found.row() for found in by_trials])
    if args.statements:
        show("SQL per trial: smallest and largest study", STATEMENTS, statement_rows(by_trials[0], by_trials[-1]))


STATEMENTS = ("statement", "n", "n", "ms", "ms")


def statement_rows(small: Measured, large: Measured) -> list[list[object]]:
    """Statements by what they cost in the large sweep, beside the small one."""
    nothing = (0.0, 0.0)
    order = sorted(large.statements, key=lambda head: -large.statements[head][1])[:MOST_STATEMENTS]
    pairs = [(head, small.statements.get(head, nothing), large.statements[head]) for head in order]
    return [[head, before[0], after[0], before[1], after[1]] for head, before, after in pairs]


def _measured(folder: Path, url: str, workers: int, trials: int) -> Measured:
    place = folder / f"{workers}x{trials}_{time.monotonic_ns()}"
    place.mkdir()
    bare = _sweep(place / "bare", url, workers, trials, "--bare")
    whole = _sweep(place / "whole", url, workers, trials, "--statements", str(place))
    marks = read_marks(whole.marks)
    bare_marks = read_marks(bare.marks)
    assert len(marks) == len(bare_marks) == trials
    first, last = growth(marks, START_SLOTS)
    statements: dict[str, tuple[float, float]] = {}
    for file in place.glob("*.json"):
        for head, (count, seconds) in json.loads(file.read_text()).items():
            before = statements.get(head, (0.0, 0.0))
            statements[head] = (before[0] + count / trials, before[1] + 1000 * seconds / trials)
    return Measured(
        workers=workers,
        trials=trials,
        claims_per_s=(trials - 1) / (bare_marks[-1] - bare_marks[0]),
        seconds=marks[-1] - marks[0],
        cpu_s=whole.cpu_s,
        first_ms=first,
        last_ms=last,
        statements=statements,
    )


@dataclass(frozen=True)
class _Swept:
    marks: Path
    cpu_s: float


def _sweep(place: Path, url: str, workers: int, trials: int, *flags: str) -> _Swept:
    place.mkdir()
    outputs, marks, batch_id = place / "outputs", place / "marks", f"{place.parent.name}_{place.name}"
    with Ledger(url) as ledger:
        ledger.register(null_spec(batch_id, trials, outputs), OutputsRoot(outputs))
    command = [sys.executable, "-m", "benchmarks.null_worker", batch_id, str(marks), "--processes", str(workers)]
    usage = measure([*command, *flags], {URL_VARIABLE: url, "OMP_NUM_THREADS": "1"}, place / "log.txt")
    return _Swept(marks, usage.cpu_s)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
