"""The plain rankings that a model has to beat. A model that loses to the standings must look like it.

Surprising: `blend` is the best fixed mixture of the other four, fitted on training seasons only, and it is hard to
beat.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.optimize import nnls

from truestrength.trainer.contract.records.metrics import PLAIN_BASELINES
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.features.ratings import elo
from truestrength.trainer.features.season_games import COLUMNS, SeasonGames, season_games
from truestrength.trainer.features.targets import require_target, target_ranks

_DATE = ["season", "date"]


def baseline_scores(league: League) -> pl.DataFrame:
    """The four plain baselines on every date of every regular season, from games strictly before it.

    `win_rate` and `point_difference` (a game) are of the season to date, 0.5 and 0 before a team's first game. `elo` is
    carried over from season to season. `last_season_rank` is minus last season's `final_rank`; a team without a last
    season gets minus the middle rank.

    Returns:
        season, date, team_id, and a column per baseline; higher is better. Sorted.
    """
    seasons = season_games(league)
    ranks = target_ranks(league)
    frames = []
    previous: dict[int, int] = {}
    for games, rating in zip(seasons, elo(seasons), strict=True):
        frames.append(_season_scores(games, rating, previous))
        final = ranks.filter(pl.col("season") == games.season)
        previous = dict(final.select("team_id", "final_rank").iter_rows())
    return pl.concat(frames)


def fit_blend(scores: pl.DataFrame, truth: pl.DataFrame, target: Target, seasons: Sequence[str]) -> dict[str, float]:
    """Weights of the best fixed mixture of the plain baselines in predicting `target` on `seasons`.

    Non-negative least squares of minus the target rank on the baselines, each standardised within its date, so that no
    baseline can count the wrong way round.

    Args:
        scores: as `baseline_scores` gives them, limited to the dates that are ranked.
        truth: as `trainer.features.targets.target_ranks` gives it.
        target: the ranks to predict.
        seasons: the training seasons.

    Returns:
        Weights by baseline, which sum to 1.

    Raises:
        DataError: when `target` is not known in one of `seasons`.
    """
    require_target(truth, target, seasons)
    rows = _standardised(scores.filter(pl.col("season").is_in(list(seasons)))).join(truth, on=["season", "team_id"])
    rank = rows[target.value].cast(pl.Float64).to_numpy()
    weights, _ = nnls(rows.select(PLAIN_BASELINES).to_numpy(), rank.mean() - rank)
    total = weights.sum()
    shares = weights / total if total > 0 else np.full(len(PLAIN_BASELINES), 1 / len(PLAIN_BASELINES))
    return dict(zip(PLAIN_BASELINES, shares.tolist(), strict=True))


def add_blend(scores: pl.DataFrame, weights: dict[str, float]) -> pl.DataFrame:
    """`scores` with the column `blend`: the weighted sum of the baselines, each standardised within its date."""
    mixed = _standardised(scores).select(pl.sum_horizontal(pl.col(name) * weights[name] for name in PLAIN_BASELINES))
    return scores.with_columns(blend=mixed.to_series())


def _season_scores(games: SeasonGames, rating: np.ndarray, previous: dict[int, int]) -> pl.DataFrame:
    sums, count = games.regular_log.last(None)
    n_days, n_teams = count.shape
    at_least_one = np.maximum(count, 1)
    won, difference = sums[..., COLUMNS.index("won")], sums[..., COLUMNS.index("plus_minus")]
    middle = (n_teams + 1) / 2
    last_rank = np.array([float(previous.get(team, middle)) for team in games.team_id.tolist()])
    return pl.DataFrame(
        {
            "season": games.season,
            "date": pl.Series(np.repeat(games.days, n_teams), dtype=pl.Int32).cast(pl.Date),
            "team_id": np.tile(games.team_id, n_days),
            "win_rate": np.where(count > 0, won / at_least_one, 0.5).ravel(),
            "point_difference": (difference / at_least_one).ravel(),
            "elo": rating.ravel(),
            "last_season_rank": np.tile(-last_rank, n_days),
        }
    )


def _standardised(scores: pl.DataFrame) -> pl.DataFrame:
    """Mean 0 and deviation 1 within each date; 0 where all teams are equal."""
    return scores.with_columns(
        pl.when(pl.col(name).std().over(_DATE) > 0)
        .then((pl.col(name) - pl.col(name).mean().over(_DATE)) / pl.col(name).std().over(_DATE))
        .otherwise(0.0)
        for name in PLAIN_BASELINES
    )
