"""`python -m benchmarks.phase1`: wall and CPU seconds of all of Phase I, shared against `--no-share`.

Both are the launcher's own command in fresh outputs, cache and database folders, the database's start included. CPU is
that of every process, PostgreSQL's too. `--no-alone` leaves out the run with `--no-share`, which takes ten minutes.

How to read it: the ratio of the CPU seconds says how much work was not done twice (goal: 10 or more). The second table
splits the wall time: what the workers' runs say of their stages, divided by the number of workers, and what is left:
`start` (launcher, database, registration, imports, to the first run), `between runs` (ledger, search, idle workers) and
`end` (after the last run). Stages of workers that share a core take longer than alone; their sum is right.

Memory is the highest sum of the PSS of all processes, PostgreSQL's too.

`--against REV` measures another state of the repository and this one in turn, each with a league that it made itself
from `--logs` (or the demo league): figures of one machine in one hour, whose ratio means something. Neither trains the
more seeds nor explains the best runs, as a plan may end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from benchmarks.process_tree import Usage, measure
from benchmarks.setting import CONFIG, Checkout, checkout, fresh_folder, heading, here, own_database, show
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.command_line import count
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance

SWEEPS = 13
GOAL = 10
HEADER = ["setting", "trials", "wall s", "CPU s", "CPU s/trial", "peak PSS MiB", "around runs"]


class Run(msgspec.Struct, frozen=True):
    """One run: seconds by stage, and from when to when."""

    stages: dict[str, float]
    misses: dict[str, int]
    began: float
    """Seconds since 1970."""
    seconds: float


@dataclass(frozen=True)
class Measured:
    """Phase I, run once."""

    name: str
    usage: Usage
    runs: Sequence[Run]
    workers: int

    def row(self) -> list[object]:
        """For the table."""
        cpu_s = self.usage.cpu_s
        around = 100 * self.around_s / self.usage.wall_s
        cells = [self.name, len(self.runs), self.usage.wall_s, cpu_s, cpu_s / len(self.runs)]
        return [*cells, self.usage.memory_mib, f"{around:.1f}%"]

    @property
    def around_s(self) -> float:
        """Wall seconds of launcher, database and start-up."""
        split = parts(self.runs, self.workers, self.usage.began, self.usage.wall_s)
        return split["start"] + split["between runs"] + split["end"]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.phase1", description=__doc__)
    top.add_argument("--data", type=Path, default=Path("data/demo"), help="league folder (data/demo)")
    top.add_argument("--n-trials", type=int, default=12, metavar="N", help="trials of each of the 13 sweeps (12)")
    top.add_argument("--n-jobs", type=int, default=4, metavar="N", help="workers (4)")
    top.add_argument("--alone", action=argparse.BooleanOptionalAction, default=True, help="also with --no-share (yes)")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any key of the config")
    top.add_argument("--against", metavar="REV", help="another state of this repository, in turn with this one")
    top.add_argument("--logs", type=Path, metavar="DIR", help="with --against: game logs that each state imports")
    top.add_argument("--times", type=count, default=1, metavar="N", help="with --against: how often each (1)")
    top.add_argument("--keep", action="store_true", help="keep the outputs")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    data = args.data if not args.against else args.logs or "a demo league of each state"
    print(heading(f"Phase I on {data}, {SWEEPS} sweeps of {args.n_trials} trials, {args.n_jobs} workers"), flush=True)
    if args.against:
        _compare(args)
        return
    with fresh_folder(keep=args.keep) as folder:
        found = [_measured("shared", folder / "shared", args)]
        if args.alone:
            found.append(_measured("--no-share", folder / "alone", args, "--no-share"))
    show("All of Phase I", HEADER, [one.row() for one in found])
    if args.alone:
        shared, alone = (one.usage for one in found)
        cpu, wall = alone.cpu_s / shared.cpu_s, alone.wall_s / shared.wall_s
        print(f"\n--no-share takes {cpu:.1f} x the CPU (goal: {GOAL} or more) and {wall:.1f} x the wall time")
    for one in found:
        _show_parts(one)


def _compare(args: argparse.Namespace) -> None:
    """Measure another state and this one in turn."""
    states = [checkout(args.against), here()]
    found: dict[str, list[Measured]] = {state.name: [] for state in states}
    with fresh_folder(keep=args.keep) as folder:
        leagues = {state.name: _league(state, folder / f"league_{state.name}", args.logs) for state in states}
        for i in range(args.times):
            for state in states:
                given = argparse.Namespace(**{**vars(args), "data": leagues[state.name]})
                name = folder / f"{state.name}_{i}"
                found[state.name].append(_measured(state.name, name, given, *_without_noise(state), state=state))
    show("All of Phase I", HEADER, [one.row() for pair in zip(*found.values(), strict=True) for one in pair])
    theirs, ours = found.values()
    for what in ("wall_s", "cpu_s", "memory_mib"):
        ratio = sum(getattr(one.usage, what) for one in ours) / sum(getattr(one.usage, what) for one in theirs)
        print(f"{what}: this takes {ratio:.2f} of {states[0].name}")
    _show_parts(theirs[-1])
    _show_parts(ours[-1])


def _without_noise(state: Checkout) -> list[str]:
    """What leaves out the seeds beyond the plan, which not every state trains."""
    command = [state.python, "-m", "launcher", "phase1", "--help"]
    said = subprocess.run(command, cwd=state.folder, check=True, capture_output=True, text=True).stdout
    return [flag for flag in ("--no-noise", "--no-run-explain") if flag in said]


def _league(state: Checkout, folder: Path, logs: Path | None) -> Path:
    """A league as this state makes it."""
    words = ["demo"]
    if logs:
        names = ("team_logs", "player_logs")
        files = [word for name in names for word in (f"--{name.replace('_', '-')}", str(logs / f"{name}.parquet"))]
        words = ["import", *[str(Path(word).absolute()) if word.endswith(".parquet") else word for word in files]]
    command = [state.python, "-m", "trainer", "data", *words, "--into", str(folder)]
    subprocess.run(command, cwd=state.folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def _measured(
    name: str, folder: Path, args: argparse.Namespace, *flags: str, state: Checkout | None = None
) -> Measured:
    folder.mkdir()
    state = state or here()
    outputs = OutputsRoot(folder / "outputs")
    settings = [f"paths.data={args.data}", f"paths.outputs={outputs.root}", f"paths.batch_cache={folder / 'cache'}"]
    words = [word for text in [*settings, *args.set] for word in ("--set", text)]
    command = [state.python, "-m", "launcher", "phase1", "--config", str(CONFIG), "--n-trials", str(args.n_trials)]
    usage = measure(
        [*command, "--n-jobs", str(args.n_jobs), *words, *flags],
        own_database(folder / "postgres"),
        folder / "log.txt",
        state.folder,
    )
    runs = [_read(paths) for paths in run_folders(outputs)]
    wanted = SWEEPS * args.n_trials
    if len(runs) != wanted:
        raise UserError(f"{name}: {len(runs)} runs of {wanted} are complete; see {folder / 'log.txt'}")
    return Measured(name, usage, runs, args.n_jobs)


def run_folders(outputs: OutputsRoot) -> list[RunPaths]:
    """The complete runs of all sweeps."""
    folders = [RunPaths(path) for path in sorted(outputs.sweeps.glob("*/run_*"))]
    return [paths for paths in folders if paths.metrics.exists()]


def _read(paths: RunPaths) -> Run:
    metrics = msgspec.json.decode(paths.metrics.read_bytes(), type=RunMetrics)
    record = msgspec.json.decode(paths.provenance.read_bytes(), type=Provenance)
    misses = {stage: count.misses for stage, count in metrics.cache.items()}
    return Run(metrics.seconds, misses, datetime.fromisoformat(record.started_at).timestamp(), record.seconds or 0.0)


def parts(runs: Sequence[Run], workers: int, began: float, wall_s: float) -> dict[str, float]:
    """Wall seconds by part; they sum to `wall_s`."""
    stages: Counter[str] = Counter()
    for one in runs:
        stages.update(one.stages)
    of_stages = {stage: seconds / workers for stage, seconds in stages.items()}
    in_runs = sum(one.seconds for one in runs) / workers
    first, last = min(one.began for one in runs), max(one.began + one.seconds for one in runs)
    return {
        "start": first - began,
        **of_stages,
        "run folders": in_runs - sum(of_stages.values()),
        "between runs": last - first - in_runs,
        "end": began + wall_s - last,
    }


def _show_parts(found: Measured) -> None:
    usage = found.usage
    split = parts(found.runs, found.workers, usage.began, usage.wall_s)
    misses: Counter[str] = Counter()
    for one in found.runs:
        misses.update(one.misses)
    rows = [[part, s, f"{100 * s / usage.wall_s:.1f}%", misses.get(part)] for part, s in split.items()]
    header = ["part", "s", "share", "trained or built"]
    show(f"{found.name}: where {usage.wall_s:.0f} s of wall time go, {len(found.runs)} trials", header, rows)
    share = 100 * found.around_s / usage.wall_s
    print(f"launcher, database and start-up: {share:.1f}% of the wall time (goal: under 10%)")
    roles = sorted(usage.by_role.items(), key=lambda item: -item[1])
    rows = [[role, s, f"{100 * s / usage.cpu_s:.1f}%", usage.peak_mib.get(role, 0.0)] for role, s in roles]
    header = ["process", "CPU s", "share", "MiB at the peak"]
    show(f"{found.name}: who used {usage.cpu_s:.0f} s of CPU and {usage.memory_mib:.0f} MiB", header, rows)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
