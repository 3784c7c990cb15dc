"""The grid of a search space: every combination of its values, numbered, without ever being written out whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trainer.contract.config.search_space import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    Parameters,
    SearchSpace,
    float_steps,
)
from trainer.contract.errors import ConfigError
from trainer.contract.sweep.spec import SweepSpec
from trainer.contract.words import Method

FLOAT_POINTS = 4
"""A range of numbers without a step is cut into this many points, its ends included."""


def grid_values(dimension: Dimension) -> Sequence[Any]:
    """The values of one parameter on the grid.

    >>> grid_values(FloatRange(low=0.0, high=3.0))
    [0.0, 1.0, 2.0, 3.0]
    """
    match dimension:
        case Choice(values=values):
            return list(values)
        case Fixed(value=value):
            return [value]
        case IntRange(low=low, high=high, step=step):
            return range(low, high + 1, step)
        case FloatRange(low=low, high=high, step=float(step)):
            return float_steps(low, high, step)
        case FloatRange():
            return _cut(dimension)
    raise AssertionError(dimension)


def _cut(dimension: FloatRange) -> list[float]:
    low, high = dimension.low, dimension.high
    if low == high:
        return [low]
    shares = [i / (FLOAT_POINTS - 1) for i in range(FLOAT_POINTS)]
    if dimension.log:
        return [low * (high / low) ** share for share in shares]
    return [round(low + (high - low) * share, 12) for share in shares]


def grid_size(space: SearchSpace) -> int:
    """How many combinations there are."""
    return math.prod(len(grid_values(dimension)) for dimension in space.values())


def grid_point(space: SearchSpace, index: int) -> Parameters:
    """Combination number `index`, counting through the last parameter first.

    >>> grid_point({"a": Choice(values=(1, 2)), "b": Choice(values=(3, 4, 5))}, 4)
    {'a': 2, 'b': 4}
    """
    point: Parameters = {}
    for name, dimension in reversed(space.items()):
        values = grid_values(dimension)
        index, position = divmod(index, len(values))
        point[name] = values[position]
    return {name: point[name] for name in space}


def check_budget(spec: SweepSpec) -> None:
    """Refuse a budget that a grid cannot fill.

    Raises:
        ConfigError: naming the grid's size.
    """
    if spec.method is Method.GRID and spec.n_trials > grid_size(spec.space):
        raise ConfigError(
            f"--n-trials {spec.n_trials}: the grid of --phase {spec.phase} has {grid_size(spec.space)} points; "
            f"give at most that many"
        )
