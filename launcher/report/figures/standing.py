"""How the best runs stand, as plain data: their gains over baselines, and the course of the seasons they ranked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from truestrength.launcher.report.trials import Sweep, Trial, against, best_runs, best_trial, compare, rankers
from truestrength.trainer.contract.digests import file_digest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.paths.outputs import SweepPaths
from truestrength.trainer.contract.records.metrics import EXPECTED
from truestrength.trainer.contract.words import Objective

BEST_BASELINE, UNTRAINED = "best baseline", "without training"


class GainRow(msgspec.Struct, frozen=True):
    """How much better the best run of a sweep is than one ranker, by the sweep's objective."""

    sweep: str
    run: str
    objective: Objective
    against: str
    """`best baseline` or `without training`."""
    baseline: str
    gain: float
    low: float | None
    """Of the 95 % interval; None where a run does not know it."""
    high: float | None


class GainPlot(msgspec.Struct, frozen=True, tag=True):
    """Gains with their intervals, a row per sweep."""

    rows: tuple[GainRow, ...]


class CourseRun(msgspec.Struct, frozen=True):
    """A run whose predictions the drawing process reads: they are many, and the launcher has no need of them."""

    title: str
    predictions: str
    """Absolute path of its `predictions.parquet`."""
    digest: str
    """Of that file."""
    teams: str
    """Absolute path of the league's teams, for their names."""
    fingerprint: str
    """Of the league."""


class CoursePlot(msgspec.Struct, frozen=True, tag=True):
    """Predicted against final rank, date by date, a line a team."""

    run: CourseRun


def gain_plot(sweeps: Sequence[Sweep]) -> GainPlot | None:
    """None where no best run has a baseline."""
    rows = tuple(row for sweep in sweeps for row in _gains(sweep))
    return GainPlot(rows) if rows else None


def course_plots(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, CoursePlot]]:
    """Name and content, one for each target's best run whose predictions are there."""
    by_name = {sweep.spec.batch_id: sweep for sweep in sweeps}
    for target, best in best_runs(sweeps):
        if run := _course_run(by_name[best.batch_id], best):
            yield f"course_{target}", CoursePlot(run)


def _gains(sweep: Sweep) -> Iterator[GainRow]:
    """Against the best baseline and against the ranking without training, which may be the best one."""
    objective = sweep.spec.objective
    best = best_trial(sweep.ranked, objective)
    if best is None or best.metrics is None:
        return
    scores = rankers(best.metrics)
    found = [(BEST_BASELINE, compare(scores, objective)), (UNTRAINED, against(scores, EXPECTED, objective))]
    for name, one in found:
        if one:
            gain = best.metrics.gains.get(one.baseline, {}).get(objective)
            interval = (gain.low, gain.high) if gain else (None, None)
            yield GainRow(sweep.spec.batch_id, best.run, objective, name, one.baseline, one.gain, *interval)


def _course_run(sweep: Sweep, trial: Trial) -> CourseRun | None:
    """None where the run's predictions are gone."""
    path = SweepPaths(Path(sweep.folder)).run(trial.run_id or 0).predictions
    if not sweep.folder or not path.exists():
        return None
    teams = LeaguePaths(Path(sweep.spec.config.paths.data).absolute()).teams
    return CourseRun(
        title=f"{sweep.spec.target}, {trial.run}",
        predictions=str(path),
        digest=file_digest(path),
        teams=str(teams),
        fingerprint=sweep.spec.data_fingerprint,
    )
