"""What rankings are held against: the true ranks and the plain baselines, once per process and league.

Surprising: the blend of the baselines is fitted on the training seasons' ranked dates, as the models are, so a model
that beats it has found something that the standings do not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
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
    pairs = np.unique(np.stack([batches.season.astype(np.int64), batches.date.astype(np.int64)]), axis=1)
    ranked = _RankedDates(batches.seasons, pairs.tobytes())
    return _references(league_folder, read_manifest(league_folder).fingerprint, ranked, target, train)


@dataclass(frozen=True)
class _RankedDates:
    """The dates of all lists, in a form that can be a part of a cache's key."""

    seasons: tuple[str, ...]
    pairs: bytes
    """[2, dates] indices into `seasons`, and days since 1970-01-01."""

    def frame(self) -> pl.DataFrame:
        """season, date."""
        season, date = np.frombuffer(self.pairs, dtype=np.int64).reshape(2, -1)
        return pl.DataFrame(
            {"season": np.array(self.seasons)[season], "date": pl.Series(date).cast(pl.Int32).cast(pl.Date)}
        )


@lru_cache(maxsize=8)
def _references(
    folder: Path, fingerprint: str, ranked: _RankedDates, target: Target, train: tuple[str, ...]
) -> References:
    truth, scores = _of_league(folder, fingerprint)
    ranked_scores = scores.join(ranked.frame(), on=["season", "date"], how="semi", maintain_order="left")
    return References(truth, add_blend(ranked_scores, fit_blend(ranked_scores, truth, target, train)))


@lru_cache(maxsize=4)
def _of_league(folder: Path, fingerprint: str) -> tuple[pl.DataFrame, pl.DataFrame]:  # noqa: ARG001 - part of the key
    league = load_league(folder)
    return target_ranks(league), baseline_scores(league)
