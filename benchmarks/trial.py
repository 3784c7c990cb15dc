"""`python -m benchmarks.trial`: one training run by `truestrength train`: cold, warm, prefixes and repeated.

cold: nothing is cached. warm: the batches are. prefixes: the models are, too, as for a trial with parameters of its own
between those of others. repeated: the results are, as for a trial that another objective's sweep had before. Each run
is a new process, so `outside` has its start-up (imports, database) and the run's folder in it; a sweep's worker starts
once. How to read it: a trial of a sweep costs what its line says without its start-up; stages are wall seconds.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import msgspec

from benchmarks.process_tree import measure
from benchmarks.setting import CONFIG, fresh_folder, heading, running_database, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database.address import URL_VARIABLE
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.contract.records.metrics import RunMetrics

MODELS = ("model_a", "model_b", "model_c")
STAGES = ("batches", "references", *MODELS, "stack", "evaluation", "title_odds", "results")
KEPT = {
    "cold": (),
    "warm": ("batches",),
    "prefixes": ("batches", *MODELS),
    "repeated": ("batches", *MODELS, "results"),
}
"""Stages that are in the store, by trial."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.trial", description=__doc__)
    top.add_argument("--data", type=Path, default=Path("data/demo"), help="league folder (data/demo)")
    top.add_argument("--threads", type=int, default=1, help="CPU threads of the run (1)")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    print(heading(f"One trial on {args.data}, {args.threads} threads"))
    rows = []
    with fresh_folder() as folder, running_database(folder / "postgres") as url:
        cache, outputs = StorePaths(folder / "cache"), OutputsRoot(folder / "outputs")
        settings = [f"paths.data={args.data}", f"paths.batch_cache={cache.root}", f"paths.outputs={outputs.root}"]
        words = [word for text in [*settings, *args.set] for word in ("--set", text)]
        command = [sys.executable, "-m", "trainer", "run", "--config", str(CONFIG), "--threads", str(args.threads)]
        for number, (name, kept) in enumerate(KEPT.items(), start=1):
            for stage in {path.parent for path, _ in cache.entries()} - {cache.stage(name) for name in kept}:
                shutil.rmtree(stage)
            usage = measure([*command, *words], {URL_VARIABLE: url}, folder / "log.txt")
            metrics = outputs.lone_run(24 + number).metrics
            seconds = msgspec.json.decode(metrics.read_bytes(), type=RunMetrics).seconds
            outside = usage.wall_s - sum(seconds.values())
            rows.append([name, usage.cpu_s, usage.wall_s, *(seconds.get(stage) for stage in STAGES), outside])
    show("seconds", ["trial", "CPU", "wall", *STAGES, "outside"], rows)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
