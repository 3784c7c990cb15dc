"""A search space seen from the search: from the unit cube, and back from Optuna's form of its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from truestrength.trainer.contract.config.conditions import spread
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
    decode_choice,
    float_steps,
)


def from_unit(space: SearchSpace, point: Sequence[float]) -> Parameters:
    """The parameters at a point of the unit cube, one coordinate per key of the space that is not fixed.

    >>> from_unit({"depth": IntRange(low=3, high=5), "share": Fixed(value=0.8)}, [0.99])
    {'depth': 5, 'share': 0.8}
    """
    return spread(space, point_at(space, point))


def point_at(space: SearchSpace, point: Sequence[float]) -> Point:
    """A value for every key of the space: one that is not there has a coordinate, so that no other depends on it."""
    coordinates = iter(point)
    return {
        label: dimension.value if isinstance(dimension, Fixed) else _at(dimension, next(coordinates))
        for label, dimension in space.items()
    }


def to_unit(space: SearchSpace, parameters: Mapping[str, Any]) -> list[float]:
    """Where `from_unit` has parameters from, in a space of ranges: a value of several is the middle of its stretch.

    >>> to_unit({"depth": IntRange(low=3, high=5)}, {"depth": 5})
    [0.8333333333333334]
    """
    return [_share(dimension, parameters[name]) for name, dimension in space.items()]


def ranges(space: SearchSpace) -> SearchSpace:
    """The parameters with an order, more than one value and no conditions: a direction can be followed in them."""
    return {
        name: dimension
        for name, dimension in space.items()
        if isinstance(dimension, IntRange | FloatRange)
        and not dimension.when
        and dimension.low < dimension.high
        and _n_values(dimension) > 1
    }


def n_free(space: SearchSpace) -> int:
    """How many keys of a space vary; rows are one."""
    return sum(not isinstance(dimension, Fixed) for dimension in space.values())


def coarsest_first(space: SearchSpace, point: Sequence[float]) -> list[float]:
    """Deal the coordinates of a Halton point out so that parameters with few values get the small prime bases.

    In base 2 the first four points hit each of four choices once; in base 17 they may all hit the same.
    """
    free = [dimension for dimension in space.values() if not isinstance(dimension, Fixed)]
    order = sorted(range(len(free)), key=lambda i: (not isinstance(free[i], Choice | Rows), _n_values(free[i]), i))
    dealt = [0.0] * len(free)
    for position, coordinate in zip(order, point, strict=True):
        dealt[position] = coordinate
    return dealt


def decode(space: SearchSpace, encoded: Mapping[str, Any]) -> Parameters:
    """The parameters that a sampler means, the fixed ones included, and without those that are not there."""
    point: Point = {}
    for label, dimension in space.items():
        match dimension:
            case Fixed(value=value):
                point[label] = value
            case Choice() | Rows():
                point[label] = decode_choice(dimension, encoded[label])
            case FloatRange(low=low, high=high, step=float(step)):
                # Optuna counts steps in binary; the nearest decimal is the one that other trials have.
                point[label] = min(float_steps(low, high, step), key=lambda value: abs(value - encoded[label]))
            case _:
                point[label] = encoded[label]
    return spread(space, point)


def _n_values(dimension: Dimension) -> float:
    match dimension:
        case Choice(values=values) | Rows(values=values):
            return len(values)
        case IntRange(low=low, high=high, step=step):
            return (high - low) // step + 1
        case FloatRange(low=low, high=high, step=float(step)):
            return len(float_steps(low, high, step))
        case _:
            return math.inf


def _share(dimension: Dimension, value: Any) -> float:
    match dimension:
        case IntRange(low=low, step=step):
            return float(((value - low) / step + 0.5) / _n_values(dimension))
        case FloatRange(low=low, step=float(step)):
            return float((round((value - low) / step) + 0.5) / _n_values(dimension))
        case FloatRange(low=low, high=high, log=True):
            return math.log(value / low) / math.log(high / low)
        case FloatRange(low=low, high=high):
            return float((value - low) / (high - low))
    raise AssertionError(dimension)


def _at(dimension: Dimension, share: float) -> Any:
    match dimension:
        case Choice(values=values) | Rows(values=values):
            return values[min(int(share * len(values)), len(values) - 1)]
        case IntRange(low=low, high=high, step=step):
            count = (high - low) // step + 1
            return low + step * min(int(share * count), count - 1)
        case FloatRange(low=low, high=high, step=float(step)):
            steps = float_steps(low, high, step)
            return steps[min(int(share * len(steps)), len(steps) - 1)]
        case FloatRange(low=low, high=high, log=True):
            return min(high, max(low, math.exp(math.log(low) + share * math.log(high / low))))
        case FloatRange(low=low, high=high):
            return low + share * (high - low)
    raise AssertionError(dimension)
