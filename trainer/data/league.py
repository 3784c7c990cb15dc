"""The league tables that everything else reads, whatever they were imported from.

Surprising: `minutes` of a player row can be null (box scores without minutes exist); statistics are never null.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import Manifest, SeasonCount, read_manifest
from truestrength.trainer.contract.paths.league import LeaguePaths

__all__ = ["BOX", "PLAYER_GAMES", "TEAMS", "TEAM_GAMES", "League", "Manifest", "SeasonCount", "load_league"]

BOX = (
    "fgm",
    "fga",
    "fg3m",
    "fg3a",
    "ftm",
    "fta",
    "oreb",
    "dreb",
    "reb",
    "ast",
    "stl",
    "blk",
    "tov",
    "pf",
    "pts",
)

TEAM_GAMES = {
    "season": pl.String,  # "2015-16"
    "season_type": pl.String,  # "regular" or "playoffs"
    "game_id": pl.String,
    "date": pl.Date,
    "team_id": pl.Int64,
    "opponent_id": pl.Int64,
    "home": pl.Boolean,  # in one row of each game, also of a neutral one
    "neutral": pl.Boolean,  # at a neutral site: nobody has the advantage of being at home
    "won": pl.Boolean,
    **dict.fromkeys(BOX, pl.Int32),
    "plus_minus": pl.Int32,  # own points - opponent's points
}
"""Two rows a game; sorted by date, game_id, team_id."""

PLAYER_GAMES = {
    "season": pl.String,
    "season_type": pl.String,
    "game_id": pl.String,
    "date": pl.Date,
    "team_id": pl.Int64,
    "player_id": pl.Int64,
    "player_name": pl.String,
    "minutes": pl.Float32,  # null where the source has none
    **dict.fromkeys(BOX, pl.Int32),
    "plus_minus": pl.Int32,
}
"""One row per player who played; sorted by date, game_id, team_id, player_id."""

TEAMS = {"team_id": pl.Int64, "abbreviation": pl.String, "name": pl.String, "conference": pl.String}
"""One row per team; conference is "East" or "West"."""


@dataclass(frozen=True)
class League:
    """A league in memory."""

    team_games: pl.DataFrame
    player_games: pl.DataFrame
    teams: pl.DataFrame
    manifest: Manifest


def load_league(folder: Path) -> League:
    """Read a league folder.

    Raises:
        DataError: when the folder holds no complete league.
    """
    manifest = read_manifest(folder)
    paths = LeaguePaths(folder)
    try:
        league = League(
            team_games=pl.read_parquet(paths.team_games),
            player_games=pl.read_parquet(paths.player_games),
            teams=pl.read_parquet(paths.teams),
            manifest=manifest,
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder}: the league cannot be read: {error}. Import it again") from None
    if read_manifest(folder) != manifest:
        raise DataError(f"{folder}: another league was imported while this one was read. Start again")
    return league
