"""What rankings are held against: the true ranks and the plain baselines, once per process and league.

Surprising: the blend of the baselines, and the naive championship odds, are fitted on the training seasons' ranked
dates, as the models are, so a model that beats them has found something that the standings do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from trainer.contract.league.manifest import read_manifest
from trainer.contract.words import Target
from trainer.data.league import load_league
from trainer.data.true_strength import load_true_strength
from trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from trainer.evaluation.ceilings import Ceilings, evaluate_ceilings
from trainer.evaluation.season_odds import TitleSeason, title_seasons
from trainer.features.batches import Batches
from trainer.features.season_games import SeasonGames, season_games
from trainer.features.targets import target_ranks


@dataclass(frozen=True)
class References:
    """Truth, baselines and games of a league."""

    truth: pl.DataFrame
    """As `trainer.features.targets.target_ranks` gives it."""
    baselines: pl.DataFrame
    """As `trainer.evaluation.baselines.add_blend` gives it, for the dates that are ranked."""
    title: Mapping[str, TitleSeason]
    """By season: what championship odds are made from and held against."""


def references(league_folder: Path, batches: Batches, target: Target, train: tuple[str, ...]) -> References:
    """Truth, and baselines with the blend fitted to `target` on the seasons `train`.

    Raises:
        DataError: when `target` is not known in one of the training seasons.
    """
    return _references(league_folder, read_manifest(league_folder).fingerprint, _ranked(batches), target, train)


def ceilings(league_folder: Path, batches: Batches, target: Target, seasons: tuple[str, ...]) -> Ceilings:
    """The objectives of rankings that know the true strengths; empty for a league that does not know them.

    Raises:
        DataError: when the table of true strengths is damaged, or lacks a team on a date.
    """
    return _ceilings(league_folder, read_manifest(league_folder).fingerprint, _ranked(batches), target, seasons)


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


def _ranked(batches: Batches) -> _RankedDates:
    pairs = np.unique(np.stack([batches.season.astype(np.int64), batches.date.astype(np.int64)]), axis=1)
    return _RankedDates(batches.seasons, pairs.tobytes())


@lru_cache(maxsize=8)
def _references(
    folder: Path, fingerprint: str, ranked: _RankedDates, target: Target, train: tuple[str, ...]
) -> References:
    truth, scores, games = _of_league(folder, fingerprint)
    ranked_scores = scores.join(ranked.frame(), on=["season", "date"], how="semi", maintain_order="left")
    baselines = add_blend(ranked_scores, fit_blend(ranked_scores, truth, target, train))
    return References(truth, baselines, title_seasons(games, truth, baselines, train))


@lru_cache(maxsize=8)
def _ceilings(
    folder: Path, fingerprint: str, ranked: _RankedDates, target: Target, seasons: tuple[str, ...]
) -> Ceilings:
    strength = load_true_strength(folder)
    if strength is None:
        return Ceilings()
    truth, _, games = _of_league(folder, fingerprint)
    dates = ranked.frame().with_columns(pl.col("date").to_physical().cast(pl.Int64))
    chosen = [
        (season, dates.filter(pl.col("season") == season.season)["date"].to_numpy())
        for season in games
        if season.season in seasons
    ]
    return evaluate_ceilings(strength, truth, chosen, target)


@lru_cache(maxsize=4)
def _of_league(
    folder: Path,
    fingerprint: str,  # noqa: ARG001 - part of the key
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[SeasonGames, ...]]:
    league = load_league(folder)
    return target_ranks(league), baseline_scores(league), tuple(season_games(league))
