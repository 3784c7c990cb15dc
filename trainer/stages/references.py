"""What rankings are held against: the true ranks and the plain baselines, once per process and league.

Surprising: the blend of the baselines is fitted on the training seasons' ranked dates, as the models are, so a model
that beats it has found something that the standings do not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from trainer.contract.league import read_manifest
from trainer.contract.objectives import Target
from trainer.data.league import load_league
from trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from trainer.features.batches import Batches
from trainer.features.targets import target_ranks


@dataclass(frozen=True)
class References:
    """Truth and baselines of a league."""

    truth: pl.DataFrame
    """As `trainer.features.targets.target_ranks` gives it."""
    baselines: pl.DataFrame
    """As `trainer.evaluation.baselines.add_blend` gives it, for the dates that are ranked."""


def references(league_folder: Path, batches: Batches, target: Target, train: tuple[str, ...]) -> References:
    """Truth, and baselines with the blend fitted to `target` on the seasons `train`.

    Raises:
        DataError: when `target` is not known in one of the training seasons.
    """
    truth, scores = _of_league(league_folder, read_manifest(league_folder).fingerprint)
    season = pl.Series(batches.seasons)[batches.season]
    ranked = pl.DataFrame({"season": season, "date": pl.Series(batches.date).cast(pl.Date)}).unique()
    ranked_scores = scores.join(ranked, on=["season", "date"], how="semi", maintain_order="left")
    return References(truth, add_blend(ranked_scores, fit_blend(ranked_scores, truth, target, train)))


@lru_cache(maxsize=4)
def _of_league(folder: Path, fingerprint: str) -> tuple[pl.DataFrame, pl.DataFrame]:  # noqa: ARG001 - part of the key
    league = load_league(folder)
    return target_ranks(league), baseline_scores(league)
