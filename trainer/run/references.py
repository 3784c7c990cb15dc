"""What rankings are held against: the true ranks and the baselines, once per process and league.

Surprising: the blend of the baselines, and the naive championship odds, are fitted on the training seasons' ranked
dates, as the models are, so a model that beats them has found something that the standings do not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.records.metrics import EXPECTED
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import load_league
from truestrength.trainer.data.true_strength import load_true_strength
from truestrength.trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from truestrength.trainer.evaluation.ceilings import Ceilings, evaluate_ceilings
from truestrength.trainer.evaluation.season_odds import TitleSeason, title_seasons
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.season_games import SeasonGames, season_games
from truestrength.trainer.features.targets import target_ranks
from truestrength.trainer.models.team_rows import expected_column


@dataclass(frozen=True)
class References:
    """Truth, baselines and games of a league."""

    truth: pl.DataFrame
    """As `trainer.features.targets.target_ranks` gives it."""
    baselines: pl.DataFrame
    """As `trainer.evaluation.baselines.add_blend` gives it, for the dates that are ranked, and with `expected`."""
    title: Mapping[str, TitleSeason]
    """By season: what championship odds are made from and held against."""


def references(league_folder: Path, batches: Batches, target: Target, train: tuple[str, ...]) -> References:
    """Truth, and baselines with the blend fitted to `target` on the seasons `train`, and what to expect of it.

    Raises:
        DataError: when `target` is not known in one of the training seasons.
    """
    ranked = _ranked(batches, expected_scores(batches, target))
    return _references(league_folder, read_manifest(league_folder).fingerprint, ranked, target, train)


def ceilings(league_folder: Path, batches: Batches, target: Target, seasons: tuple[str, ...]) -> Ceilings:
    """The objectives of rankings that know the true strengths; empty for a league that does not know them.

    Raises:
        DataError: when the table of true strengths is damaged, or lacks a team on a date.
    """
    return _ceilings(league_folder, read_manifest(league_folder).fingerprint, _ranked(batches), target, seasons)


def expected_scores(batches: Batches, target: Target) -> pl.DataFrame:
    """The ranking without training: minus the expected rank, or minus the expected place in the playoffs.

    Returns:
        season, date, team_id, and `expected`; higher is better.
    """
    column = expected_column(batches, target)
    assert column is not None, "made by truestrength.trainer.features.context"
    mask = batches.team_mask
    n_teams = mask.sum(axis=1)
    return pl.DataFrame(
        {
            "season": pl.Series(batches.seasons)[np.repeat(batches.season, n_teams)],
            "date": pl.Series(np.repeat(batches.date, n_teams)).cast(pl.Date),
            "team_id": batches.team_id[mask],
            EXPECTED: -batches.context[..., column][mask].astype(np.float64),
        }
    )


@dataclass(frozen=True)
class _RankedDates:
    """The dates of all lists, in a form that can be a part of a cache's key."""

    seasons: tuple[str, ...]
    pairs: bytes
    """[2, dates] indices into `seasons`, and days since 1970-01-01."""
    expected: pl.DataFrame | None = field(compare=False)
    """As `expected_scores` gives it, which follows from the league, the dates and the target."""

    def frame(self) -> pl.DataFrame:
        """season, date."""
        season, date = np.frombuffer(self.pairs, dtype=np.int64).reshape(2, -1)
        return pl.DataFrame(
            {"season": np.array(self.seasons)[season], "date": pl.Series(date).cast(pl.Int32).cast(pl.Date)}
        )


def _ranked(batches: Batches, expected: pl.DataFrame | None = None) -> _RankedDates:
    pairs = np.unique(np.stack([batches.season.astype(np.int64), batches.date.astype(np.int64)]), axis=1)
    return _RankedDates(batches.seasons, pairs.tobytes(), expected)


@lru_cache(maxsize=8)
def _references(
    folder: Path, fingerprint: str, ranked: _RankedDates, target: Target, train: tuple[str, ...]
) -> References:
    truth, scores, games = _of_league(folder, fingerprint)
    ranked_scores = scores.join(ranked.frame(), on=["season", "date"], how="semi", maintain_order="left")
    baselines = add_blend(ranked_scores, fit_blend(ranked_scores, truth, target, train))
    assert ranked.expected is not None
    baselines = baselines.join(ranked.expected, on=["season", "date", "team_id"], how="left", maintain_order="left")
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
