"""`python -m benchmarks.report`: what report.html costs, of a null plan or of a real outputs root.

A null plan is made up in memory: trials that take no time, with settings of Phase I's search space and figures at
random. With `--outputs` the pages are those of an outputs root, written into a fresh folder. How to read it: a row is a
page. `CPU s` is what drawing its charts and writing it takes, the process that draws included; `MB` is the file's
size, a million bytes each; `in charts` is how many runs the charts show where they leave some out.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from benchmarks.null_sweep import null_spec
from benchmarks.setting import fresh_folder, heading, show
from truestrength.launcher.commands.outputs import ledger_of
from truestrength.launcher.report.figures.contents import shown_in_charts
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.reading import read_sweeps
from truestrength.launcher.report.trials import COMPLETE, Sweep, Trial
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.search.proposals import random_point

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = command_line.Parser(prog="python -m benchmarks.report", description=__doc__)
    top.add_argument("--trials", type=int, default=10_000, metavar="N", help="trials of the null plan (10,000)")
    top.add_argument("--sweeps", type=int, default=4, metavar="N", help="its sweeps (4)")
    top.add_argument("--outputs", type=Path, metavar="DIR", help="a real outputs root instead of a null plan")
    top.add_argument("--keep", type=Path, metavar="FILE", help="write the page of the plan there, too")
    top.set_defaults(handler=run)
    return top


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    sweeps = _real(args.outputs) if args.outputs else list(null_plan(args.trials, args.sweeps))
    what = str(args.outputs) if args.outputs else f"a null plan of {args.trials} trials"
    print(heading(f"report.html: {what}"), flush=True)
    with fresh_folder() as folder:
        outputs = OutputsRoot(folder)
        rows = [_measured("plan", sweeps, None, outputs)]
        if args.keep:
            args.keep.write_bytes(outputs.page.read_bytes())
        rows += [_measured(sweep.spec.batch_id, [sweep], sweep, outputs) for sweep in sweeps]
    show("pages", ["page", "runs", "in charts", "CPU s", "MB"], rows)


def null_plan(n_trials: int, n_sweeps: int) -> Iterator[Sweep]:
    """Sweeps that share the trials, all of them complete."""
    chance = random.Random(0)
    for i in range(n_sweeps):
        size = n_trials // n_sweeps
        spec = replace(null_spec(f"null_{i}", size, Path("outputs")), objective=list(Objective)[i % len(Objective)])
        trials = []
        for slot in range(size):
            figures = {objective.value: chance.gauss(0.8, 0.05) for objective in Objective}
            started = BEGUN + timedelta(seconds=slot)
            trial = Trial(
                batch_id=spec.batch_id,
                slot=slot,
                attempt=1,
                state=COMPLETE,
                run_id=25 + i * size + slot,
                trial_number=slot,
                value=figures[spec.objective],
                parameters=random_point(spec, slot),
                seconds=0.5,
                started_at=started,
                finished_at=started + timedelta(seconds=0.5),
                host=f"node-{slot % 8}",
                job_id=f"7_{slot % 8}",
                objectives=figures,
            )
            trials.append(trial)
        yield Sweep(spec=spec, standing="complete", trials=tuple(trials))


def _real(root: Path) -> list[Sweep]:
    outputs = OutputsRoot(root)
    with ledger_of(outputs) as ledger:
        ledger.prepare()
        return read_sweeps(ledger, outputs)[0]


def _measured(name: str, sweeps: Sequence[Sweep], one: Sweep | None, outputs: OutputsRoot) -> list[object]:
    paths = outputs.sweep(one.spec.batch_id) if one else outputs
    before = _cpu_s()
    drawn = draw_figures({paths.figures: sweeps}, _failed)[paths.figures]
    folder = paths.page.parent
    charts = {chart: (folder / path).read_text(encoding="utf-8") for chart, path in drawn.items()}
    planned = [sweep.spec.batch_id for sweep in sweeps]
    text = page(Facts(sweeps, planned, one, charts, "", outputs, folder)).encode()
    spent = _cpu_s() - before
    paths.page.write_bytes(text)
    shown, there = shown_in_charts(sweeps)
    return [name, sum(len(s.trials) for s in sweeps), shown if shown < there else "all", round(spent, 2),
            round(len(text) / 1e6, 2)]  # fmt: skip


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _failed(text: str) -> None:
    raise RuntimeError(text)


if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
