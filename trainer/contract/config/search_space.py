"""Search spaces as the YAML writes them, and where each parameter lives in the configuration.

A parameter's short name is what the tables and Optuna show; its dotted key is what it changes. A dotted key is a
valid name too, so a search space can be widened by any key of the configuration without a change in code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

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


class Dimension(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """One parameter of a search space."""


class IntRange(Dimension, frozen=True, tag="int"):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int
    step: Annotated[int, Meta(ge=1)] = 1


class FloatRange(Dimension, frozen=True, tag="float"):
    """Numbers from `low` to `high`; `log` spreads them evenly over magnitudes.

    With a `step` only every so far: trials that meet in a value share what they train with it.
    """

    low: float
    high: float
    log: bool = False
    step: Annotated[float, Meta(gt=0)] | None = None


class Choice(Dimension, frozen=True, tag="choice"):
    """One of `values`, which have no order; a value may be a list."""

    values: Annotated[tuple[Any, ...], Meta(min_length=1)]


class Fixed(Dimension, frozen=True, tag="fixed"):
    """Always `value`: shown in the tables, never varied."""

    value: Any


Parameters: TypeAlias = dict[str, Any]
SearchSpace: TypeAlias = dict[str, IntRange | FloatRange | Choice | Fixed]
SweepLists: TypeAlias = dict[str, Annotated[tuple[Any, ...], Meta(min_length=1)]]


def config_key(name: str) -> str:
    """The dotted configuration key that parameter `name` changes."""
    return PARAMETER_KEYS.get(name, name)


def float_steps(low: float, high: float, step: float) -> list[float]:
    """The values of a range with a step, as short decimal numbers: all who ask get the same bits.

    >>> float_steps(0.06, 0.1, 0.01)
    [0.06, 0.07, 0.08, 0.09, 0.1]
    """
    return [round(low + i * step, 12) for i in range(int((high - low) / step + 1e-9) + 1)]


def encode_choice(value: Any) -> str | float | bool | None:
    """A choice as Optuna stores it: lists become their JSON text, plain values stay.

    >>> encode_choice([10, 30])
    '[10, 30]'
    """
    return json.dumps(list(value)) if isinstance(value, list | tuple) else value


def decode_choice(dimension: Choice, encoded: Any) -> Any:
    """The value that `encode_choice` encoded."""
    return next(v for v in dimension.values if encode_choice(v) == encoded)
