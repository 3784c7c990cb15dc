"""How the plan went: time and stored work, what failed, and how to repeat a run by hand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from shlex import quote
from shutil import which
from statistics import median

from truestrength.launcher.report.markdown import MISSING, cell, number, section, table
from truestrength.launcher.report.trials import Sweep, Trial, best_runs
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics, StageCount


def time_section(sweeps: Sequence[Sweep]) -> str:
    """Where the time went: per sweep, and per stage with the store's hits and misses."""
    begun = [sweep for sweep in sweeps if sweep.trials]
    headers = ["sweep", "attempts", "wall min", "trial seconds (sum)", "median trial s", "store hits", "store misses"]
    return section(
        [
            "## Time and stored work",
            "`wall` runs from the start of a sweep's first attempt to the end of its last one; trials run side by "
            "side, so their sum can be more. A hit is work that a run found done, a miss is work that it had to do.",
            table(headers, [_time_row(sweep) for sweep in begun]) if begun else "No trial has ended yet.",
            _stage_table([trial.metrics for sweep in begun for trial in sweep.complete if trial.metrics]),
        ]
    )


def failure_section(sweeps: Sequence[Sweep]) -> str:
    """Every attempt that ended without a result, a line each, and complete runs whose folder cannot be read."""
    failed = [trial for sweep in sweeps for trial in sweep.incomplete]
    rows = [[t.batch_id, t.run, t.state, cell(t.reason or MISSING), t.host or MISSING, _place(t)] for t in failed]
    headers = ["sweep", "run", "state", "reason", "host", "slot.attempt"]
    return section(
        [
            "## Trials that failed",
            table(headers, rows, text_columns=5) if rows else "None: every attempt completed.",
            unread_said(sweeps),
        ]
    )


def unread_said(sweeps: Sequence[Sweep]) -> str:
    """Complete runs whose figures cannot be read; empty where all can."""
    unread = [f"- `{t.batch_id}` {t.run}" for sweep in sweeps for t in sweep.complete if t.metrics is None]
    return "Complete, but `metrics.json` is missing or damaged:\n\n" + "\n".join(unread) if unread else ""


def repeat_section(sweeps: Sequence[Sweep], outputs: OutputsRoot) -> str:
    """Commands that train the best runs again, as runs of their own, and that read the held-out season."""
    chosen = [(target, outputs.sweep(best.batch_id).run(best.run_id or 0), best) for target, best in best_runs(sweeps)]
    python = _python()
    commands = [f"{command_of(paths, _repeats(best))}  # {target}" for target, paths, best in chosen]
    held_out = [f"{python} -m trainer holdout --run {_shown(p.folder)}" for _, p, best in chosen if not best.holdout]
    return section(
        [
            "## Repeating a run by hand",
            "Every run folder holds its resolved `config.yaml`. In the folder that the plan was started in, these "
            "commands train the runs again; no database is needed. A repeated run gets a run id and a folder of its "
            "own, which is printed at the end; on the same data, versions and kind of device its figures are the same. "
            "`--no-share` trains it anew instead of reading what the store has of it.",
            _commands(commands) or "No complete trial yet.",
            "The held-out season is read once, when everything else is decided:" if held_out else "",
            _commands(held_out),
        ]
    )


def command_of(paths: RunPaths, repeats: int) -> str:
    """What trains a run again, as a run of its own, for a shell."""
    seeds = f" --repeats {repeats}" if repeats > 1 else ""
    return f"{_python()} -m trainer run --no-share{seeds} --config {_shown(paths.config)}"


def _repeats(best: Trial) -> int:
    return len(best.metrics.repeats) if best.metrics and best.metrics.repeats else 1


def _commands(lines: Sequence[str]) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```" if lines else ""


def _time_row(sweep: Sweep) -> list[str]:
    seconds = [trial.seconds for trial in sweep.trials if trial.seconds is not None]
    starts = [trial.started_at for trial in sweep.trials if trial.started_at]
    ends = [trial.finished_at for trial in sweep.trials if trial.finished_at]
    wall = (max(ends) - min(starts)).total_seconds() / 60 if starts and ends else None
    counts = list(chain.from_iterable(t.metrics.cache.values() for t in sweep.complete if t.metrics))
    times = [number(wall, 1), number(sum(seconds), 1), number(median(seconds) if seconds else None, 1)]
    found = [str(sum(count.hits for count in counts)), str(sum(count.misses for count in counts))]
    return [sweep.spec.batch_id, str(len(sweep.trials)), *times, *found]


def _stage_table(runs: Sequence[RunMetrics]) -> str:
    stages = list(dict.fromkeys(chain.from_iterable([*run.seconds, *run.cache] for run in runs)))
    rows = []
    for stage in stages:
        counts = [run.cache.get(stage, StageCount()) for run in runs]
        hits, misses = sum(count.hits for count in counts), sum(count.misses for count in counts)
        share = number(hits / (hits + misses)) if hits + misses else MISSING
        spent = number(sum(run.seconds.get(stage, 0.0) for run in runs), 1)
        rows.append([stage, spent, *([str(hits), str(misses), share] if hits + misses else [MISSING] * 3)])
    return table(["stage", "seconds (sum)", "hits", "misses", "share of hits"], rows) if rows else ""


def _place(trial: Trial) -> str:
    return f"{trial.slot}.{trial.attempt}"


def _python() -> str:
    """The interpreter that has this project, as a shell finds it that knows of no virtual environment."""
    own = Path(sys.executable)
    return "python" if which("python") == str(own) and not own.is_relative_to(Path.cwd()) else _shown(own)


def _shown(path: Path) -> str:
    """For a shell; relative to the working directory where it lies below it: a report may be committed."""
    here = Path.cwd()
    return quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
