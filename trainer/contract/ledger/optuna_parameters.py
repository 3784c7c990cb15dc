"""A search space as Optuna knows it, and parameters as its study stores them.

A sampler is asked about rows as one choice; the study that people read has the single parameters (`singles`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from truestrength.trainer.contract.config.conditions import gathered
from truestrength.trainer.contract.config.search_space import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    Rows,
    SearchSpace,
    encode_choice,
    float_steps,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """The parameters that vary, as Optuna knows them; fixed ones are not searched, so it does not see them."""
    return {name: _distribution(dimension) for name, dimension in space.items() if not isinstance(dimension, Fixed)}


def encode(space: SearchSpace, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Optuna stores them: without the fixed and the absent ones, lists and rows as text."""
    point = gathered(space, parameters)
    free = {label: dimension for label, dimension in space.items() if not isinstance(dimension, Fixed)}
    return {
        label: encode_choice(point[label]) if isinstance(dimension, Choice | Rows) else point[label]
        for label, dimension in free.items()
        if label in point
    }


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (  # noqa: PLC0415 - a third of a second of start-up
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    match dimension:
        case Choice(values=values) | Rows(values=values):
            return CategoricalDistribution([encode_choice(value) for value in values])
        case IntRange(low=low, high=high, step=step):
            return IntDistribution(low, high - (high - low) % step, step=step)
        case FloatRange(low=low, high=high, step=float(step)):
            return FloatDistribution(low, float_steps(low, high, step)[-1], step=step)
        case FloatRange(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
    raise AssertionError(dimension)
