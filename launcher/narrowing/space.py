"""Narrows the search space of a sweep that has ended to what its best trials had; what mattered little is fixed.

Surprising: where the trials differ by no more than seeds do, nothing can be told of any parameter. Then none is fixed
for having mattered little, the best trials may have been lucky ones, and what is written says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from truestrength.launcher.report.chance import by_chance
from truestrength.launcher.report.trials import Sweep, Trial, best_of_target, parameter_names
from truestrength.trainer.contract.config.conditions import condition, gathered, ordered
from truestrength.trainer.contract.config.fitting import fit
from truestrength.trainer.contract.config.search_space import (
    AnyDimension,
    Choice,
    Condition,
    Fixed,
    FloatRange,
    IntRange,
    Rows,
    config_key,
    encode_choice,
    names_of,
    singles,
)
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Direction, Method

FEWEST_TRIALS = 8
"""With fewer complete trials the best quartile would be one, or hardly differ from all."""
FEWEST_BEST = 3
LITTLE = 0.5
"""A parameter mattered little when its share of the importances is below this part of an equal share."""


class Parameter(NamedTuple):
    """One parameter of the narrowed space."""

    dimension: AnyDimension
    why: str
    """In one line."""


class Narrowing(NamedTuple):
    """What came of a sweep."""

    spec: SweepSpec
    """Of the sweep."""
    n_trials: int
    """That could have been among the best."""
    best: tuple[Trial, ...]
    """The best quartile, the very best first."""
    known: str
    """Sentences on what can be told of the parameters."""
    space: dict[str, Parameter]


def narrowed(sweep: Sweep, alike: Sequence[Sweep]) -> Narrowing:
    """The search space around a sweep's best trials.

    Args:
        sweep: One that has ended.
        alike: It and the sweeps of its outputs root that were measured like it; one of them may know what is chance.

    Raises:
        UserError: the sweep tried a grid, has too few complete trials, or nothing is left to search.
    """
    spec = sweep.spec
    if spec.method is Method.GRID:
        raise UserError(
            f"{spec.batch_id}: has tried the points of a grid: there is nothing between them to narrow. Take the best "
            "of its table, or make a smaller grid"
        )
    ranked = _best_first(sweep)
    if len(ranked) < FEWEST_TRIALS:
        last = " of its last rung" if spec.method is Method.HALVING else ""
        raise UserError(
            f"{spec.batch_id}: has {len(ranked)} complete trials{last}, and a quartile needs at least {FEWEST_TRIALS}: "
            "give it a larger budget (the command that started it, with --n-trials), or take another sweep"
        )
    best = ranked[: max(FEWEST_BEST, math.ceil(len(ranked) / 4))]
    shares, known = _importances(sweep, alike)
    space = _narrowed_space(spec, best, shares)
    if all(isinstance(parameter.dimension, Fixed) for parameter in space.values()):
        told = "; ".join(f"{name}: {parameter.why}" for name, parameter in space.items())
        raise UserError(f"{spec.batch_id}: nothing is left to search, every parameter would be fixed: {told}")
    return Narrowing(spec, len(ranked), tuple(best), known, space)


def _best_first(sweep: Sweep) -> list[Trial]:
    """The trials that may be called best and have a value."""
    sign = 1 if sweep.spec.objective.direction is Direction.MINIMIZE else -1
    scored = [(trial.score(sweep.spec.objective), trial) for trial in sweep.ranked]
    keys = [(sign * score, trial.run_id or 0, trial) for score, trial in scored if score is not None]
    return [trial for _, _, trial in sorted(keys, key=lambda key: key[:2])]


def _importances(sweep: Sweep, alike: Sequence[Sweep]) -> tuple[Mapping[str, float], str]:
    """Each parameter's share, as far as it can be told, and what can be told."""
    if by_chance(sweep, alike):
        return {}, (
            "Its trials differ by no more than other seeds of the best configuration do: what the best of them have in "
            "common may be chance, and no parameter is fixed for having mattered little. Better data or another model "
            "are likelier to help than this search."
        )
    found = sweep.importances
    if found is None or not found.importances:
        reason = (found.reason if found else None) or "`truestrength report` writes it"
        return {}, f"Which parameters mattered is not known ({reason}): none is fixed for having mattered little."
    best = best_of_target(alike, sweep.spec.target)
    chance = (
        "Its trials differ by more than other seeds of the best configuration do."
        if best and best.noise
        else "How far chance alone moves the value was not measured."
    )
    return found.importances, (
        f"{chance} Shares are importances ({found.evaluator}); a parameter below {LITTLE:g} of an equal share mattered "
        "little and is fixed at the best trial's value."
    )


def _narrowed_space(spec: SweepSpec, best: Sequence[Trial], shares: Mapping[str, float]) -> dict[str, Parameter]:
    """Every parameter that a best trial had; one whose conditions can hold no more is left out."""
    space = spec.space
    points = [gathered(space, trial.parameters) for trial in best]
    found: dict[str, Parameter] = {}
    for label in ordered(space):
        values = [point[label] for point in points if label in point]
        when = _still_possible(space[label], {name: parameter.dimension for name, parameter in found.items()})
        if values and when is not None:
            dimension = replace(space[label], when=when or UNSET)
            found.update(_narrowed(label, dimension, values, _share(names_of(label, dimension), shares)))
    return {name: found[name] for name in parameter_names(found)}


def _still_possible(dimension: AnyDimension, known: Mapping[str, AnyDimension]) -> Condition | None:
    """The part of a parameter's conditions that the narrowed others can meet; None where one cannot be met."""
    alone = {config_key(name): one for name, one in singles(dict(known)).items()}
    asked = condition(dimension)
    if not asked.keys() <= alone.keys():
        return None
    left = {key: tuple(v for v in values if fit(alone[key], v) is not UNSET) for key, values in asked.items()}
    return left if all(left.values()) else None


def _share(names: Sequence[str], shares: Mapping[str, float]) -> tuple[float, float] | None:
    """The importance of parameters that go together, and below which share it would be little; None: not known."""
    known = [shares[name] for name in names if name in shares]
    return (sum(known), LITTLE * len(known) / len(shares)) if known else None


def _narrowed(
    label: str, dimension: AnyDimension, values: Sequence[Any], share: tuple[float, float] | None
) -> dict[str, Parameter]:
    """A key of the search space, by the values of the best trials; fixed rows are taken apart."""
    if isinstance(dimension, Fixed):
        return {label: Parameter(dimension, "as before")}
    said = f"share {share[0]:.2f}; " if share else ""
    before = f"{said}before: {_shown(dimension)}"
    if share and share[0] < share[1]:
        return _fixed(label, dimension, values[0], f"mattered little, {before}")
    if len({encode_choice(value) for value in values}) == 1:
        return _fixed(label, dimension, values[0], f"all of the best have it, {before}")
    kept = _kept(dimension, values)
    return {label: Parameter(kept, f"{said}as before" if kept == dimension else before)}


def _fixed(label: str, dimension: AnyDimension, value: Any, why: str) -> dict[str, Parameter]:
    row = value if isinstance(dimension, Rows) else [value]
    names = names_of(label, dimension)
    return {n: Parameter(Fixed(value=v, when=dimension.when), why) for n, v in zip(names, row, strict=True)}


def _kept(dimension: AnyDimension, values: Sequence[Any]) -> AnyDimension:
    """The part of a dimension that has these values."""
    match dimension:
        case IntRange() | FloatRange():
            return replace(dimension, low=max(dimension.low, min(values)), high=min(dimension.high, max(values)))
        case Choice() | Rows():
            had = {encode_choice(value) for value in values}
            return replace(dimension, values=tuple(value for value in dimension.values if encode_choice(value) in had))
    raise AssertionError(dimension)


def _shown(dimension: AnyDimension) -> str:
    match dimension:
        case IntRange(low=low, high=high) | FloatRange(low=low, high=high):
            return f"{low} to {high}"
        case Choice(values=values) | Rows(values=values):
            return ", ".join(json.dumps(value) for value in values)
    raise AssertionError(dimension)
