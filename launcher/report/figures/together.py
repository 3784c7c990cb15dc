"""Runs side by side as plain data: their settings and all six objectives on parallel axes, and who is beaten by nobody.

Of very many runs a chart shows some: the best ones, and of the others every so many.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from truestrength.launcher.report.markdown import setting
from truestrength.launcher.report.trials import Sweep, Trial, best_so_far, parameter_names
from truestrength.trainer.contract.config.search_space import Choice, Dimension, Fixed, FloatRange, singles
from truestrength.trainer.contract.words import Direction, Objective, Target

MOST_LINES = 400
"""Runs on parallel axes."""
MOST_POINTS = 300
"""Runs in each panel of the objectives against each other."""


class ParallelAxis(msgspec.Struct, frozen=True):
    """One axis, from bottom (0) to top (1)."""

    name: str
    kind: str
    """`number`, `logarithm` (of a number) or `choice`."""
    low: float = 0.0
    """What stands at the bottom; of a choice nothing."""
    high: float = 1.0
    values: tuple[str, ...] = ()
    """Of a choice: what may be chosen, from the bottom up."""


class ParallelLine(msgspec.Struct, frozen=True):
    """One run: where it meets each axis; None where it has no such parameter."""

    run: str
    front: bool
    places: tuple[float | None, ...]


class ParallelPlot(msgspec.Struct, frozen=True, tag=True):
    """Runs for one target: parameters, then objectives with the best at the top."""

    target: Target
    axes: tuple[ParallelAxis, ...]
    lines: tuple[ParallelLine, ...]


class FrontPoint(msgspec.Struct, frozen=True):
    """One run by every objective."""

    run: str
    values: dict[Objective, float]
    front: bool
    """Nobody is as good by every objective and better by one."""


class FrontPlot(msgspec.Struct, frozen=True, tag=True):
    """Runs for one target: objectives against each other, two and two."""

    points: tuple[FrontPoint, ...]


def thinned(trials: Sequence[Trial], most: int, objective: Objective) -> list[Trial]:
    """At most so many, in their own order.

    Half of them are the best ones; then those that were the best so far, and of the others every so many.
    """
    if len(trials) <= most:
        return list(trials)
    sign = -1 if objective.direction is Direction.MAXIMIZE else 1
    scores = [trial.score(objective) for trial in trials]
    ranked = sorted(range(len(trials)), key=lambda i: (scores[i] is None, sign * (scores[i] or 0.0), i))
    course = best_so_far(scores, objective)
    better = [i for i in range(1, len(trials)) if course[i] != course[i - 1]]
    chosen = {*ranked[: most // 2], *better[-(most // 4) :]}
    others = [i for i in range(len(trials)) if i not in chosen]
    room = most - len(chosen)
    return [trials[i] for i in sorted(chosen | {others[k * len(others) // room] for k in range(room)})]


def shown_of(sweeps: Sequence[Sweep], most: int) -> Iterator[tuple[Sweep, Trial]]:
    """Runs of all sweeps, at most so many together (but at least a few of each)."""
    share = max(4, most // max(1, len(sweeps)))
    rest = sum(max(0, share - len(sweep.ranked)) for sweep in sweeps)
    large = sum(len(sweep.ranked) > share for sweep in sweeps)
    share += rest // large if large else 0
    for sweep in sweeps:
        for trial in thinned(sweep.ranked, share, sweep.spec.objective):
            yield sweep, trial


def parallel_plot(sweeps: Sequence[Sweep], target: Target) -> ParallelPlot | None:
    """None where there is no run for the target. The values of two targets are two different things."""
    sweeps = [sweep for sweep in sweeps if sweep.spec.target is target]
    shown = list(shown_of(sweeps, MOST_LINES))
    best = {trial.run for trial in front(sweeps, target)}
    trials = [trial for _, trial in shown]
    spaces: dict[str, list[Dimension]] = {}
    for sweep in sweeps:
        for name, dimension in singles(sweep.spec.space).items():
            spaces.setdefault(name, []).append(dimension)
    varied = [name for name in parameter_names(spaces) if not all(isinstance(d, Fixed) for d in spaces[name])]
    found = [(_parameter_axis(name, spaces[name], trials), [t.parameters.get(name) for t in trials]) for name in varied]
    for objective in Objective:
        scores = [trial.score(objective) for trial in trials]
        if known := [score for score in scores if score is not None]:
            low, high = min(known), max(known)
            ends = (high, low) if objective.direction is Direction.MINIMIZE else (low, high)
            found.append((ParallelAxis(objective.value, "number", *ends), scores))
    places = zip(*([_place(axis, value) for value in values] for axis, values in found), strict=True)
    lines = [
        ParallelLine(trial.run, trial.run in best, own)
        for trial, own in zip(trials, places, strict=False)
        if sum(place is not None for place in own) > 1
    ]
    return ParallelPlot(target, tuple(axis for axis, _ in found), tuple(lines)) if lines else None


def front_plot(sweeps: Sequence[Sweep], target: Target) -> FrontPlot | None:
    """None where no run for the target has figures by more objectives than one."""
    own = [sweep for sweep in sweeps if sweep.spec.target is target]
    best = front(own, target)
    names = {trial.run for trial in best}
    shown = {trial.run: trial for trial in (*(trial for _, trial in shown_of(own, MOST_POINTS)), *best)}
    points = []
    for name, trial in sorted(shown.items(), key=lambda item: item[1].run_id or 0):
        values = {objective: score for objective in Objective if (score := trial.score(objective)) is not None}
        if len(values) > 1:
            points.append(FrontPoint(name, values, name in names))
    return FrontPlot(tuple(points)) if points else None


def front(sweeps: Sequence[Sweep], target: Target) -> list[Trial]:
    """The runs for a target that no other one beats by one objective and equals by the rest, of sweeps measured alike.

    Runs that lack an objective are left out.
    """
    trials = [trial for sweep in sweeps if sweep.spec.target is target for trial in sweep.ranked]
    costs = [[_cost(trial, objective) for objective in Objective] for trial in trials]
    whole = [i for i, row in enumerate(costs) if not any(math.isnan(cost) for cost in row)]
    left = np.array([costs[i] for i in whole]).reshape(len(whole), len(Objective))
    names = np.array(whole, dtype=int)
    position = 0
    while position < len(left):
        # Those that this one beats (or equals: equals stay) are gone for good, so the rest gets short quickly.
        keeps = np.any(left < left[position], axis=1) | np.all(left == left[position], axis=1)
        position = int(np.sum(keeps[:position])) + 1
        left, names = left[keeps], names[keeps]
    return [trials[i] for i in names]


def _cost(trial: Trial, objective: Objective) -> float:
    score = trial.score(objective)
    if score is None:
        return math.nan
    return -score if objective.direction is Direction.MAXIMIZE else score


def _parameter_axis(name: str, dimensions: Sequence[Dimension], trials: Sequence[Trial]) -> ParallelAxis:
    """As wide as what was tried; a choice where anything but numbers was."""
    tried = [trial.parameters[name] for trial in trials if trial.parameters.get(name) is not None]
    if any(isinstance(d, Choice) for d in dimensions) or any(_number(value) is None for value in tried):
        known = {setting(value): value for value in tried}
        return ParallelAxis(name, "choice", values=tuple(sorted(known, key=lambda text: (len(text), text))))
    numbers = [float(value) for value in tried] or [0.0]
    logarithm = any(isinstance(d, FloatRange) and d.log for d in dimensions) and min(numbers) > 0
    return ParallelAxis(name, "logarithm" if logarithm else "number", min(numbers), max(numbers))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _place(axis: ParallelAxis, value: object) -> float | None:
    """Where on the axis a value is; the middle where there is but one."""
    if value is None:
        return None
    if axis.kind == "choice":
        return axis.values.index(setting(value)) / (len(axis.values) - 1) if len(axis.values) > 1 else 0.5
    number, low, high = _number(value) or 0.0, axis.low, axis.high
    if axis.kind == "logarithm":
        number, low, high = math.log(number), math.log(low), math.log(high)
    return (number - low) / (high - low) if high != low else 0.5
