"""What an import into a league folder changes there, for those who repeat it every day of a season.

Surprising: a game that was there may change, too. The league corrects box scores for weeks.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import League, load_league

WHAT_IT_MEANS = """\
The data have another fingerprint now ({now}, before {before}). Sweeps that were begun on the data before cannot go on:
their workers stop at the next stage of a run, and the same plan is refused. What is finished stays. To rank the new
data, give the plan another outputs root (--set paths.outputs=DIR), or free the names with `truestrength forget`.
To let sweeps end first, import into another folder instead."""


def league_before(folder: Path) -> League | None:
    """The league that a folder holds; None when it holds none that can be read."""
    try:
        return load_league(folder)
    except DataError:
        return None


def what_is_new(before: League, after: League) -> str:
    """For people: the games that are new, changed or gone, season by season, and what that means for sweeps."""
    if before.manifest.fingerprint == after.manifest.fingerprint:
        return f"Nothing new: the data are those of the last import ({_short(after)}), and sweeps go on with them."
    seasons = sorted({season.season for league in (before, after) for season in league.manifest.seasons})
    lines = [line for season in seasons if (line := _of_season(before, after, season))]
    lines = lines or ["no game is another; the teams are"]
    means = WHAT_IT_MEANS.format(now=_short(after), before=_short(before))
    return "\n".join(["New since the last import:", *(f"  {line}" for line in lines), means])


def _of_season(before: League, after: League, season: str) -> str:
    """A line; empty where nothing has changed."""
    changed = _changed(before.team_games, after.team_games, season) | _changed(
        before.player_games, after.player_games, season
    )
    old, new = (_games(league, season) for league in (before, after))
    added = new.join(old, on="game_id", how="anti").sort("date")
    gone = set(old.join(new, on="game_id", how="anti")["game_id"])
    changed -= gone | set(added["game_id"])
    dates = f" ({added['date'][0]} to {added['date'][-1]})" if added.height else ""
    parts = [f"{added.height} games new{dates}"] if added.height else []
    parts += [f"{len(changed)} changed"] if changed else []
    parts += [f"{len(gone)} gone"] if gone else []
    return f"{season}: {', '.join(parts)}" if parts else ""


def _games(league: League, season: str) -> pl.DataFrame:
    """game_id and date, a row a game."""
    return league.team_games.filter(pl.col("season") == season).select("game_id", "date").unique()


def _changed(old: pl.DataFrame, new: pl.DataFrame, season: str) -> set[str]:
    """Ids of the games that have a row in one table that the other one lacks."""
    one, other = (table.filter(pl.col("season") == season) for table in (old, new))
    differ = [a.join(b, on=a.columns, how="anti", nulls_equal=True) for a, b in ((one, other), (other, one))]
    return set(pl.concat(differ)["game_id"])


def _short(league: League) -> str:
    return league.manifest.fingerprint[:12]
