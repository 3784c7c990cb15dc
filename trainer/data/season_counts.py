"""What each season of a league holds, for the manifest, and whether its playoffs are over.

Surprising: a champion is named only when the playoffs have as many series as they have teams to put out, all others
have lost their last game, and the last series was won by as many games as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import SeasonCount
from truestrength.trainer.data.list_days import list_days

FEWEST_IN_PLAYOFFS = 0.25
"""Share of a season's teams. With fewer, the playoffs have only begun: the first series is no final."""


def count_seasons(
    team_games: pl.DataFrame, player_games: pl.DataFrame, teams: pl.DataFrame, lost: Mapping[str, int]
) -> tuple[SeasonCount, ...]:
    """Count every season of a league's tables, in order.

    Args:
        team_games: as `league.TEAM_GAMES`.
        player_games: as `league.PLAYER_GAMES`.
        teams: as `league.TEAMS`.
        lost: player rows of each season that were dropped.

    Raises:
        DataError: for a season of playoffs alone.
    """
    names = dict(teams.select("team_id", "abbreviation").iter_rows())
    counts = []
    for season in team_games["season"].unique().sort():
        own = pl.col("season") == season
        counts.append(_count(season, team_games.filter(own), player_games.filter(own), names, lost.get(season, 0)))
    return tuple(counts)


def _count(season: str, games: pl.DataFrame, players: pl.DataFrame, names: Mapping[int, str], lost: int) -> SeasonCount:
    regular = games.filter(pl.col("season_type") == "regular")
    playoffs = games.filter(pl.col("season_type") == "playoffs")
    if regular.is_empty():
        raise DataError(
            f"season {season}: has {playoffs.height // 2} playoff games and no regular-season game. Add them, or take "
            "the season out"
        )
    a_team = regular.group_by("team_id").len()["len"].to_numpy()
    winner = champion(playoffs, len(a_team))
    earliest, last_days = list_days(regular, players.filter(pl.col("season_type") == "regular"))
    return SeasonCount(
        season=season,
        regular_games=regular.height // 2,
        playoff_games=playoffs.height // 2,
        player_rows=players.height,
        first_date=str(games["date"].min()),
        last_regular_date=str(regular["date"].max()),
        last_date=str(games["date"].max()),
        teams=len(a_team),
        fewest_games=int(a_team.min()),
        most_games=int(a_team.max()),
        neutral_games=int(games["neutral"].sum()) // 2,
        champion=None if winner is None else names[winner],
        player_rows_lost=lost,
        games_without_players=games.join(players, on="game_id", how="anti")["game_id"].n_unique(),
        rows_without_minutes=players["minutes"].null_count(),
        earliest_list=earliest,
        last_days=last_days,
    )


def unfinished(seasons: Iterable[SeasonCount]) -> list[str]:
    """A line for each season without a champion."""
    lines = []
    for season in seasons:
        if not season.playoff_games:
            lines.append(f"season {season.season}: no playoffs; it cannot serve the target playoff_outcome")
        elif season.champion is None:
            lines.append(
                f"season {season.season}: the playoffs are not over ({season.playoff_games} games, the last one on "
                f"{season.last_date}); it cannot be held out, nor validated on"
            )
    return lines


def champion(playoffs: pl.DataFrame, teams: int = 0) -> int | None:
    """The team id of the champion of one season's playoff rows; None when there is none yet.

    Args:
        playoffs: date, game_id, team_id, opponent_id, won.
        teams: that have played the season.
    """
    if playoffs.is_empty():
        return None
    series = playoffs.group_by("team_id", "opponent_id").agg(wins=pl.col("won").sum())
    entered = playoffs["team_id"].n_unique()
    if series.height // 2 != entered - 1 or entered < FEWEST_IN_PLAYOFFS * teams:
        return None  # in a knock-out each series puts one team out
    games = playoffs.sort("date", "game_id")
    standing = games.group_by("team_id").last().filter("won")
    if standing.height != 1:
        return None
    last_series = series.join(standing, on=["team_id", "opponent_id"], how="semi")
    return int(standing["team_id"][0]) if last_series["wins"][0] == series["wins"].max() else None
