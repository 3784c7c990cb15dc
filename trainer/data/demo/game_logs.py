"""Writes played games in the columns of nba_api's LeagueGameLog, under invented names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from truestrength.trainer.data.demo.box_scores import Box
from truestrength.trainer.data.demo.game_scores import Played
from truestrength.trainer.data.demo.population import Ints
from truestrength.trainer.data.demo.season import Season
from truestrength.trainer.data.league import BOX
from truestrength.trainer.data.teams import read_teams

CLUBS = Path(__file__).with_name("clubs.csv")
"""Thirty invented clubs, in the shape that `--teams` reads; the first fifteen are the East."""
PLAYER_NAMES = Path(__file__).with_name("player_names.csv")


@cache
def read_clubs() -> pl.DataFrame:
    """The clubs in the columns of `league.TEAMS`; a team's index is its row."""
    return read_teams(CLUBS)


def opening_day(start: int) -> date:
    """A Tuesday in the second half of October."""
    first = date(start, 10, 18)
    return first + timedelta(days=(1 - first.weekday()) % 7)


def logs(season: Season, season_type: int, parts: Sequence[tuple[Played, Box]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Team rows and player rows of some of the season's games.

    `season_type` is the first digit of SEASON_ID: 2 regular season, 4 playoffs, 5 play-in.
    """
    made = [_logs(season, season_type, played, box) for played, box in parts]
    return pl.concat(team for team, _ in made), pl.concat(player for _, player in made)


def _logs(season: Season, season_type: int, played: Played, box: Box) -> tuple[pl.DataFrame, pl.DataFrame]:
    games = _games(season.start, season_type, played)
    margin = games["PTS"] - games["OPPONENT_PTS"]
    sums = [pl.Series(name.upper(), box[name].sum(axis=1)) for name in BOX]
    minutes = pl.Series("MIN", played.minutes.sum(axis=1))
    keys = games.drop("PTS", "OPPONENT_PTS")
    team_rows = keys.with_columns(minutes, *sums, margin.alias("PLUS_MINUS"))
    row, place = np.nonzero(played.minutes)
    ids = season.player_id[played.roster[row, place]]
    numbers = {"PLAYER_ID": ids, "MIN": played.minutes[row, place]}
    numbers |= {name.upper(): box[name][row, place] for name in (*BOX, "plus_minus")}
    player_rows = keys[row].with_columns(_names(ids), *(pl.Series(name, cells) for name, cells in numbers.items()))
    first = ["SEASON_ID", "PLAYER_ID", "PLAYER_NAME"]
    return team_rows, player_rows.select(first + [c for c in player_rows.columns if c not in first])


def _games(start: int, season_type: int, played: Played) -> pl.DataFrame:
    """A row per team-game: who, when, against whom and the result."""
    fixtures = played.fixtures
    clubs = read_clubs()
    abbreviations = clubs["abbreviation"].to_numpy()
    home, away = abbreviations[fixtures.home], abbreviations[fixtures.away]
    at_home = [f"{h} vs. {a}" for h, a in zip(home, away, strict=True)]
    as_visitor = [f"{a} @ {h}" for h, a in zip(home, away, strict=True)]
    team = np.concatenate([fixtures.home, fixtures.away])
    dates = [(opening_day(start) + timedelta(days=int(day))).isoformat() for day in fixtures.day]
    home_points, away_points = np.split(played.points, 2)
    return pl.DataFrame(
        {
            "SEASON_ID": [f"{season_type}{start}"] * len(team),
            "TEAM_ID": clubs["team_id"][team],
            "TEAM_ABBREVIATION": clubs["abbreviation"][team],
            "TEAM_NAME": clubs["name"][team],
            "GAME_ID": fixtures.game_id * 2,
            "GAME_DATE": dates * 2,
            "MATCHUP": at_home + as_visitor,
            "WL": np.where(np.concatenate([played.home_won, ~played.home_won]), "W", "L"),
            "PTS": played.points,
            "OPPONENT_PTS": np.concatenate([away_points, home_points]),
        }
    )


def _names(player_ids: Ints) -> pl.Series:
    """PLAYER_NAME: invented names; no two of some thousands of players have the same."""
    first, last = pl.read_csv(PLAYER_NAMES).get_columns()
    count = len(first)
    return pl.Series("PLAYER_NAME", [f"{first[int(i) % count]} {last[int(i) // count % count]}" for i in player_ids])
