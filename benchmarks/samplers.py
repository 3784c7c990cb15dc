"""`python -m benchmarks.samplers`: how near each sampler comes to the optimum of a known function, here and in Optuna.

Each search has the same budget and the same number of processes on one PostgreSQL, which is started for the benchmark:
- this project: ledger, study, and workers that drain slots (`--sampler`), a trial that waits and computes the function;
- plain Optuna: processes that ask and tell one study (RDBStorage), with the sampler of that name: TPE multivariate with
  constant liar, QMC scrambled with one seed for all, the others as they come; a seed of its own for each process.

How to read it: a value is how far the best of a search's trials is above the function's lowest value, its median and
mean over all seeds. `beats random` is the share of pairs of searches, one of each, in which this project's sampler is
nearer than this project's random search (0.5: no difference; half a pair for a tie), `beats Optuna` the same against
plain Optuna's sampler of that name; with S seeds such a share has a standard error of about 0.4 / sqrt(S). `twice`
counts the trials of a search whose point an earlier one had.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import cmaes  # noqa: F401 - with what follows, once before the forks
import optuna
import scipy.stats  # noqa: F401
import torch  # noqa: F401

from benchmarks.forks import in_processes
from benchmarks.known_functions import FUNCTIONS, Known
from benchmarks.setting import CONFIG, fresh_folder, heading, running_database, show
from truestrength.trainer.contract import command_line, process
from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.contract.database.url import sqlalchemy_url
from truestrength.trainer.contract.ledger import LEASE_S, Ledger
from truestrength.trainer.contract.ledger.optuna_parameters import distributions
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Sampler, Target
from truestrength.trainer.search.dimensions import decode
from truestrength.trainer.worker.drain import TrialJob, TrialOutcome, drain

HEADER = (
    *("sampler", "median", "mean", "Optuna median", "Optuna mean", "beats random", "beats Optuna"),
    *("twice", "Optuna twice"),
)


@dataclass(frozen=True)
class Setting:
    """Of all searches."""

    trials: int
    workers: int
    pause_s: float
    url: str
    folder: Path

    def wait(self) -> None:
        """As a trial that trains would; workers must not march in step."""
        time.sleep(self.pause_s * random.uniform(0.5, 1.5))


@dataclass(frozen=True)
class Found:
    """What one search came to."""

    best: float
    """Above the function's lowest value."""
    twice: int
    """Trials whose point was there before."""


Search = Callable[[Setting, str, Sampler, int], Found]


def ours(setting: Setting, function: str, sampler: Sampler, seed: int) -> Found:
    """A sweep by this project's workers."""
    known, outputs = FUNCTIONS[function], setting.folder / "outputs"
    spec = SweepSpec(
        batch_id=f"{function}_{sampler}_{seed}",
        objective=Objective.RANK_RMSE,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        sampler=sampler,
        n_trials=setting.trials,
        config=replace(
            load_config(CONFIG),
            {"search_spaces": {"phase1": known.space}, "training.seed": seed, "paths.outputs": str(outputs)},
        ),
        data_fingerprint="none",
    )
    with Ledger(setting.url) as ledger:
        ledger.register(spec, OutputsRoot(outputs))
    if in_processes([lambda: _work(setting, spec.batch_id, known)] * setting.workers):
        raise SystemExit(f"{spec.batch_id}: a worker failed")
    with Ledger(setting.url) as ledger:
        slots = ledger.slots(spec.batch_id)
    points = [slot.parameters for slot in slots]
    return Found(min(slot.value or 0.0 for slot in slots), sum(point in points[:i] for i, point in enumerate(points)))


def _work(setting: Setting, batch_id: str, known: Known) -> int:
    def run(job: TrialJob) -> TrialOutcome:
        setting.wait()
        OutputsRoot(Path(job.config.paths.outputs)).sweep(batch_id).run(job.run_id).folder.mkdir(parents=True)
        value = known.above_lowest(job.parameters)
        return TrialOutcome(value, dict.fromkeys(Objective, value))

    with Ledger(setting.url) as ledger:
        worker = ledger.start_worker(batch_id, process.host(), os.getpid(), process.job_id(), LEASE_S)
        drain(ledger, batch_id, worker, run, threading.Event())
        ledger.stop_worker(worker, "no slots left")
    return 0


def plain_optuna(setting: Setting, function: str, sampler: Sampler, seed: int) -> Found:
    """Processes on one study, an even share of the trials each."""
    name, known = f"optuna_{function}_{sampler}_{seed}", FUNCTIONS[function]
    storage = optuna.storages.RDBStorage(sqlalchemy_url(setting.url))
    optuna.create_study(study_name=name, storage=storage)
    storage.engine.dispose()  # connections are not for the forks

    def work(number: int) -> int:
        made = optuna_sampler(sampler, seed, number)
        study = optuna.load_study(study_name=name, storage=sqlalchemy_url(setting.url), sampler=made)
        for _ in range(number, setting.trials, setting.workers):
            trial = study.ask(distributions(known.space))
            setting.wait()
            study.tell(trial, known.above_lowest(decode(known.space, trial.params)))
        return 0

    if in_processes([partial(work, number) for number in range(setting.workers)]):
        raise SystemExit(f"{name}: a process failed")
    study = optuna.load_study(study_name=name, storage=storage)
    points = [trial.params for trial in study.trials]
    return Found(study.best_value, sum(point in points[:i] for i, point in enumerate(points)))


def optuna_sampler(sampler: Sampler, seed: int, number: int) -> optuna.samplers.BaseSampler:
    """As a user would make it for process `number` of a search."""
    own = 1000 * seed + number
    match sampler:
        case Sampler.TPE:
            return optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=own)
        case Sampler.GP:
            return optuna.samplers.GPSampler(seed=own)
        case Sampler.CMAES:
            return optuna.samplers.CmaEsSampler(seed=own, warn_independent_sampling=False)
        case Sampler.QMC:
            return optuna.samplers.QMCSampler(scramble=True, seed=seed, warn_independent_sampling=False)
        case Sampler.RANDOM:
            return optuna.samplers.RandomSampler(seed=own)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.samplers", description=__doc__)
    top.add_argument("--trials", type=int, default=60, metavar="N", help="budget of each search (60)")
    top.add_argument("--workers", type=int, default=4, metavar="N", help="of each search, at once (4)")
    top.add_argument("--seeds", type=int, default=10, metavar="N", help="searches of each kind (10)")
    top.add_argument("--pause-ms", type=float, default=100, metavar="MS", help="what a trial takes, about (100)")
    top.add_argument("--functions", nargs="+", default=list(FUNCTIONS), choices=FUNCTIONS, metavar="NAME")
    top.add_argument(
        "--samplers", nargs="+", type=Sampler, default=[s for s in Sampler if s is not Sampler.RANDOM], metavar="NAME"
    )
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print, a table for each function."""
    process.use_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    print(heading(f"Samplers: {args.trials} trials, {args.workers} workers, {args.seeds} searches each"), flush=True)
    with fresh_folder() as folder, running_database(folder / "postgres") as url:
        setting = Setting(args.trials, args.workers, args.pause_ms / 1000, url, folder)
        for function in args.functions:
            chance: list[Found] = []
            rows = []
            for sampler in (Sampler.RANDOM, *args.samplers):
                own, peers = (_searched(setting, by, function, sampler, args.seeds) for by in (ours, plain_optuna))
                chance = chance or own
                rows.append(row(sampler, own, peers, chance))
            show(function, HEADER, rows)


def _searched(setting: Setting, search: Search, function: str, sampler: Sampler, seeds: int) -> list[Found]:
    return [search(setting, function, sampler, seed) for seed in range(1, seeds + 1)]


def row(sampler: Sampler, own: Sequence[Found], peers: Sequence[Found], chance: Sequence[Found]) -> list[object]:
    """For the table."""
    values, others, lots = ([found.best for found in several] for several in (own, peers, chance))
    middles = [part(several) for several in (values, others) for part in (statistics.median, statistics.mean)]
    shares = [f"{nearer(values, several):.2f}" for several in (lots, others)]
    twice = [statistics.mean(found.twice for found in several) for several in (own, peers)]
    return [sampler, *middles, *shares, *twice]


def nearer(values: Sequence[float], others: Sequence[float]) -> float:
    """The share of pairs in which the value is lower than the other.

    >>> nearer([1.0, 2.0], [2.0, 3.0])
    0.875
    """
    return statistics.mean(0.5 if a == b else float(a < b) for a, b in product(values, others))


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
