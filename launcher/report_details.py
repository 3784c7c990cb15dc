"""The report's sections below the results: slices, what each model is worth, time, failures, repeating, terms."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from shlex import quote
from shutil import which
from statistics import median

from launcher.report_markdown import MISSING, Figures, bold, cell, number, picture, section, signed, table
from launcher.report_trials import (
    STACK,
    Sweep,
    Trial,
    best_of_target,
    best_ranker,
    comparisons,
    rankers,
)
from trainer.contract.metrics import THIRDS, RunMetrics, StageCount, Table
from trainer.contract.objectives import Direction, Objective, Target
from trainer.contract.paths import OutputsRoot

SLICED_BY = (Objective.SPEARMAN, Objective.RANK_RMSE)
"""The objectives that the sliced tables show; the others are in `metrics.json`."""


def slice_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The best run of each target by third of the season and by conference, beside the baselines."""
    blocks = ["## By third of the season and by conference"]
    blocks += [_slices(target, best.run, best.metrics) for target, best in _best_runs(sweeps) if best.metrics]
    blocks.append(picture(figures, "thirds", "score by third of the season"))
    return section(blocks if len(blocks) > 2 else [*blocks, "No complete trial yet."])


def stack_section(sweeps: Sequence[Sweep]) -> str:
    """What each model is worth: its weight, its figure alone, and what the stack would lose without it."""
    intro = (
        "`weight` is the weight of the model's standardised score in the stack, `alone` the model's own Spearman. The "
        "other columns say what the stack would lose without it: positive means that the model earns its place."
    )
    tables = [
        f"### `{target}`, {best.run}\n\n{_worth(best.metrics)}" for target, best in _best_runs(sweeps) if best.metrics
    ]
    return section(["## What each model is worth in the stack", intro, *(tables or ["No complete trial yet."])])


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
    """Every attempt that ended without a result, with its reason, and complete runs whose folder cannot be read."""
    failed = [trial for sweep in sweeps for trial in sweep.incomplete]
    unread = [f"- `{t.batch_id}` {t.run}" for sweep in sweeps for t in sweep.complete if t.metrics is None]
    rows = [
        [t.batch_id, t.run, t.state, cell(t.reason or MISSING), t.host or MISSING, t.job_id or MISSING, _place(t)]
        for t in failed
    ]
    headers = ["sweep", "run", "state", "reason", "host", "job", "slot.attempt"]
    return section(
        [
            "## Trials that failed",
            table(headers, rows, text_columns=6) if rows else "None: every attempt completed.",
            "Complete, but `metrics.json` is missing or damaged:\n\n" + "\n".join(unread) if unread else "",
        ]
    )


def repeat_section(sweeps: Sequence[Sweep], outputs: OutputsRoot) -> str:
    """Commands that train the best runs again, as runs of their own, and that read the held-out season."""
    best_runs = [
        (target, outputs.sweep(best.batch_id).run(best.run_id or 0), best) for target, best in _best_runs(sweeps)
    ]
    python = _python()
    commands = [
        f"{python} -m trainer run --no-share --config {_shown(paths.config)}  # {target}"
        for target, paths, _ in best_runs
    ]
    held_out = [f"{python} -m trainer holdout --run {_shown(p.folder)}" for _, p, best in best_runs if not best.holdout]
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


def _commands(lines: Sequence[str]) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```" if lines else ""


def _best_runs(sweeps: Sequence[Sweep]) -> list[tuple[Target, Trial]]:
    return [(target, best) for target in Target if (best := best_of_target(sweeps, target))]


def _slices(target: Target, run: str, metrics: RunMetrics) -> str:
    thirds = {name: metrics.by_third[name] for name in THIRDS if name in metrics.by_third}
    slices = thirds | dict(sorted(metrics.by_conference.items()))
    return section(
        [
            f"### `{target}`, {run}",
            _won(slices),
            *(_slice_table(rankers(metrics), slices, objective) for objective in SLICED_BY),
        ]
    )


def _won(slices: Mapping[str, Table]) -> str:
    counts = {name: comparisons(scores) for name, scores in slices.items()}
    said = [f"{name} {sum(c.beats for c in found)} of {len(found)}" for name, found in counts.items()]
    return f"Objectives on which the stack beats every baseline: {', '.join(said)}." if said else "No slices."


def _slice_table(whole: Table, slices: Mapping[str, Table], objective: Objective) -> str:
    columns = {"all": whole, **slices}
    best = {name: best_ranker(scores, objective) for name, scores in columns.items()}
    rows = []
    for ranker in whole:
        cells = [_slice_cell(scores, ranker, objective, best[name]) for name, scores in columns.items()]
        rows.append([ranker, *cells])
    return table([objective.value, *columns], rows)


def _slice_cell(scores: Table, ranker: str, objective: Objective, best: str | None) -> str:
    text = number(scores[ranker].of(objective)) if ranker in scores else MISSING
    return bold(text) if ranker == best else text


def _worth(metrics: RunMetrics) -> str:
    headers = ["model", "weight", "alone", *(f"worth in {objective}" for objective in Objective)]
    names = [name for name in rankers(metrics) if name in metrics.models and name != STACK]
    return table(headers, [[name, *_worth_cells(name, metrics)] for name in names])


def _worth_cells(name: str, metrics: RunMetrics) -> list[str]:
    stack, without = metrics.objectives, metrics.stack_without.get(name)
    worth = [signed(_worse(o, stack.of(o), without.of(o))) if without else MISSING for o in Objective]
    return [number(metrics.stack_weights.get(name)), number(metrics.models[name].spearman), *worth]


def _worse(objective: Objective, whole: float, without: float) -> float:
    return without - whole if objective.direction is Direction.MINIMIZE else whole - without


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
