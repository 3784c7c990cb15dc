"""`python -m benchmarks.orchestration`: what a trial costs when it does nothing, here and with others, side by side.

Each system runs the same number of null trials over the same search space with the same sampler (multivariate TPE with
constant liar) and keeps its study in the same PostgreSQL, which is started for the benchmark:
- this launcher: plan, ledger, study, submitit's local array, workers that drain slots;
- plain Optuna: processes that call `study.optimize`, no launcher, no ledger, no run ids, no recovery;
- Hydra: its submitit launcher and its Optuna sweeper, a batch of new processes at a time;
- Ray Tune: OptunaSearch with that study, actors reused.

How to read it: `ms/trial` is the wall time from one trial to the next; `around` is the time before the first trial and
after the last one; CPU is that of all processes but the database, whose own CPU time stands beside it; memory is the
highest sum of their PSS, without the database too. A peer is installed from PyPI into a virtual environment of its own
under .cache/peers; one that cannot be is said in the table. `--against REV` puts this launcher in another state of the
repository beside the others.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql

from benchmarks.pace import pace, read_marks
from benchmarks.process_tree import measure, tree_cpu_s
from benchmarks.setting import Checkout, checkout, fresh_folder, heading, running_database, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database.address import URL_VARIABLE
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.database.url import sqlalchemy_url, with_database
from truestrength.trainer.contract.errors import UserError

VENVS = Path(".cache/peers")
SCRIPTS = Path(__file__).parent / "peers"
HEADER = (
    *("system", "workers", "trials", "wall s", "around s", "ms/trial", "CPU ms/trial", "database CPU ms/trial"),
    *("peak PSS MiB", ""),
)
OURS = "this launcher"


@dataclass(frozen=True)
class Sweep:
    """One measurement."""

    name: str
    trials: int
    workers: int
    folder: Path

    @property
    def marks(self) -> Path:
        """Where trials note the time."""
        return self.folder / "marks"


@dataclass(frozen=True)
class System:
    """Who runs a sweep, and how."""

    name: str
    command: Callable[[Path, Sweep], Sequence[str]]
    """Given its Python and the sweep."""
    venv: str | None = None
    """Its requirements are `peers/VENV.txt`; None: this project's environment."""
    state: Checkout | None = None
    """Another state of this repository; None: this one."""


def ours(python: Path, sweep: Sweep) -> Sequence[str]:
    """This project's launcher."""
    words = [sweep.name, sweep.trials, sweep.workers, sweep.marks, sweep.folder / "outputs"]
    return [str(python), "-m", "benchmarks.null_sweep", *map(str, words)]


def plain_optuna(python: Path, sweep: Sweep) -> Sequence[str]:
    """Processes on one study."""
    return [str(python), str(SCRIPTS / "plain_optuna.py"), *_flags(sweep)]


def hydra(python: Path, sweep: Sweep) -> Sequence[str]:
    """A multirun; the storage stands in the environment, because it holds a password."""
    from benchmarks.peers.null_trial import LEARNING_RATE, SPACE  # noqa: PLC0415

    space = [f"+{name}=range({low},{high + 1})" for name, (low, high) in SPACE.items()]
    low, high = LEARNING_RATE
    return [
        *(str(python), str(SCRIPTS / "hydra_sweep.py"), "--multirun"),
        *("hydra/sweeper=optuna", "hydra/launcher=submitit_local", "hydra/sweeper/sampler=tpe"),
        *("hydra.sweeper.sampler.multivariate=true", "+hydra.sweeper.sampler.constant_liar=true"),
        *(f"hydra.sweeper.n_trials={sweep.trials}", f"hydra.sweeper.n_jobs={sweep.workers}"),
        *("hydra.sweeper.direction=minimize", f"hydra.sweeper.study_name={sweep.name}"),
        "hydra.sweeper.storage=${oc.env:STUDY_STORAGE}",
        f"hydra.sweep.dir={sweep.folder / 'multirun'}",
        *(f"+marks={sweep.marks}", *space, f"+learning_rate=interval({low},{high})"),
    ]


def ray_tune(python: Path, sweep: Sweep) -> Sequence[str]:
    """Actors of a local Ray."""
    return [str(python), str(SCRIPTS / "ray_tune.py"), *_flags(sweep), "--folder", str(sweep.folder)]


SYSTEMS = (
    System(OURS, ours),
    System("plain Optuna", plain_optuna),
    System("Hydra, submitit + Optuna", hydra, venv="hydra"),
    System("Ray Tune, OptunaSearch", ray_tune, venv="ray"),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.orchestration", description=__doc__)
    top.add_argument("--trials", type=int, default=64, metavar="N", help="null trials of each sweep (64)")
    top.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16], metavar="N", help="(1 4 16)")
    top.add_argument("--without", nargs="*", default=[], choices=("hydra", "ray"), help="peers to leave out")
    top.add_argument("--against", metavar="REV", help="this launcher in another state of this repository, too")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print, a table for each number of workers."""
    print(heading(f"{args.trials} null trials"))
    systems = list(SYSTEMS)
    if args.against:
        other = checkout(args.against)
        systems.insert(1, System(f"launcher of {other.name}", ours, state=other))
    pythons = {system.name: _python(system, args.without) for system in systems}
    with fresh_folder() as folder, running_database(folder / "postgres") as url:
        for workers in args.workers:
            rows = []
            for i, system in enumerate(systems):
                python = pythons[system.name]
                if isinstance(python, str):
                    rows.append([system.name, workers, *[None] * (len(HEADER) - 3), python])
                    continue
                sweep = Sweep(f"w{workers}_{i}", args.trials, workers, folder / f"w{workers}_{i}")
                rows.append(_row(system, python, sweep, url))
            show(f"{workers} workers", HEADER, _compared(rows))


def _row(system: System, python: Path, sweep: Sweep, url: str) -> list[object]:
    sweep.folder.mkdir()
    url = _new_database(url, sweep.name)
    # Jobs of Hydra's launcher find the trial by PYTHONPATH only.
    environment = {URL_VARIABLE: url, "STUDY_STORAGE": sqlalchemy_url(url), "PYTHONPATH": str(SCRIPTS)}
    before = server_cpu_s(url)
    try:
        folder = system.state.folder if system.state else Path()
        usage = measure(system.command(python, sweep), environment, sweep.folder / "log.txt", folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return [system.name, sweep.workers, *[None] * (len(HEADER) - 3), "failed, see above"]
    found = pace(read_marks(sweep.marks), usage.wall_s)
    cpu_ms, server_ms = (1000 * s / found.trials for s in (usage.cpu_s, server_cpu_s(url) - before))
    costs = [usage.wall_s, found.around_s, found.per_trial_ms, cpu_ms, server_ms, usage.memory_mib]
    return [system.name, sweep.workers, found.trials, *costs, ""]


def _compared(rows: list[list[object]]) -> list[list[object]]:
    """Say beside each peer how many times our wall time and time per trial it takes."""
    own = rows[0]
    for row in rows[1:]:
        if isinstance(row[3], float) and isinstance(own[3], float):
            ratios = [float(str(row[i])) / float(str(own[i])) for i in (3, 5)]
            row[-1] = f"{ratios[0]:.1f} x our wall, {ratios[1]:.1f} x our ms/trial"
    return rows


def _flags(sweep: Sweep) -> list[str]:
    words = {"--trials": sweep.trials, "--workers": sweep.workers, "--marks": sweep.marks, "--name": sweep.name}
    return [str(word) for pair in words.items() for word in pair]


def _python(system: System, without: Sequence[str]) -> Path | str:
    """The system's Python; or why there is none."""
    if system.state:
        return Path(system.state.python)
    if system.venv is None:
        return Path(sys.executable)
    if system.venv in without:
        return "left out"
    venv = (VENVS / system.venv).absolute()
    requirements = SCRIPTS / f"{system.venv}.txt"
    stamp = venv / "installed.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        print(f"installing {system.name} into {venv}", file=sys.stderr)
        shutil.rmtree(venv, ignore_errors=True)
        steps = (
            [sys.executable, "-m", "venv", str(venv)],
            [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                return f"cannot be installed here: {last}"
        stamp.write_text(requirements.read_text())
    return venv / "bin/python"


def _new_database(url: str, name: str) -> str:
    """On the same server: each Optuna version wants tables of its own."""
    with connected(url) as session:
        execute(session, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return with_database(url, name)


def server_cpu_s(url: str) -> float:
    """CPU seconds of PostgreSQL so far."""
    with connected(url) as session:
        path = execute(session, "SHOW data_directory").fetchone()
    assert path is not None
    return tree_cpu_s(int((Path(path[0]) / "postmaster.pid").read_text().split()[0]))


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
