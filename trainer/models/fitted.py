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
from safetensors.numpy import load_file, save_file

from trainer.contract.errors import DataError
from trainer.contract.files import replacing, write_bytes, write_json
from trainer.contract.objectives import Target
from trainer.contract.paths import ModelPaths
from trainer.features.batches import Batches
from trainer.models.fits import Ints
from trainer.models.settings import Depths
from trainer.models.stack import Stack
from trainer.models.team_rows import as_lists, context_rows, expected_rows

Array = npt.NDArray[Any]


class Description(msgspec.Struct, frozen=True):
    """`stack.json`: how the models go together, and what they read."""

    target: Target
    stack_weights: dict[str, float]
    stack_alpha: float
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

    def save(self, folder: Path) -> None:
        """Write the models into `folder`: safetensors, XGBoost JSON, JSON."""
        from trainer.models import boosting  # noqa: PLC0415 - imports xgboost

        paths = ModelPaths(folder)
        _save_arrays(paths.model_a, self.model_a)
        write_bytes(paths.model_b, boosting.as_json(self.model_b, self.description.rounds))
        _save_arrays(paths.model_c, self.model_c)
        write_json(paths.stack, self.description)

    def scores(self, batches: Batches, lists: Ints) -> dict[str, Array]:
        """[L, T] scores of some lists by each model; 0 where masked.

        Raises:
            DataError: when the batches have other columns than those that the models were fitted on.
        """
        self._check(batches)
        from trainer.models import boosting, deep_set_training, forest  # noqa: PLC0415 - import torch and xgboost

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
    """Read what `FittedModels.save` wrote.

    Raises:
        DataError: when the folder does not hold the models of a complete run.
    """
    paths = ModelPaths(folder)
    try:
        return FittedModels(
            model_a=load_file(paths.model_a),
            model_b=np.frombuffer(paths.model_b.read_bytes(), dtype=np.uint8),
            model_c=load_file(paths.model_c),
            description=msgspec.json.decode(paths.stack.read_bytes(), type=Description),
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: no fitted models here ({error}). Only complete runs have them") from None


def describe(stack: Stack, target: Target, batches: Batches, hidden: int, depths: Depths) -> Description:
    """What `FittedModels` needs to know besides the arrays."""
    return Description(
        target=target,
        stack_weights=stack.as_table(),
        stack_alpha=stack.alpha,
        hidden=hidden,
        epochs=depths.epochs,
        rounds=depths.rounds,
        trees=depths.trees,
        player_columns=batches.player_columns,
        context_columns=batches.context_columns,
    )


def _save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    with replacing(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)
