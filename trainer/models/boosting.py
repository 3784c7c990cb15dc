"""Model B: gradient-boosted trees (XGBoost) on team context, which learn what the expected rank gets wrong.

Rounds are a prefix of one fit, also when a fit is continued: XGBoost's column sampler keeps a state that no saved model
holds, so a fit is made in blocks of rounds, each with its own seed, and a continuation begins at the start of a block.
A score can only rise with what speaks for a team (`trainer.features.directions`).

Shapes: M ranked lists, T teams, R rows, C context columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost

from truestrength.trainer.features.directions import directions
from truestrength.trainer.models.fits import Task
from truestrength.trainer.models.settings import BoostingSettings
from truestrength.trainer.models.team_rows import as_lists, context_rows, expected_rows, relevance_rows

Array = npt.NDArray[Any]

_BLOCK = 100
_BINS = 64
_MIN_ROWS = 20
_SHRINKAGE = 300.0
"""Of some 1,500 rows all but 180 are a team's season once more, so a leaf is worth less than its rows say."""


def fit(
    task: Task,
    settings: BoostingSettings,
    rounds: int,
    before: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Fit all folds and the final model to `rounds`, from the start or from an earlier result.

    Returns:
        `fit_0` … : each fit's model as the bytes of XGBoost's own UBJSON.
    """
    models = {}
    parameters = _parameters(settings, task.batches.context_columns)
    for i, lists in enumerate(task.fits.train):
        rows = xgboost.QuantileDMatrix(
            context_rows(task.batches, lists),
            relevance_rows(task.batches, lists, task.target) - expected_rows(task.batches, lists, task.target),
            max_bin=_BINS,
            nthread=1,
        )
        start = None if before is None else load(before[f"fit_{i}"])
        models[f"fit_{i}"] = _bytes(_boost(rows, parameters, (settings.seed, i), rounds, start))
    return models


def scores(task: Task, models: Mapping[str, Array], rounds: int) -> Array:
    """[M, T] scores of the lists `fits.ranked` by the first `rounds` rounds."""
    parts = []
    for i, lists in enumerate(task.fits.rank):
        rows = predict(load(models[f"fit_{i}"]), context_rows(task.batches, lists), rounds)
        parts.append(as_lists(task.batches, lists, rows + expected_rows(task.batches, lists, task.target)))
    return np.concatenate(parts)


def load(model: Array) -> xgboost.Booster:
    """A model from the bytes of its UBJSON or JSON."""
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(model.tobytes()))
    return booster


def as_json(model: Array, rounds: int) -> bytes:
    """XGBoost's JSON of the model that has only the first `rounds` rounds."""
    return bytes(load(model)[:rounds].save_raw("json"))


def predict(booster: xgboost.Booster, rows: Array, rounds: int) -> Array:
    """[R] what the first `rounds` rounds add to the expected relevance."""
    predicted: Array = booster.inplace_predict(rows, iteration_range=(0, rounds))
    return predicted


def contributions(booster: xgboost.Booster, rows: Array, rounds: int) -> Array:
    """[R, C + 1] each column's part in `predict`, and the mean last: exact Shapley values (Lundberg's TreeSHAP)."""
    table = xgboost.DMatrix(rows, nthread=1)
    parts: Array = booster.predict(table, pred_contribs=True, iteration_range=(0, rounds))
    return parts


def _parameters(settings: BoostingSettings, columns: Sequence[str]) -> dict[str, Any]:
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "max_bin": _BINS,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample_bytree,
        "min_child_weight": _MIN_ROWS,
        "reg_lambda": _SHRINKAGE,
        "monotone_constraints": directions(columns),
        "nthread": 1,
    }


def _boost(
    rows: xgboost.QuantileDMatrix,
    parameters: Mapping[str, Any],
    seeds: Sequence[int],
    rounds: int,
    booster: xgboost.Booster | None,
) -> xgboost.Booster:
    """Add blocks of rounds until there are `rounds`; `seeds` and the block's first round give the block's seed."""
    done = 0
    if booster is not None:
        done = booster.num_boosted_rounds() // _BLOCK * _BLOCK
        booster = booster[:done] if done else None
    while done < rounds:
        end = min(done + _BLOCK, rounds)
        seed = int(np.random.SeedSequence([*seeds, done]).generate_state(1)[0] >> 1)
        # Not xgboost.train: it asks for an evaluation in every round, and copies the model once more at the end.
        booster = xgboost.Booster({**parameters, "seed": seed}, [rows], model_file=booster)
        for round_of_block in range(end - done):
            booster.update(rows, round_of_block)
        done = end
    assert booster is not None
    return booster


def _bytes(booster: xgboost.Booster) -> Array:
    return np.frombuffer(booster.save_raw("ubj"), dtype=np.uint8)
