"""Search spaces as the YAML writes them, and where each parameter lives in the configuration.

A parameter's short name is what the tables and Optuna show; its dotted key is what it changes. A dotted key is a
valid name too, so a search space can be widened by any key of the configuration without a change in code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

PARAMETER_KEYS: Mapping[str, str] = {
    "model_a_epochs": "model_a.epochs",
    "max_depth": "model_b.max_depth",
    "learning_rate": "model_b.learning_rate",
    "n_estimators_xgb": "model_b.n_estimators",
    "subsample": "model_b.subsample",
    "colsample_bytree": "model_b.colsample_bytree",
    "n_estimators_rf": "model_c.n_estimators",
    "min_samples_leaf": "model_c.min_samples_leaf",
    "rolling_windows": "training.rolling_windows",
}


Condition: TypeAlias = dict[str, Annotated[tuple[Any, ...], Meta(min_length=1)]]


class Dimension(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", kw_only=True):
    """One parameter of a search space, or several that go together."""

    # Unset and not empty: a space without conditions is the same plain data, and so has the same digest, as ever.
    when: Condition | UnsetType = UNSET
    """Parameters, or keys of the configuration -> their values with which this one is there; all of them must hold."""


class IntRange(Dimension, frozen=True, tag="int"):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    """The lowest value."""
    high: int
    """The highest."""
    step: Annotated[int, Meta(ge=1)] = 1
    """From one value to the next."""


class FloatRange(Dimension, frozen=True, tag="float"):
    """Numbers from `low` to `high`; `log` spreads them evenly over magnitudes.

    With a `step` only every so far: trials that meet in a value share what they train with it.
    """

    low: float
    """The lowest value."""
    high: float
    """The highest."""
    log: bool = False
    """Spread them evenly over magnitudes."""
    step: Annotated[float, Meta(gt=0)] | None = None
    """From one value to the next. None: every number."""


class Choice(Dimension, frozen=True, tag="choice"):
    """One of `values`, which have no order; a value may be a list."""

    values: Annotated[tuple[Any, ...], Meta(min_length=1)]
    """What it may be."""


class Rows(Dimension, frozen=True, tag="rows"):
    """Parameters that go together: one choice among `values`, each of which has a value for every name.

    Its key in the search space is only a label: tables, study and configuration know the single parameters.
    """

    names: Annotated[tuple[str, ...], Meta(min_length=1)]
    """The parameters."""
    values: Annotated[tuple[tuple[Any, ...], ...], Meta(min_length=1)]
    """Rows of values, one for every name."""


class Fixed(Dimension, frozen=True, tag="fixed"):
    """Always `value`: shown in the tables, never varied."""

    value: Any
    """What it is."""


Parameters: TypeAlias = dict[str, Any]
Point: TypeAlias = dict[str, Any]
"""A key of the search space -> its value: like parameters, but a row is one value."""
AnyDimension: TypeAlias = IntRange | FloatRange | Choice | Rows | Fixed
SearchSpace: TypeAlias = dict[str, AnyDimension]
SweepLists: TypeAlias = dict[str, Annotated[tuple[Any, ...], Meta(min_length=1)]]


def config_key(name: str) -> str:
    """The dotted configuration key that parameter `name` changes."""
    return PARAMETER_KEYS.get(name, name)


def names_of(label: str, dimension: Dimension) -> tuple[str, ...]:
    """The parameters that stand under a key of the search space."""
    return dimension.names if isinstance(dimension, Rows) else (label,)


def singles(space: SearchSpace) -> SearchSpace:
    """Every parameter by itself: a column of rows is a choice among its values.

    >>> list(singles({"tree": Rows(names=("a", "b"), values=((1, 2), (1, 3)))}).values())
    [Choice(values=(1,), when=UNSET), Choice(values=(2, 3), when=UNSET)]
    """
    found: SearchSpace = {}
    for label, dimension in space.items():
        if isinstance(dimension, Rows):
            for name, column in zip(dimension.names, zip(*dimension.values, strict=True), strict=True):
                values = tuple(value for i, value in enumerate(column) if value not in column[:i])
                found[name] = Choice(values=values, when=dimension.when)
        else:
            found[label] = dimension
    return found


def float_steps(low: float, high: float, step: float) -> list[float]:
    """The values of a range with a step, as short decimal numbers: all who ask get the same bits.

    >>> float_steps(0.06, 0.1, 0.01)
    [0.06, 0.07, 0.08, 0.09, 0.1]
    """
    return [round(low + i * step, 12) for i in range(int((high - low) / step + 1e-9) + 1)]


def encode_choice(value: Any) -> str | float | bool | None:
    """A choice, or a row, as Optuna stores it: lists become their JSON text, plain values stay.

    >>> encode_choice([10, 30])
    '[10, 30]'
    """
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value


def decode_choice(dimension: Choice | Rows, encoded: Any) -> Any:
    """The value that `encode_choice` encoded."""
    return next(v for v in dimension.values if encode_choice(v) == encoded)
