"""Functions whose lowest value is known, over search spaces that a sweep can have; values are above that lowest one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from truestrength.trainer.contract.config.search_space import Choice, FloatRange, IntRange, Parameters, SearchSpace
from truestrength.trainer.search.dimensions import to_unit

UNIT = FloatRange(low=1.0, high=2.0)
"""A coordinate of the unit cube, as a setting that may not be 0."""
SHARE = FloatRange(low=0.1, high=1.0)
HARTMANN_WEIGHTS = np.array([1.0, 1.2, 3.0, 3.2])
HARTMANN_SCALES = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_CENTRES = np.array(
    [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
)
KINDS = (8, 16, 32, 64)


@dataclass(frozen=True)
class Known:
    """A function, 0 at its lowest."""

    space: SearchSpace
    above_lowest: Callable[[Parameters], float]


def branin(place: list[float]) -> float:
    """Two dimensions, three equal optima (L. Dixon and G. Szego, 1978).

    >>> round(branin([(math.pi + 5) / 15, 2.275 / 15]), 5)
    0.0
    """
    x, y = 15 * place[0] - 5, 15 * place[1]
    bend = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.3978873577


def hartmann6(place: list[float]) -> float:
    """Six dimensions, one optimum among six valleys (J. Hartman, 1973).

    >>> round(hartmann6([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]), 5)
    0.0
    """
    distances = (HARTMANN_SCALES * (np.array(place) - HARTMANN_CENTRES) ** 2).sum(axis=1)
    return 3.3223680114 - float(HARTMANN_WEIGHTS @ np.exp(-distances))


def mixed(parameters: Mapping[str, Any]) -> float:
    """A rate over four magnitudes, a whole number, a share, and a choice that moves the best rate.

    >>> mixed({"learning_rate": 10**-1.5, "max_depth": 6, "subsample": 0.7, "model_a.hidden": 8})
    0.0
    """
    kind = KINDS.index(parameters["model_a.hidden"])
    rate = math.log10(parameters["learning_rate"]) + 1.5 + kind / 2
    depth, share = (parameters["max_depth"] - 6) / 4, 2 * (parameters["subsample"] - 0.7)
    return float(rate**2 + depth**2 + share**2 + kind / 4)


def _in_unit_cube(function: Callable[[list[float]], float], space: SearchSpace) -> Known:
    return Known(space, lambda parameters: function(to_unit(space, parameters)))


FUNCTIONS = {
    "branin": _in_unit_cube(branin, {"model_a.learning_rate": UNIT, "model_a.weight_decay": UNIT}),
    "hartmann6": _in_unit_cube(
        hartmann6,
        {
            "model_a.learning_rate": UNIT,
            "model_a.weight_decay": UNIT,
            "model_a.grad_clip": UNIT,
            "learning_rate": UNIT,
            "subsample": SHARE,
            "colsample_bytree": SHARE,
        },
    ),
    "mixed": Known(
        {
            "learning_rate": FloatRange(low=1e-4, high=1.0, log=True),
            "max_depth": IntRange(low=2, high=10),
            "subsample": SHARE,
            "model_a.hidden": Choice(values=KINDS),
        },
        mixed,
    ),
}
