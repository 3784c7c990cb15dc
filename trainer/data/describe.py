"""Says what a league folder holds, as plain text.

Surprising: a champion is named only when the playoffs are over: all other teams have lost their last game, and the
last series was won by as many games as any other.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trainer.data.league import League, Manifest, load_league

HEADER = ("season", "games", "playoffs", "teams", "player rows", "no minutes", "first game", "last game", "champion")


def describe(folder: Path) -> str:
    """A table with a line per season, then what was repaired, the source and the fingerprint.

    Raises:
        DataError: when the folder holds no complete league.
    """
    league = load_league(folder)
    lines = [HEADER, *(_season(league, count.season) for count in league.manifest.seasons)]
    return f"{_table(lines)}\n{describe_manifest(league.manifest)}"


def describe_manifest(manifest: Manifest) -> str:
    """The source, the repairs (a line each) and the fingerprint."""
    repairs = [f"  {line}" for line in manifest.repairs] or ["  nothing"]
    found = ["Repaired, set aside or missing:", *repairs]
    return "\n".join([f"Source: {manifest.source}", *found, f"Fingerprint: {manifest.fingerprint}"])


def champion(playoffs: pl.DataFrame) -> int | None:
    """The team id of the champion of one season's playoff rows; None when there is none yet."""
    if playoffs.is_empty():
        return None
    games = playoffs.sort("date", "game_id")
    last = games.group_by("team_id").last()
    standing = last.filter("won")
    if standing.height != 1:
        return None
    wins = games.filter("won").group_by("team_id", "opponent_id").agg(pl.len().alias("wins"))
    of_last_series = wins.join(standing, on=["team_id", "opponent_id"], how="semi")["wins"]
    return int(standing["team_id"][0]) if of_last_series[0] == wins["wins"].max() else None


def _season(league: League, season: str) -> tuple[str, ...]:
    games = league.team_games.filter(pl.col("season") == season)
    players = league.player_games.filter(pl.col("season") == season)
    playoffs = games.filter(pl.col("season_type") == "playoffs")
    winner = champion(playoffs)
    name = league.teams.filter(pl.col("team_id") == winner)["abbreviation"] if winner else ["-"]
    return (
        season,
        str((games.height - playoffs.height) // 2),
        str(playoffs.height // 2),
        str(games["team_id"].n_unique()),
        str(players.height),
        str(players["minutes"].null_count()),
        str(games["date"].min()),
        str(games["date"].max()),
        str(name[0]),
    )


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
