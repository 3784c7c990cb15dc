"""The grid of a search space: every combination of its values, numbered, without ever being written out whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from truestrength.trainer.contract.config.conditions import condition, ordered, spread
from truestrength.trainer.contract.config.search_space import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    Parameters,
    Point,
    Rows,
    SearchSpace,
    config_key,
    float_steps,
    names_of,
)
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method

FLOAT_POINTS = 4
"""A range of numbers without a step is cut into this many points, its ends included."""


def grid_values(dimension: Dimension) -> Sequence[Any]:
    """The values of one parameter on the grid.

    >>> grid_values(FloatRange(low=0.0, high=3.0))
    [0.0, 1.0, 2.0, 3.0]
    """
    match dimension:
        case Choice(values=values) | Rows(values=values):
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
    """How many combinations there are; two that differ in parameters only that are not there are one."""
    return _Grid(space).size(tuple(ordered(space)), {})


def grid_point(space: SearchSpace, index: int) -> Parameters:
    """Combination number `index`, counting through the last parameter first.

    >>> grid_point({"a": Choice(values=(1, 2)), "b": Choice(values=(3, 4, 5))}, 4)
    {'a': 2, 'b': 4}
    """
    return spread(space, _Grid(space).point(tuple(ordered(space)), {}, index))


class _Branch(NamedTuple):
    """Values of a parameter, next to each other on the grid, with which the same others are there."""

    positions: range
    value: Any
    """One of them."""


@dataclass(frozen=True)
class _Grid:
    """A space as a tree: which value a parameter has is asked only where others depend on it, so branches are few."""

    space: SearchSpace

    def size(self, left: tuple[str, ...], known: Point) -> int:
        """The combinations of the keys that are left, given what is known of the others."""
        if not left:
            return 1
        label, rest = left[0], left[1:]
        branches = self._branches(label, known)
        if not branches:
            return self.size(rest, known)
        return sum(len(b.positions) * self.size(rest, {**known, label: b.value}) for b in branches)

    def point(self, left: tuple[str, ...], known: Point, index: int) -> Point:
        """Combination number `index` of those that `size` counts, with what is known."""
        if not left:
            return known
        label, rest = left[0], left[1:]
        branches = self._branches(label, known)
        for branch in branches:
            below = self.size(rest, {**known, label: branch.value})
            if index < len(branch.positions) * below:
                position, index = divmod(index, below)
                value = grid_values(self.space[label])[branch.positions[position]]
                return self.point(rest, {**known, label: value}, index)
            index -= len(branch.positions) * below
        if branches:
            raise IndexError(index)
        return self.point(rest, known, index)

    def _branches(self, label: str, known: Point) -> list[_Branch]:
        """None where the parameter is not there."""
        dimension, values = self.space[label], grid_values(self.space[label])
        names = names_of(label, dimension)
        if names[0] not in spread(self.space, {**known, label: values[0]}):
            return []
        alone = sorted({i for value in self._asked(names) for i in _positions(dimension, values, value)})
        ends = [0, *(end for i in alone for end in (i, i + 1)), len(values)]
        runs = (range(start, end) for start, end in pairwise(ends))
        return [_Branch(run, values[run[0]]) for run in runs if run]

    def _asked(self, names: tuple[str, ...]) -> list[Any]:
        """The values of these parameters that others depend on."""
        own = {config_key(name) for name in names}
        asked = (condition(dimension) for dimension in self.space.values())
        return [value for one in asked for key, allowed in one.items() if key in own for value in allowed]


def _positions(dimension: Dimension, values: Sequence[Any], value: Any) -> Sequence[int]:
    if isinstance(dimension, Rows):
        return range(len(values))
    return [values.index(value)] if value in values else []


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
