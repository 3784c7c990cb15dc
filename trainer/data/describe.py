"""Says what a league folder holds, as plain text; all of it stands in the manifest, so no game is read."""

from __future__ import annotations

from pathlib import Path

from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.data.league import Manifest, SeasonCount

HEADER = (
    "season",
    "games",
    "a team",
    "playoffs",
    "champion",
    "neutral",
    "teams",
    "player rows",
    "lost",
    "games without",
    "no minutes",
    "first game",
    "last game",
)
LEGEND = (
    "a team: regular-season games of a team, the fewest and the most. champion: - while the playoffs are not over.",
    "neutral: games at a neutral site. lost: share of the player rows that belong to no team row, and were dropped.",
    "games without: games without any player row. no minutes: player rows without minutes.",
)


def describe(folder: Path) -> str:
    """What the league in a folder holds.

    Raises:
        DataError: when the folder holds no complete league.
    """
    return describe_manifest(read_manifest(folder))


def describe_manifest(manifest: Manifest) -> str:
    """A table with a line per season, then what was repaired (a line each), the source and the fingerprint."""
    table = _table([HEADER, *(_season(count) for count in manifest.seasons)])
    repairs = [f"  {line}" for line in manifest.repairs] or ["  nothing"]
    found = ["Repaired, set aside or missing:", *repairs]
    return "\n".join([table, *LEGEND, f"Source: {manifest.source}", *found, f"Fingerprint: {manifest.fingerprint}"])


def _season(count: SeasonCount) -> tuple[str, ...]:
    games = (count.fewest_games, count.most_games)
    return (
        count.season,
        str(count.regular_games),
        "-".join(str(number) for number in dict.fromkeys(games)),
        str(count.playoff_games),
        count.champion or "-",
        str(count.neutral_games),
        str(count.teams),
        str(count.player_rows),
        _share(count.player_rows_lost, count.player_rows + count.player_rows_lost),
        str(count.games_without_players),
        str(count.rows_without_minutes),
        count.first_date,
        count.last_date,
    )


def _share(part: int, whole: int) -> str:
    """A share in percent, never 0.0 for something."""
    if not part:
        return "0"
    return f"{max(100 * part / whole, 0.1):.1f}%"


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
