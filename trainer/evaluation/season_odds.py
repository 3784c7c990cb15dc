"""Championship odds of a run's own scores, season by season, beside the naive odds of the plain baselines.

Surprising: all that does not depend on the run (games, champions, naive odds, what the rest of each training season
brought) is made once per process by `title_seasons`; a trial pays only for its own simulations.

Shapes: S ranked dates of a season, T teams.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from truestrength.trainer.contract.records.metrics import BASELINES, STACK
from truestrength.trainer.contract.records.odds import TitleOdds
from truestrength.trainer.contract.words import Target
from truestrength.trainer.evaluation.odds_scores import SeasonOdds, fit_softmax, softmax_odds, title_scores
from truestrength.trainer.evaluation.title_odds import RestOfSeason, points_per_score, rest_of_season, title_odds
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.season_games import Floats, Ints, SeasonGames

PROBABILITY = "title_probability"


@dataclass(frozen=True)
class TitleSeason:
    """What the odds of a season are made from and held against."""

    games: SeasonGames
    champion: int | None
    """Index of the team that won the title; None when that is not known."""
    naive: Mapping[str, Floats]
    """[S, T] odds on all ranked dates, by plain baseline."""
    rest: RestOfSeason | None
    """Of a training season only."""


def title_seasons(
    games: Sequence[SeasonGames], truth: pl.DataFrame, baselines: pl.DataFrame, train: Sequence[str]
) -> dict[str, TitleSeason]:
    """All seasons, by name.

    Args:
        games: of all seasons.
        truth: as `trainer.features.targets.target_ranks` gives it.
        baselines: as `trainer.evaluation.baselines.add_blend` gives it, for the ranked dates.
        train: seasons that the factors of the naive odds are fitted on.
    """
    winners = truth.filter(pl.col(Target.PLAYOFF_OUTCOME.value) == 1)
    champion = dict(winners.select("season", "team_id").iter_rows())
    place = {
        one.season: int(np.searchsorted(one.team_id, champion[one.season])) for one in games if one.season in champion
    }
    scores = {one.season: _baselines_of(baselines, one) for one in games}
    factor = {
        name: fit_softmax([(scores[season][name], place[season]) for season in train if season in place])
        for name in BASELINES
    }
    return {
        one.season: TitleSeason(
            games=one,
            champion=place.get(one.season),
            naive={name: softmax_odds(values, factor[name]) for name, values in scores[one.season].items()},
            rest=rest_of_season(one) if one.season in train else None,
        )
        for one in games
    }


def fit_points(title: Mapping[str, TitleSeason], batches: Batches, lists: Ints, scores: Floats) -> float:
    """`points_per_score` from the scores of some lists of training seasons.

    Args:
        title: as `title_seasons` gives it.
        batches: all lists.
        lists: which of them are scored; both conferences of every date.
        scores: [R] of every real team, list by list; made by models that did not train on the team's season.
    """
    parts = []
    for season, days, values in _by_season(batches, lists, scores):
        rest = title[season].rest
        assert rest is not None, "only training seasons have out-of-fold scores"
        parts.append((rest, days, values))
    return points_per_score(parts)


def add_odds(predictions: pl.DataFrame, title: Mapping[str, TitleSeason], points: float) -> pl.DataFrame:
    """`predictions`, sorted by season, date and team, with the column `title_probability`; sums to 1 on every date."""
    odds = []
    for (season,), rows in predictions.group_by("season", maintain_order=True):
        games = title[str(season)].games
        days = rows["date"].unique(maintain_order=True).to_physical().cast(pl.Int64).to_numpy()
        odds.append(title_odds(games, days, points * _matrix(rows[STACK], games)).ravel())
    return predictions.with_columns(pl.Series(PROBABILITY, np.concatenate(odds)))


def evaluate_odds(
    predictions: pl.DataFrame, title: Mapping[str, TitleSeason], points: float, seasons: Sequence[str]
) -> TitleOdds:
    """The figures of the odds in `predictions` (every ranked date of `seasons`) beside those of naive odds."""
    parts = []
    for season in seasons:
        known = title[season]
        assert known.champion is not None, "tables.evaluate refuses seasons without playoffs"
        own = _matrix(predictions.filter(pl.col("season") == season)[PROBABILITY], known.games)
        parts.append(SeasonOdds(known.champion, {STACK: own, **known.naive}))
    return title_scores(parts, points)


def _baselines_of(baselines: pl.DataFrame, games: SeasonGames) -> dict[str, Floats]:
    rows = baselines.filter(pl.col("season") == games.season).sort("date", "team_id")
    return {name: _matrix(rows[name], games) for name in BASELINES}


def _matrix(values: pl.Series, games: SeasonGames) -> Floats:
    """Values of every ranked date and team as [S, T]."""
    return values.cast(pl.Float64).to_numpy().reshape(-1, len(games.team_id))


def _by_season(batches: Batches, lists: Ints, scores: Floats) -> Iterator[tuple[str, Ints, Floats]]:
    """Each season's name, its days [S], and the scores [S, T] of its teams in order of their ids."""
    mask = batches.team_mask[lists]
    season, date = (np.repeat(values[lists], mask.sum(axis=1)) for values in (batches.season, batches.date))
    order = np.lexsort((batches.team_id[lists][mask], date, season))
    for index in np.unique(season).tolist():
        rows = order[season[order] == index]
        days = np.unique(date[rows]).astype(np.int64)
        yield batches.seasons[index], days, scores[rows].reshape(len(days), -1)
