"""What each feature is worth to a fitted run (`--run-explain`): permutation importance on the validation seasons.

A column is shuffled among the teams of each list and the run's own models score the lists again; what the Spearman
correlation loses is the column's worth (Breiman 2001). Slow by nature, which is why it is not part of a fast run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.files import replacing
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.seasons import split_seasons
from truestrength.trainer.contract.words import Target
from truestrength.trainer.evaluation.metrics import spearman
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.lists import choose_lists
from truestrength.trainer.models.fits import Ints
from truestrength.trainer.models.fitted import FittedModels, fitted_models
from truestrength.trainer.models.team_rows import as_lists
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store

MOST_LISTS = 40

Floats = npt.NDArray[np.float64]


def write_explanation(
    path: Path, config: Config, data: Path, store: Store, models: Mapping[str, bytes], *, proceed: Callable[[], None]
) -> None:
    """Write a row per feature: where it is read, its name, and the loss in Spearman correlation when it is shuffled.

    Args:
        path: the CSV file.
        config: of the run.
        data: league folder.
        store: of batches.
        models: the run's, as `FittedModels.files` gives them.
        proceed: called while somebody else builds the batches; may raise to stop the run.
    """
    batches = batches_stage.fetch(config, data, store, proceed)
    validation = split_seasons(config.evaluation, read_manifest(data)).validation
    lists = choose_lists(batches, validation, MOST_LISTS, config.training.seed)
    table = explain(fitted_models(models), batches, lists, config.training.listmle_target, config.training.seed)
    with replacing(path) as temporary:
        table.write_csv(temporary)


def explain(models: FittedModels, batches: Batches, lists: Ints, target: Target, seed: int) -> pl.DataFrame:
    """Permutation importance of every player and context column.

    Args:
        models: fitted.
        batches: all lists.
        lists: [L] which of them to shuffle and score.
        target: whose ranks are the truth.
        seed: of the shuffling.

    Returns:
        part ("players" or "context"), feature, spearman_loss; the most important first.
    """
    chosen = _only(batches, lists)
    everything = np.arange(len(lists))
    whole = _mean_spearman(models, chosen, everything, target)
    order = _shuffled_teams(chosen, np.random.default_rng(seed))
    rows = []
    for part, names in (("players", chosen.player_columns), ("context", chosen.context_columns)):
        values = getattr(chosen, part)
        for column, feature in enumerate(names):
            shuffled = values.copy()
            shuffled[..., column] = np.take_along_axis(
                values[..., column], order.reshape(*order.shape, *[1] * (values.ndim - 3)), axis=1
            )
            changed = dataclasses.replace(chosen, **{part: shuffled})
            loss = whole - _mean_spearman(models, changed, everything, target)
            rows.append({"part": part, "feature": feature, "spearman_loss": loss})
    return pl.DataFrame(rows).sort("spearman_loss", descending=True, maintain_order=True)


def _only(batches: Batches, lists: Ints) -> Batches:
    per_list = ("players", "player_mask", "context", "team_mask", "team_id", "season", "date", "conference")
    arrays = {name: getattr(batches, name)[lists] for name in per_list}
    ranks = {target: of_target[lists] for target, of_target in batches.ranks.items()}
    return dataclasses.replace(batches, **arrays, ranks=ranks)


def _shuffled_teams(batches: Batches, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """[L, T] an order of each list's real teams; the padding stays where it is."""
    order = np.tile(np.arange(batches.team_mask.shape[1]), (len(batches.team_mask), 1))
    for row, mask in zip(order, batches.team_mask, strict=True):
        row[mask] = generator.permutation(row[mask])
    return order


def _mean_spearman(models: FittedModels, batches: Batches, lists: Ints, target: Target) -> float:
    mask = batches.team_mask[lists]
    rows = {name: scores[mask].astype(np.float64) for name, scores in models.scores(batches, lists).items()}
    of_list = np.repeat(np.arange(len(lists)), mask.sum(axis=1))
    stacked = as_lists(batches, lists, models.stack.score(rows, of_list))
    ranks = batches.ranks[target][lists]
    each = [spearman(s[m][None], r[m][None])[0] for s, r, m in zip(stacked, ranks, mask, strict=True)]
    return float(np.mean(each))
