"""What can change each model's training, apart from its depth (epochs, rounds, trees). Plain data, no heavy imports.

The surprising one: these are what the stage store's identities are made of, so a field here that changes nothing costs
shared work, and a setting that is missing here gives wrong results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from truestrength.trainer.contract.config.search_space import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    SearchSpace,
    config_key,
    singles,
)
from truestrength.trainer.contract.config.settings import Config


@dataclass(frozen=True)
class DeepSetSettings:
    """Model A."""

    loss: Literal["listmle", "position_listmle", "spearman"]
    learning_rate: float
    weight_decay: float
    hidden: int
    dropout: float
    lists_per_step: int
    grad_clip: float
    seed: int


@dataclass(frozen=True)
class BoostingSettings:
    """Model B."""

    max_depth: int
    learning_rate: float
    subsample: float
    colsample_bytree: float
    seed: int


@dataclass(frozen=True)
class ForestSettings:
    """Model C."""

    min_samples_leaf: int
    max_features: float
    seed: int


@dataclass(frozen=True)
class Depths:
    """How far each model is trained."""

    epochs: int
    rounds: int
    trees: int


def deep_set_settings(config: Config) -> DeepSetSettings:
    """Model A's settings."""
    a, training = config.model_a, config.training
    return DeepSetSettings(
        loss=training.loss,
        learning_rate=a.learning_rate,
        weight_decay=a.weight_decay,
        hidden=a.hidden,
        dropout=a.dropout,
        lists_per_step=a.lists_per_step,
        grad_clip=a.grad_clip,
        seed=training.seed,
    )


def boosting_settings(config: Config) -> BoostingSettings:
    """Model B's settings."""
    b = config.model_b
    return BoostingSettings(b.max_depth, b.learning_rate, b.subsample, b.colsample_bytree, config.training.seed)


def forest_settings(config: Config) -> ForestSettings:
    """Model C's settings."""
    c = config.model_c
    return ForestSettings(c.min_samples_leaf, c.max_features, config.training.seed)


def depths(config: Config) -> Depths:
    """How far one run trains its models."""
    return Depths(config.model_a.epochs, config.model_b.n_estimators, config.model_c.n_estimators)


def deepest(space: SearchSpace) -> Depths:
    """The furthest that it pays to train the models of a trial drawn from `space`; 0 for no further than it needs.

    That is the most that any trial can ask for; but where another setting of the model is drawn from a range of real
    numbers without a step, no other trial will want just this model.

    >>> deepest({"model_a_epochs": IntRange(low=14, high=26), "n_estimators_xgb": IntRange(low=200, high=300)})
    Depths(epochs=26, rounds=300, trees=0)
    """
    keys = {config_key(name): dimension for name, dimension in singles(space).items()}
    return Depths(
        epochs=_deepest(keys, "model_a", "epochs"),
        rounds=_deepest(keys, "model_b", "n_estimators"),
        trees=_deepest(keys, "model_c", "n_estimators"),
    )


def _deepest(keys: Mapping[str, Dimension], section: str, field: str) -> int:
    own = [dimension for key, dimension in keys.items() if key.startswith(f"{section}.")]
    if any(isinstance(dimension, FloatRange) and dimension.step is None for dimension in own):
        return 0
    return max(_numbers(keys.get(f"{section}.{field}")), default=0)


def _numbers(dimension: Dimension | None) -> Iterable[int]:
    match dimension:
        case IntRange(high=high):
            return [high]
        case Choice(values=values):
            return [value for value in values if isinstance(value, int)]
        case Fixed(value=int(value)):
            return [value]
    return []
