"""What a ranking should have said: each team's place at the end of its season.

Surprising: `final_rank` is league-wide, so a team of the weaker conference can miss the playoffs at rank 15 while
another plays them at 20.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League

_TEAM = ["season", "team_id"]


def target_ranks(league: League) -> pl.DataFrame:
    """Both targets for every team of every season; 1 is best.

    `final_rank`: by win rate of the regular season; ties by point difference a game, then points a game, then the
    lower team id. `playoff_outcome`: the champion, then by series won, then playoff wins, then `final_rank`; the teams
    that missed the playoffs follow in order of `final_rank`. It is null in a season without playoffs.

    Returns:
        season, team_id, final_rank, playoff_outcome (null without playoffs), playoff_team (whether it played them);
        one row per season and team, sorted.
    """
    record = _final_ranks(league.team_games.filter(pl.col("season_type") == "regular"))
    playoffs = _playoff_records(league.team_games.filter(pl.col("season_type") == "playoffs"))
    ranked = record.join(playoffs, on=_TEAM, how="left").with_columns(playoff_team=pl.col("wins").is_not_null())
    outcome = pl.struct(-pl.col("series_won").fill_null(-1), -pl.col("wins").fill_null(-1), pl.col("final_rank")).rank(
        "ordinal"
    )
    had_playoffs = pl.col("playoff_team").any().over("season")
    return (
        ranked.with_columns(
            playoff_outcome=pl.when(had_playoffs).then(outcome.over("season").cast(pl.Int32)),
        )
        .select(*_TEAM, "final_rank", "playoff_outcome", "playoff_team")
        .sort(_TEAM)
    )


def require_target(truth: pl.DataFrame, target: Target, seasons: Sequence[str]) -> None:
    """Make sure that `target` is known in each of `seasons`.

    Raises:
        DataError: naming the seasons that have no playoffs.
    """
    missing = truth.filter(pl.col("season").is_in(list(seasons)) & pl.col(target.value).is_null())
    if not missing.is_empty():
        names = ", ".join(missing["season"].unique().sort())
        raise DataError(
            f"target {target.value}: no playoff games in {names}. Import a team log with that season's playoffs, "
            f"choose other seasons, or rank by {Target.FINAL_RANK.value}"
        )


def _final_ranks(games: pl.DataFrame) -> pl.DataFrame:
    season = games.group_by(_TEAM).agg(
        rate=pl.col("won").mean(), difference=pl.col("plus_minus").mean(), points=pl.col("pts").mean()
    )
    order = pl.struct(-pl.col("rate"), -pl.col("difference"), -pl.col("points"), pl.col("team_id")).rank("ordinal")
    return season.select(*_TEAM, final_rank=order.over("season").cast(pl.Int32))


def _playoff_records(games: pl.DataFrame) -> pl.DataFrame:
    """Playoff wins and series won; a series is won by whoever won more of the games between the two."""
    series = games.group_by(*_TEAM, "opponent_id").agg(wins=pl.col("won").sum(), games=pl.len())
    return series.group_by(_TEAM).agg(
        wins=pl.col("wins").sum().cast(pl.Int32),
        series_won=(2 * pl.col("wins") > pl.col("games")).sum().cast(pl.Int32),
    )
