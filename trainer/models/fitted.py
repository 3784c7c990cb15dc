"""The fitted models of one run: saved in open formats, and good for ranking seasons that the run never saw.

Surprising: nothing of the run's other files is needed. The columns that the models read stand beside their weights, and
batches with other columns are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import as_json
from truestrength.trainer.contract.paths.outputs import ModelPaths
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models import settings
from truestrength.trainer.models.fits import Ints
from truestrength.trainer.models.forest import NODES
from truestrength.trainer.models.stack import Stack
from truestrength.trainer.models.team_rows import as_lists, context_rows, expected_rows

Array = npt.NDArray[Any]


class Description(msgspec.Struct, frozen=True):
    """`stack.json`: how the models go together, and what they read."""

    target: Target
    stack_weights: dict[str, float]
    stack_alpha: float
    points_per_score: float
    """What a unit of the stack's score is worth in points a game."""
    hidden: int
    epochs: int
    rounds: int
    trees: int
    player_columns: tuple[str, ...]
    context_columns: tuple[str, ...]


@dataclass(frozen=True)
class FittedModels:
    """The final fits of the three models and the stack."""

    model_a: Mapping[str, Array]
    """weights [D] and the standardisation's rows [S] and [C]."""
    model_b: Array
    """Bytes of XGBoost's model; may have more rounds than `description.rounds`."""
    model_c: Mapping[str, Array]
    """Nodes of the forest."""
    description: Description

    @property
    def stack(self) -> Stack:
        """The stack's weights."""
        weights = self.description.stack_weights
        return Stack(tuple(weights), np.array(list(weights.values())), self.description.stack_alpha)

    def files(self) -> dict[str, bytes]:
        """The models as safetensors, XGBoost JSON and JSON, by the names that `ModelPaths` gives them."""
        from truestrength.trainer.models import boosting  # noqa: PLC0415 - imports xgboost

        paths = ModelPaths(Path())
        return {
            paths.model_a.name: _as_safetensors(self.model_a),
            paths.model_b.name: boosting.as_json(self.model_b, self.description.rounds),
            paths.model_c.name: _as_safetensors(self.model_c),
            paths.stack.name: as_json(self.description),
        }

    def scores(self, batches: Batches, lists: Ints) -> dict[str, Array]:
        """[L, T] scores of some lists by each model; 0 where masked.

        Raises:
            DataError: when the batches have other columns than those that the models were fitted on.
        """
        self._check(batches)
        from truestrength.trainer.models import boosting, deep_set_training, forest  # noqa: PLC0415 - import torch and xgboost

        target = self.description.target
        rows, expected = context_rows(batches, lists), expected_rows(batches, lists, target)
        booster = boosting.load(self.model_b)
        return {
            "model_a": deep_set_training.score(self.model_a, target, self.description.hidden, batches, lists),
            "model_b": as_lists(batches, lists, expected + boosting.predict(booster, rows, self.description.rounds)),
            "model_c": as_lists(batches, lists, expected + forest.predict(self.model_c, rows, self.description.trees)),
        }

    def _check(self, batches: Batches) -> None:
        for name in ("player_columns", "context_columns"):
            fitted, found = getattr(self.description, name), getattr(batches, name)
            if fitted != found:
                different = ", ".join(sorted(set(fitted) ^ set(found))) or "their order"
                raise DataError(
                    f"the models were fitted on other {name.replace('_', ' ')}: {len(fitted)} of them, and the batches "
                    f"have {len(found)}; they differ in {different}. Use the version of the trainer that fitted them, "
                    "or train again"
                )


def load_models(folder: Path) -> FittedModels:
    """Read what `FittedModels.files` gave, from a folder.

    Raises:
        DataError: when the folder does not hold the models of a complete run.
    """
    try:
        models = fitted_models({path.name: path.read_bytes() for path in folder.iterdir()})
        _check_whole(models)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200]  # XGBoost's own has a stack trace in it
        raise DataError(f"{folder}: no fitted models here ({said}). Only complete runs have them") from None
    return models


def _check_whole(models: FittedModels) -> None:
    """Read what is only read when something is scored.

    Raises:
        ValueError: when the parts do not go together.
        KeyError: when one is missing.
    """
    from truestrength.trainer.models import boosting  # noqa: PLC0415 - imports xgboost

    description, forest = models.description, models.model_c
    if boosting.load(models.model_b).num_boosted_rounds() < description.rounds:
        raise ValueError(f"model b has fewer than {description.rounds} rounds")
    nodes = int(forest["n_nodes"].sum())
    if len(forest["n_nodes"]) < description.trees or any(len(forest[name]) != nodes for name in NODES):
        raise ValueError(f"model c has not {description.trees} whole trees")
    widths = {"player": len(description.player_columns), "context": len(description.context_columns)}
    for name, width in widths.items():
        if models.model_a[f"{name}_mean"].shape != (width,) or models.model_a[f"{name}_deviation"].shape != (width,):
            raise ValueError(f"model a has no means of {width} {name} columns")
    if models.model_a["weights"].ndim != 1:
        raise ValueError("model a has no weights")


def fitted_models(files: Mapping[str, bytes]) -> FittedModels:
    """What `FittedModels.files` was made from.

    Raises:
        KeyError: when a file is missing.
        ValueError: when the description cannot be read.
        SafetensorError: when arrays cannot be read.
    """
    paths = ModelPaths(Path())
    return FittedModels(
        model_a=load(files[paths.model_a.name]),
        model_b=np.frombuffer(files[paths.model_b.name], dtype=np.uint8),
        model_c=load(files[paths.model_c.name]),
        description=msgspec.json.decode(files[paths.stack.name], type=Description),
    )


def describe(stack: Stack, points_per_score: float, batches: Batches, config: Config) -> Description:
    """What `FittedModels` needs to know besides the arrays."""
    depths = settings.depths(config)
    return Description(
        target=config.training.listmle_target,
        stack_weights=stack.as_table(),
        stack_alpha=stack.alpha,
        points_per_score=points_per_score,
        hidden=config.model_a.hidden,
        epochs=depths.epochs,
        rounds=depths.rounds,
        trees=depths.trees,
        player_columns=batches.player_columns,
        context_columns=batches.context_columns,
    )


def _as_safetensors(arrays: Mapping[str, Array]) -> bytes:
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
