"""What each plot shows, as plain data: from sweeps to drawings, which another process turns into pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from truestrength.launcher.report.chance import by_chance
from truestrength.launcher.report.figures.standing import CoursePlot, GainPlot, gain_plot
from truestrength.launcher.report.figures.together import (
    MOST_LINES,
    MOST_POINTS,
    FrontPlot,
    ParallelPlot,
    front_plot,
    parallel_plot,
    shown_of,
    thinned,
)
from truestrength.launcher.report.figures.workers import WorkerPlot, worker_plot
from truestrength.launcher.report.markdown import setting
from truestrength.launcher.report.trials import (
    Sweep,
    Trial,
    best_of_target,
    best_so_far,
    best_trial,
    compare,
    finite,
    parameter_names,
    rankers,
)
from truestrength.trainer.contract.config.search_space import Fixed, singles
from truestrength.trainer.contract.records.metrics import EXPECTED, THIRDS, RunMetrics, Table
from truestrength.trainer.contract.records.odds import ReliabilityBin
from truestrength.trainer.contract.sweep.start_slots import designed_slots
from truestrength.trainer.contract.words import Objective, Phase, Target

MOST_TRIALS = 2000
"""Points of value by trial, of all sweeps together. Of more, some are shown: a chart has to stay small."""
MOST_SETTINGS = 500
"""Runs of value by parameter, of all sweeps together."""
FEWEST_SHOWN = 20
"""Of each sweep."""


class TrialPanel(msgspec.Struct, frozen=True):
    """One sweep's values in the order of its slots."""

    title: str
    runs: tuple[str, ...]
    slots: tuple[int, ...]
    designed: int
    """So many of the first slots were chosen before anything was learnt."""
    values: tuple[float | None, ...]
    best_so_far: tuple[float | None, ...]
    groups: tuple[str, ...] | None
    """What the points are coloured by; None: nothing."""
    best_run: str | None
    levels: dict[str, float]
    """Rankings to compare with, by name: the best baseline, and what there is without training."""


class TrialPlot(msgspec.Struct, frozen=True, tag=True):
    """Value by trial, a panel per sweep."""

    objective: Objective
    panels: tuple[TrialPanel, ...]


class ParameterRow(msgspec.Struct, frozen=True):
    """One sweep's values and what they were reached with; all tuples are parallel."""

    title: str
    runs: tuple[str, ...]
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


class ImportanceMap(msgspec.Struct, frozen=True, tag=True):
    """Sweep -> parameter -> share."""

    shares: dict[str, dict[str, float]]


Drawing = (
    TrialPlot
    | ParameterPlot
    | RankerPlot
    | ThirdsPlot
    | ReliabilityPlot
    | GainPlot
    | CoursePlot
    | ImportanceMap
    | ParallelPlot
    | FrontPlot
    | WorkerPlot
)


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
    if gains := gain_plot(begun):
        yield "gains", gains
    fixed = [sweep for sweep in begun if sweep.spec.phase != Phase.ROLLING]
    trials, settings = (max(FEWEST_SHOWN, most // max(1, len(begun))) for most in (MOST_TRIALS, MOST_SETTINGS))
    for objective in Objective:
        if own := [sweep for sweep in fixed if sweep.spec.objective is objective]:
            yield f"trials_{objective}", TrialPlot(objective, tuple(_trial_panel(sweep, trials) for sweep in own))
            rows = tuple(_parameter_row(sweep, settings) for sweep in own)
            if any(row.parameters for row in rows):
                yield f"parameters_{objective}", ParameterPlot(objective, rows)
    for sweep in begun:
        if sweep.spec.phase == Phase.ROLLING:
            yield f"trials_{sweep.spec.batch_id}", TrialPlot(sweep.spec.objective, (_trial_panel(sweep, trials),))
    yield from _best_run_figures(begun)
    shares = {s.spec.batch_id: s.importances.importances for s in begun if s.importances and not by_chance(s, begun)}
    if known := {name: found for name, found in shares.items() if found}:
        yield "importances", ImportanceMap(known)
    for target in Target:
        if lines := parallel_plot(begun, target):
            yield f"parallel_{target}", lines
        if points := front_plot(begun, target):
            yield f"front_{target}", points
    if workers := worker_plot(sweeps):
        yield "timeline", workers


def shown_in_charts(sweeps: Sequence[Sweep]) -> tuple[int, int]:
    """How many runs the chart that shows the fewest has, and how many there are."""
    begun = [sweep for sweep in sweeps if sweep.ranked]
    fewest = min(MOST_SETTINGS, MOST_LINES, MOST_POINTS)
    return sum(1 for _ in shown_of(begun, fewest)), sum(len(sweep.ranked) for sweep in begun)


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


def _trial_panel(sweep: Sweep, most: int) -> TrialPanel:
    objective = sweep.spec.objective
    best = best_trial(sweep.ranked, objective)
    rolling = sweep.spec.phase == Phase.ROLLING
    so_far = best_so_far([trial.score(objective) for trial in sweep.ranked], objective)
    reached = {trial.slot: value for trial, value in zip(sweep.ranked, so_far, strict=True)}
    shown = thinned(sweep.ranked, most, objective)
    return TrialPanel(
        title=_title(sweep, len(shown)),
        runs=tuple(trial.run for trial in shown),
        slots=tuple(trial.slot for trial in shown),
        designed=designed_slots(sweep.spec),
        values=tuple(trial.score(objective) for trial in shown),
        best_so_far=tuple(reached[trial.slot] for trial in shown),
        groups=tuple(_windows(trial) for trial in shown) if rolling else None,
        best_run=best.run if best else None,
        levels=_levels(rankers(best.metrics), objective) if best and best.metrics else {},
    )


def _title(sweep: Sweep, shown: int) -> str:
    there = len(sweep.ranked)
    return sweep.spec.batch_id + (f" ({shown} of {there} trials)" if shown < there else "")


def _levels(scores: Table, objective: Objective) -> dict[str, float]:
    against = compare(scores, objective)
    levels = {f"best baseline ({against.baseline})": against.baseline_value} if against else {}
    untrained = finite(scores[EXPECTED].of(objective)) if EXPECTED in scores else None
    if untrained is not None and not (against and against.baseline == EXPECTED):
        levels[f"without training ({EXPECTED})"] = untrained
    return levels


def _windows(trial: Trial) -> str:
    return f"windows {setting(trial.parameters.get('rolling_windows'))}"


def _parameter_row(sweep: Sweep, most: int) -> ParameterRow:
    objective = sweep.spec.objective
    shown = thinned(sweep.ranked, most, objective)
    best = best_trial(sweep.ranked, objective)
    space = singles(sweep.spec.space)
    varied = [name for name in parameter_names(space) if not isinstance(space[name], Fixed)]
    return ParameterRow(
        title=_title(sweep, len(shown)),
        runs=tuple(trial.run for trial in shown),
        values=tuple(trial.score(objective) for trial in shown),
        parameters={name: tuple(_shown(trial.parameters.get(name)) for trial in shown) for name in varied},
        best=shown.index(best) if best else None,
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
