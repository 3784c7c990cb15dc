"""What each plot shows, as plain data: from sweeps to drawings, which another process turns into pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import msgspec

from launcher.report.chance import by_chance
from launcher.report.markdown import setting
from launcher.report.trials import (
    Sweep,
    Trial,
    best_of_target,
    best_so_far,
    best_trial,
    compare,
    parameter_names,
    rankers,
)
from trainer.contract.config.search_space import Fixed, singles
from trainer.contract.records.metrics import THIRDS, RunMetrics, Table
from trainer.contract.records.odds import ReliabilityBin
from trainer.contract.words import Objective, Phase, Target

MOST_POINTS = 1000
"""Of one sweep, evenly spread."""


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


class ImportanceMap(msgspec.Struct, frozen=True, tag=True):
    """Sweep -> parameter -> share."""

    shares: dict[str, dict[str, float]]


Drawing = TrialPlot | ParameterPlot | RankerPlot | ThirdsPlot | ReliabilityPlot | ImportanceMap


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


def _trial_panel(sweep: Sweep) -> TrialPanel:
    objective = sweep.spec.objective
    places, said = _drawn(sweep)
    trials = [sweep.ranked[place] for place in places]
    best = best_trial(sweep.ranked, objective)
    against = compare(rankers(best.metrics), objective) if best and best.metrics else None
    rolling = sweep.spec.phase == Phase.ROLLING
    return TrialPanel(
        title=sweep.spec.batch_id + said,
        slots=tuple(trial.slot for trial in trials),
        values=tuple(trial.score(objective) for trial in trials),
        best_so_far=tuple(best_so_far([trial.score(objective) for trial in trials], objective)),
        groups=tuple(_windows(trial) for trial in trials) if rolling else None,
        best_run=best.run if best else None,
        baseline=against.baseline if against else None,
        baseline_value=against.baseline_value if against else None,
    )


def _drawn(sweep: Sweep) -> tuple[list[int], str]:
    """Which of a sweep's trials are drawn, by place, and what is to be said of it where they are not all.

    Each point is some bytes of a file that a browser has to open: of a long sweep evenly spread ones, and every trial
    that was better than all before it.
    """
    trials, objective = sweep.ranked, sweep.spec.objective
    step = ceil(len(trials) / MOST_POINTS)
    if step <= 1:
        return list(range(len(trials))), ""
    course = best_so_far([trial.score(objective) for trial in trials], objective)
    better = {place for place in range(1, len(trials)) if course[place] != course[place - 1]}
    return sorted({*range(0, len(trials), step), *better}), f" (one trial of {step}, and all that were the best so far)"


def _windows(trial: Trial) -> str:
    return f"windows {setting(trial.parameters.get('rolling_windows'))}"


def _parameter_row(sweep: Sweep) -> ParameterRow:
    objective = sweep.spec.objective
    places, said = _drawn(sweep)
    trials = [sweep.ranked[place] for place in places]
    best = best_trial(trials, objective)
    space = singles(sweep.spec.space)
    varied = [name for name in parameter_names(space) if not isinstance(space[name], Fixed)]
    return ParameterRow(
        title=sweep.spec.batch_id + said,
        values=tuple(trial.score(objective) for trial in trials),
        parameters={name: tuple(_shown(trial.parameters.get(name)) for trial in trials) for name in varied},
        best=trials.index(best) if best else None,
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
