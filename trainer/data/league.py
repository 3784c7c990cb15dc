"""The league tables that everything else reads, whatever they were imported from.

Surprising: `minutes` of a player row can be null (box scores without minutes exist); statistics are never null.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from trainer.contract.errors import DataError
from trainer.contract.paths import LeaguePaths

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
    "home": pl.Boolean,
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


class SeasonCount(msgspec.Struct, frozen=True):
    """What a season holds."""

    season: str
    regular_games: int
    playoff_games: int
    player_rows: int
    first_date: str
    last_regular_date: str


class Manifest(msgspec.Struct, frozen=True):
    """`league.json`: written last, so a folder that has it is whole."""

    source: str
    fingerprint: str
    seasons: tuple[SeasonCount, ...]
    repairs: tuple[str, ...] = ()


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
    paths = LeaguePaths(folder)
    if not paths.manifest.exists():
        raise DataError(
            f"{folder}: no league here (no {paths.manifest.name}). Make one with `python -m trainer data demo --into "
            f"{folder}`, or `python -m trainer data import --team-logs FILE --player-logs FILE --into {folder}`"
        )
    try:
        manifest = msgspec.json.decode(paths.manifest.read_bytes(), type=Manifest)
        return League(
            team_games=pl.read_parquet(paths.team_games),
            player_games=pl.read_parquet(paths.player_games),
            teams=pl.read_parquet(paths.teams),
            manifest=manifest,
        )
    except (OSError, msgspec.MsgspecError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder}: the league cannot be read: {error}. Import it again") from None
