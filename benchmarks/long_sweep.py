"""`python -m benchmarks.long_sweep`: what a sweep of many trials costs to look at, and to go on with.

The sweep's trials are written straight into the ledger and told to the study as workers tell it; each has a run folder
with metrics of the size of a real run. Then a worker does a few more null trials, and `status` and `report` are run as
a user runs them. How to read it: what is given for a trial must be about the same in all columns.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.null_sweep import null_spec
from benchmarks.null_worker import work
from benchmarks.orchestration import server_cpu_s
from benchmarks.process_tree import measure
from benchmarks.setting import fresh_folder, heading, running_database, show
from benchmarks.sql_count import counted
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database.address import URL_VARIABLE
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.files import as_json
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import BASELINES, MODELS, THIRDS, RunMetrics, Scores, Table
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.search.proposals import random_point

BATCH = "long"
HEADER = ("what", "unit")
PUT = """
WITH given AS (
    SELECT * FROM json_to_recordset(%(trials)s) AS t (slot int, run_id bigint, parameters jsonb, value float8)
), done AS (
    UPDATE truestrength.slots SET state = 'reported', attempt = 1, parameters = given.parameters
    FROM given WHERE slots.batch_id = %(batch_id)s AND slots.slot = given.slot
)
INSERT INTO truestrength.attempts
    (batch_id, slot, attempt, state, run_id, parameters, value, objectives, seconds, started_at, finished_at)
SELECT %(batch_id)s, slot, 1, 'complete', run_id, parameters, value, '{}', 1.0,
       clock_timestamp() - interval '1 day' + slot * interval '1 s', clock_timestamp() - interval '1 day'
       + (slot + 1) * interval '1 s'
FROM given
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.long_sweep", description=__doc__)
    top.add_argument("--trials", type=int, nargs="+", default=[100, 10_000], metavar="N", help="(100 10000)")
    top.add_argument("--more", type=int, default=100, metavar="N", help="null trials at the end (100)")
    top.add_argument("--without", nargs="*", default=[], choices=("status", "report"), help="what to leave out")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print, a column for each size."""
    print(heading("A sweep of many trials"))
    columns = [_measured(n_trials, args.more, args.without) for n_trials in args.trials]
    names = list(columns[0])
    rows = [[*name, *(column[name] for column in columns)] for name in names]
    show("by the number of trials", (*HEADER, *map(str, args.trials)), rows)


def long_sweep(ledger: Ledger, n_done: int, n_trials: int, outputs: Path) -> SweepSpec:
    """Register a null sweep of `n_trials`, of which the first `n_done` are done and told."""
    spec, root = null_spec(BATCH, n_trials, outputs), OutputsRoot(outputs)
    ledger.register(spec, root)
    dice = random.Random(7)
    given = [
        {"slot": i, "run_id": 25 + i, "parameters": random_point(spec, i), "value": dice.random()}
        for i in range(n_done)
    ]
    with connected(ledger.url) as session:
        execute(session, PUT, {"batch_id": BATCH, "trials": json.dumps(given)})
        execute(session, "ANALYZE")
    for trial in given:
        run = root.sweep(BATCH).run(25 + int(str(trial["slot"])))
        run.folder.mkdir(parents=True)
        run.metrics.write_bytes(as_json(_metrics(dice)))
    ledger.register(spec, root)  # run ids go on after the folders, and the study is told
    return spec


def _metrics(dice: random.Random) -> RunMetrics:
    """Of the size of a run's on a real league, with figures by chance."""

    def table(names: Sequence[str]) -> Table:
        return {name: Scores(*(dice.random() for _ in Objective)) for name in names}

    rankers = (*MODELS, *BASELINES)
    return RunMetrics(
        target=Target.FINAL_RANK,
        seasons=("2023-24",),
        n_dates=150,
        models=table(MODELS),
        baselines=table(BASELINES),
        by_conference={name: table(rankers) for name in ("East", "West")},
        by_third={third: table(rankers) for third in THIRDS},
        stack_weights={name: dice.random() for name in MODELS},
        stack_without=table(MODELS),
    )


def _measured(n_trials: int, more: int, without: Sequence[str]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    with fresh_folder() as folder, running_database(folder / "postgres") as url:
        outputs = folder / "outputs"
        with Ledger(url) as ledger:
            began = time.monotonic()
            long_sweep(ledger, n_trials - more, n_trials, outputs)
            found["telling all to a new study", "s"] = time.monotonic() - began
        before, cpu_s = server_cpu_s(url), time.process_time()
        with counted() as statements:
            work(url, BATCH, folder / "marks")
        found["statements a trial", ""] = sum(count for count, _ in statements.values()) / more
        found["server CPU a trial", "ms"] = 1000 * (server_cpu_s(url) - before) / more
        found["worker CPU a trial", "ms"] = 1000 * (time.process_time() - cpu_s) / more
        for words in (["status"], ["report", "--outputs", str(outputs)]):
            if words[0] not in without:
                command = [sys.executable, "-m", "launcher", *words]
                usage = measure(command, {URL_VARIABLE: url}, folder / f"{words[0]}.txt")
                found[f"launcher {words[0]}, wall", "s"] = usage.wall_s
                found[f"launcher {words[0]}, CPU", "s"] = usage.cpu_s
    return found


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
