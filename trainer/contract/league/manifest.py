"""What a league folder says of itself: the launcher reads the fingerprint here without loading a single game.

The surprising one: whoever reads the manifest also finds out whether the tables are still those that it speaks of,
since results are kept and compared under the fingerprint. A table is hashed once a process, and again when it was
touched.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from truestrength.trainer.contract.digests import file_digest
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.league import LeaguePaths

_AGAIN = "Import the league, or make the demo league, again"


class SeasonCount(msgspec.Struct, frozen=True):
    """What a season holds."""

    season: str
    regular_games: int
    playoff_games: int
    player_rows: int
    first_date: str
    last_regular_date: str
    last_date: str
    teams: int
    fewest_games: int
    """Regular-season games of the team that has played the fewest."""
    most_games: int
    """Regular-season games of the team that has played the most."""
    neutral_games: int
    """Games at a neutral site, playoffs included."""
    champion: str | None
    """Abbreviation of the team that won the title; None while the playoffs are not over."""
    player_rows_lost: int
    """Player rows that were dropped because no team row is theirs."""
    games_without_players: int
    """Games, playoffs included, of which no player row is there."""
    rows_without_minutes: int
    earliest_list: int
    """Days after the first regular-season game from which every team has a player with a game before."""
    last_days: tuple[int, ...]
    """The last three regular-season game days, in days after the first one; fewer where the season has fewer."""


class Manifest(msgspec.Struct, frozen=True):
    """`league.json`: written last, so a folder that has it is whole."""

    source: str
    fingerprint: str
    seasons: tuple[SeasonCount, ...]
    files: dict[str, str]
    """SHA-256 of each table's file, by its name."""
    repairs: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a league folder.

    Raises:
        DataError: when the folder holds no complete league, or a table is not the one that was imported.
    """
    path = LeaguePaths(folder).manifest
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise DataError(
            f"{folder}: no league here (no {path.name}). Make one with `truestrength data demo --into {folder}`, "
            f"or `truestrength data import --team-logs FILE --player-logs FILE --into {folder}`"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: cannot be read: {error}. {_AGAIN}") from None
    for table, digest in ((folder / name, digest) for name, digest in manifest.files.items()):
        try:
            found = file_digest(table)
        except OSError as error:
            raise DataError(f"{table}: cannot be read: {error.strerror}. {_AGAIN}") from None
        if found != digest:
            raise DataError(f"{table}: is not the table that was imported, or it is damaged. {_AGAIN}")
    return manifest
