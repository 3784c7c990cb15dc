"""What a league folder says of itself: the launcher reads the fingerprint here without loading a single game."""

from __future__ import annotations

from pathlib import Path

import msgspec

from trainer.contract.errors import DataError
from trainer.contract.paths import LeaguePaths


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


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a league folder.

    Raises:
        DataError: when the folder holds no complete league.
    """
    path = LeaguePaths(folder).manifest
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise DataError(
            f"{folder}: no league here (no {path.name}). Make one with `python -m trainer data demo --into {folder}`, "
            f"or `python -m trainer data import --team-logs FILE --player-logs FILE --into {folder}`"
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: cannot be read: {error}. Import the league again") from None
