"""What each plot shows, as plain data: from sweeps to drawings, which another process turns into pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from launcher.report.chance import by_chance
from launcher.report.markdown import setting
from launcher.report.trials import (
    Sweep,
    Trial,
    against,
    best_of_target,
    best_runs,
    best_so_far,
    best_trial,
    compare,
    parameter_names,
    rankers,
)
from trainer.contract.config.search_space import Fixed, singles
from trainer.contract.digests import file_digest
from trainer.contract.paths.league import LeaguePaths
from trainer.contract.paths.outputs import SweepPaths
from trainer.contract.records.metrics import EXPECTED, THIRDS, RunMetrics, Table
from trainer.contract.records.odds import ReliabilityBin
from trainer.contract.words import Objective, Phase, Target

BEST_BASELINE, UNTRAINED = "best baseline", "without training"


class TrialPanel(msgspec.Struct, frozen=True):
    """One sweep's values in the order of its slots."""

    title: str
    slots: tuple[int, ...]
    values: tuple[float | None, ...]
    best_so_far: tuple[float | None, ...]
    groups: tuple[str, ...] | None
    """What the points are coloured by; None: nothing."""
    best_run: str | None
    baseline: str | None
    baseline_value: float | None


class TrialPlot(msgspec.Struct, frozen=True, tag=True):
    """Value by trial, a panel per sweep."""

    objective: Objective
    panels: tuple[TrialPanel, ...]


class ParameterRow(msgspec.Struct, frozen=True):
    """One sweep's values and what they were reached with; all tuples are parallel."""

    title: str
    values: tuple[float | None, ...]
    parameters: dict[str, tuple[float | str | None, ...]]
    """None for a trial that has not the parameter."""
    best: int | None


class ParameterPlot(msgspec.Struct, frozen=True, tag=True):
    """Value by parameter, a row of panels per sweep."""

    objective: Objective
    rows: tuple[ParameterRow, ...]


class RankerPlot(msgspec.Struct, frozen=True, tag=True):
    """One run's models and the baselines, a panel per objective."""

    title: str
    validation: Table
    held_out: Table | None


class ThirdsPanel(msgspec.Struct, frozen=True):
    """One run's rankers by third of the season."""

    title: str
    thirds: dict[str, Table]


class ThirdsPlot(msgspec.Struct, frozen=True, tag=True):
    """Score by third of the season, a column per run."""

    panels: tuple[ThirdsPanel, ...]


class ReliabilityPanel(msgspec.Struct, frozen=True):
    """One run's odds by bins of their probability."""

    title: str
    validation: tuple[ReliabilityBin, ...]
    held_out: tuple[ReliabilityBin, ...]
    """Empty when the held-out season has not been read."""
    champions: int
    """Of the validation seasons."""


class ReliabilityPlot(msgspec.Struct, frozen=True, tag=True):
    """A panel per run."""

    panels: tuple[ReliabilityPanel, ...]


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


class ImportanceMap(msgspec.Struct, frozen=True, tag=True):
    """Sweep -> parameter -> share."""

    shares: dict[str, dict[str, float]]


Drawing = TrialPlot | ParameterPlot | RankerPlot | ThirdsPlot | ReliabilityPlot | CoursePlot | GainPlot | ImportanceMap


class Picture(msgspec.Struct, frozen=True):
    """A drawing that is wanted as a file."""

    path: str
    """Absolute."""
    digest: str
    """Of all that it shows; stands in the file."""
    drawing: Drawing


def figure_data(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, Drawing]]:
    """Name and content of every plot there is data for."""
    begun = [sweep for sweep in sweeps if sweep.ranked]
    if gains := tuple(row for sweep in begun for row in _gains(sweep)):
        yield "gains", GainPlot(gains)
    fixed = [sweep for sweep in begun if sweep.spec.phase != Phase.ROLLING]
    for objective in Objective:
        if own := [sweep for sweep in fixed if sweep.spec.objective is objective]:
            yield f"trials_{objective}", TrialPlot(objective, tuple(_trial_panel(sweep) for sweep in own))
            rows = tuple(_parameter_row(sweep) for sweep in own)
            if any(row.parameters for row in rows):
                yield f"parameters_{objective}", ParameterPlot(objective, rows)
    for sweep in begun:
        if sweep.spec.phase == Phase.ROLLING:
            yield f"trials_{sweep.spec.batch_id}", TrialPlot(sweep.spec.objective, (_trial_panel(sweep),))
    yield from _best_run_figures(begun)
    shares = {s.spec.batch_id: s.importances.importances for s in begun if s.importances and not by_chance(s, begun)}
    if known := {name: found for name, found in shares.items() if found}:
        yield "importances", ImportanceMap(known)


def course_data(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, Drawing]]:
    """Name and content of the charts of seasons, one for each target's best run whose predictions are there."""
    by_name = {sweep.spec.batch_id: sweep for sweep in sweeps}
    for target, best in best_runs(sweeps):
        if run := _course_run(by_name[best.batch_id], best):
            yield f"course_{target}", CoursePlot(run)


def _best_run_figures(sweeps: Sequence[Sweep]) -> Iterator[tuple[str, Drawing]]:
    best = {target: best_of_target(sweeps, target) for target in Target}
    read = {target: (trial, trial.metrics) for target, trial in best.items() if trial and trial.metrics}
    for target, (trial, metrics) in read.items():
        held_out = rankers(trial.holdout) if trial.holdout else None
        yield f"rankers_{target}", RankerPlot(f"{trial.run}, {target}", rankers(metrics), held_out)
    panels = tuple(_thirds_panel(target, trial, metrics) for target, (trial, metrics) in read.items())
    if any(panel.thirds for panel in panels):
        yield "thirds", ThirdsPlot(panels)
    odds = [_reliability_panel(target, trial, metrics) for target, (trial, metrics) in read.items()]
    if drawn := tuple(panel for panel in odds if panel.validation):
        yield "title_odds", ReliabilityPlot(drawn)


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


def _trial_panel(sweep: Sweep) -> TrialPanel:
    objective = sweep.spec.objective
    values = [trial.score(objective) for trial in sweep.ranked]
    best = best_trial(sweep.ranked, objective)
    rival = compare(rankers(best.metrics), objective) if best and best.metrics else None
    rolling = sweep.spec.phase == Phase.ROLLING
    return TrialPanel(
        title=sweep.spec.batch_id,
        slots=tuple(trial.slot for trial in sweep.ranked),
        values=tuple(values),
        best_so_far=tuple(best_so_far(values, objective)),
        groups=tuple(_windows(trial) for trial in sweep.ranked) if rolling else None,
        best_run=best.run if best else None,
        baseline=rival.baseline if rival else None,
        baseline_value=rival.baseline_value if rival else None,
    )


def _windows(trial: Trial) -> str:
    return f"windows {setting(trial.parameters.get('rolling_windows'))}"


def _parameter_row(sweep: Sweep) -> ParameterRow:
    objective = sweep.spec.objective
    best = best_trial(sweep.ranked, objective)
    space = singles(sweep.spec.space)
    varied = [name for name in parameter_names(space) if not isinstance(space[name], Fixed)]
    return ParameterRow(
        title=sweep.spec.batch_id,
        values=tuple(trial.score(objective) for trial in sweep.ranked),
        parameters={name: tuple(_shown(trial.parameters.get(name)) for trial in sweep.ranked) for name in varied},
        best=sweep.ranked.index(best) if best else None,
    )


def _shown(value: object) -> float | str | None:
    """Numbers on a numeric axis, everything else as a category."""
    if value is None:
        return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else setting(value)


def _thirds_panel(target: Target, trial: Trial, metrics: RunMetrics) -> ThirdsPanel:
    thirds: dict[str, Table] = {name: metrics.by_third[name] for name in THIRDS if name in metrics.by_third}
    return ThirdsPanel(f"{target}, {trial.run}", thirds)


def _reliability_panel(target: Target, trial: Trial, metrics: RunMetrics) -> ReliabilityPanel:
    odds, held_out = (read.title_odds if read else None for read in (metrics, trial.holdout))
    return ReliabilityPanel(
        title=f"{target}, {trial.run}",
        validation=odds.reliability if odds else (),
        held_out=held_out.reliability if held_out else (),
        champions=odds.champions if odds else 0,
    )
