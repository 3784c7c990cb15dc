"""Whether a value, or a whole set of parameters from elsewhere, lies in a search space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from truestrength.trainer.contract.config.conditions import gathered, same, spread
from truestrength.trainer.contract.config.search_space import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    Parameters,
    Rows,
    SearchSpace,
    config_key,
    float_steps,
    singles,
)

CLOSE = 1e-9
"""Two numbers of a range with a step that differ by less are the same one."""


def fit(dimension: Dimension, value: Any) -> Any:
    """The value of a parameter by itself that equals `value`, with the same bits as other trials; UNSET: it has none.

    >>> fit(FloatRange(low=0.06, high=0.1, step=0.01), 0.06 + 0.01), fit(IntRange(low=3, high=5), 6)
    (0.07, UNSET)
    """
    match dimension:
        case Choice(values=values):
            return next((one for one in values if same(one, value)), UNSET)
        case Fixed(value=only):
            return only if same(only, value) else UNSET
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNSET
    match dimension:
        case IntRange(low=low, high=high, step=step):
            return int(value) if value == int(value) and low <= value <= high and (value - low) % step == 0 else UNSET
        case FloatRange(low=low, high=high, step=float(step)):
            nearest = min(float_steps(low, high, step), key=lambda one: abs(one - value))
            return nearest if abs(nearest - value) < CLOSE else UNSET
        case FloatRange(low=low, high=high):
            return float(value) if low <= value <= high else UNSET
    raise AssertionError(dimension)


def fitted(space: SearchSpace, parameters: Mapping[str, Any]) -> Parameters | None:
    """Parameters from elsewhere as this space has them; None where they are no point of it.

    Args:
        space: whose conditions are on its own parameters.
        parameters: by their names, or by the dotted keys that they change.
    """
    given = {config_key(name): value for name, value in parameters.items()}
    alone = singles(space)
    own = {name: fit(one, given.pop(config_key(name))) for name, one in alone.items() if config_key(name) in given}
    if given or UNSET in own.values():
        return None
    point = gathered(space, own)
    for label, dimension in space.items():
        if isinstance(dimension, Rows) and label in point:
            point[label] = fit(Choice(values=dimension.values), point[label])
    if UNSET in point.values():
        return None
    whole = spread(space, point)
    return whole if whole.keys() == own.keys() and _is_all_there(space, whole) else None


def said_values(dimension: Dimension) -> str:
    """What a parameter by itself can be, for messages."""
    match dimension:
        case Choice(values=values):
            return "one of " + ", ".join(map(text, values))
        case Fixed(value=only):
            return f"{text(only)} and nothing else"
        case IntRange(low=low, high=high, step=step) | FloatRange(low=low, high=high, step=step):
            by = f" in steps of {step}" if step not in (None, 1) else ""
            kind = "a whole number" if isinstance(dimension, IntRange) else "a number"
            return f"{kind} from {low} to {high}{by}"
    raise AssertionError(dimension)


def text(value: Any) -> str:
    """A value in a message."""
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _is_all_there(space: SearchSpace, whole: Parameters) -> bool:
    """Whether no parameter is missing that is there at this point."""
    point = gathered(space, whole)
    anything = {
        label: dimension.values[0] if isinstance(dimension, Rows) else None for label, dimension in space.items()
    }
    return spread(space, {**anything, **point}).keys() == whole.keys()
