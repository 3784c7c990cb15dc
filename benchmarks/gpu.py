"""`python -m benchmarks.gpu`: a trial with AMP and without, model A's fits in one batched training or one by one.

For a machine with CUDA; elsewhere it says so and ends with exit code 2, and `--device cpu` measures the CPU instead
(`auto` there is bf16 where the CPU has units for it, else off). Every figure is the second of two trainings, so that
kernels are loaded. How to read it: `model A` is the training of all fits to the config's epochs; `trial` adds the other
stages, which run on the CPU whatever the device is and are measured once.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.setting import CONFIG, fresh_folder, heading, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.seasons import split_seasons
from truestrength.trainer.features.lists import choose_lists
from truestrength.trainer.models import settings
from truestrength.trainer.models.fits import Fits, Task, plan_fits
from truestrength.trainer.models.precision import Precision, choose_precision
from truestrength.trainer.run import pipeline
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.gpu", description=__doc__)
    top.add_argument("--data", type=Path, default=Path("data/demo"), help="league folder (data/demo)")
    top.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="(cuda)")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    try:
        precisions = {amp: choose_precision(amp, args.device) for amp in ("off", "auto")}
    except ConfigError as error:
        raise ConfigError(f"{error}; or measure the CPU with --device cpu") from None
    print(heading(f"A trial on {args.data}, {_device_name(args.device)}"), flush=True)
    with fresh_folder() as folder:
        config = load_config(CONFIG, [f"paths.data={args.data}", f"training.device={args.device}", *args.set])
        store = Store(folder / "cache")
        seconds = pipeline.train(config, args.data, store, share=False).metrics.seconds
        task = task_of(config, args.data, store)
    rest = sum(s for stage, s in seconds.items() if stage not in {"model_a", "batches"})
    rows = []
    for amp, precision in precisions.items():
        for name, tasks in (("all fits at once", [task]), ("one after another", one_by_one(task))):
            model_a = _second_of_two(lambda t=tasks, p=precision: _train(t, config, p))  # type: ignore[misc]
            rows.append([f"{amp} ({precision.name})", name, model_a, model_a + rest])
    slowest = max(float(str(row[2])) for row in rows)
    table = [[*row, f"{slowest / float(str(row[2])):.1f} x"] for row in rows]
    show("seconds", ["AMP", "model A's fits", "model A", "trial", "model A: faster than the slowest"], table)


def task_of(config: Config, data: Path, store: Store) -> Task:
    """What model A gets in a trial, as `trainer.run.pipeline` plans it."""
    training = config.training
    split = split_seasons(config.evaluation, read_manifest(data))
    batches = batches_stage.fetch(config, data, store)
    validation = [batches.seasons.index(season) for season in split.validation]
    fits = plan_fits(
        batches,
        out_of_fold=choose_lists(batches, split.train, training.max_lists_oof, training.seed),
        final=choose_lists(batches, split.train, training.max_final_batches, training.seed),
        ranked=np.flatnonzero(np.isin(batches.season, validation)).astype(np.int64),
        n_folds=training.n_folds,
    )
    return Task(batches, training.listmle_target, fits)


def one_by_one(task: Task) -> list[Task]:
    """A task for each fit."""
    pairs = zip(task.fits.train, task.fits.rank, strict=True)
    return [Task(task.batches, task.target, Fits((train,), (rank,))) for train, rank in pairs]


def _train(tasks: list[Task], config: Config, precision: Precision) -> None:
    from truestrength.trainer.models import deep_set_training  # noqa: PLC0415 - the device is checked before torch is imported

    for task in tasks:
        epochs = settings.depths(config).epochs
        deep_set_training.train(task, settings.deep_set_settings(config), precision, epochs)


def _second_of_two(task: Callable[[], None]) -> float:
    task()
    began = time.perf_counter()
    task()
    return time.perf_counter() - began


def _device_name(device: str) -> str:
    if device == "cpu":
        return "CPU"
    import torch  # noqa: PLC0415

    return torch.cuda.get_device_name()


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
