"""Player features: rolling box scores of the roster's players, and who is on the roster.

Surprising: a player belongs to the team of his most recent game of the season, so a traded player is on his old
team's roster until he has played for the new one.

Shapes: R player games, Q questions (a player on a date), K statistics, S features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from trainer.data.league import BOX, League
from trainer.features.season_games import Bools, Floats, Ints

STATISTICS = ("games", "minutes", "plus_minus", *BOX)
_DATE_BITS = 20


@dataclass(frozen=True)
class PlayerLog:
    """All player games of a league, ordered by player, then date."""

    player: Ints
    """[R] index of the player."""
    date: Ints
    """[R] days since 1970-01-01."""
    season: Ints
    """[R] index of the season."""
    team_id: Ints
    """[R]"""
    first_row: Ints
    """[players] where each player's games start."""
    sums: Floats
    """[R + 1, K] sums over the rows before each row."""

    @cached_property
    def _key(self) -> Ints:
        return (self.player << _DATE_BITS) + self.date

    def before(self, player: Ints, date: Ints) -> Ints:
        """[Q] the row behind each player's last game strictly before the date."""
        return np.searchsorted(self._key, (player << _DATE_BITS) + date, side="left")

    def total(self, start: Ints, end: Ints) -> Floats:
        """[Q, K] sums over the rows from `start` up to `end` (not included)."""
        return self.sums[end] - self.sums[start]


def player_log(league: League, seasons: Sequence[str]) -> PlayerLog:
    """The player games of a league; rows without minutes count as games, but not for rates per minute."""
    known = pl.col("minutes").is_not_null()
    rows = league.player_games.with_columns(games=pl.lit(1.0)).sort("player_id", "date")
    statistics = rows.select(
        pl.col("games"),
        *(pl.when(known).then(pl.col(name).cast(pl.Float64)).otherwise(0.0).alias(name) for name in STATISTICS[1:]),
    ).to_numpy()
    _, first_row, player = np.unique(rows["player_id"].to_numpy(), return_index=True, return_inverse=True)
    order = {name: i for i, name in enumerate(seasons)}
    return PlayerLog(
        player=player.astype(np.int64),
        date=rows["date"].cast(pl.Int32).to_numpy().astype(np.int64),
        season=rows["season"].replace_strict(order, return_dtype=pl.Int64).to_numpy(),
        team_id=rows["team_id"].to_numpy(),
        first_row=first_row.astype(np.int64),
        sums=np.concatenate([np.zeros((1, len(STATISTICS))), statistics.cumsum(axis=0)]),
    )


def player_features(
    log: PlayerLog, season: int, days: Ints, team_id: Ints, *, windows: Sequence[int], roster_size: int
) -> tuple[tuple[str, ...], Floats, Bools]:
    """Columns, [D, T, P, S] features and [D, T, P] mask of every team's roster before each of `days`."""
    in_season = np.unique(log.player[log.season == season])
    player = np.tile(in_season, len(days))
    day = np.repeat(np.arange(len(days)), len(in_season))
    end = log.before(player, days[day])
    start = log.before(player, np.full_like(player, log.date[log.season == season].min()))
    seen = end > start
    player, day, end, start = player[seen], day[seen], end[seen], start[seen]
    team = np.searchsorted(team_id, log.team_id[end - 1])
    names, features = _features(log, player, start, end, windows)
    recent = log.total(np.maximum(end - 10, start), end)[:, STATISTICS.index("minutes")]
    order = np.lexsort((player, -recent, team, day))
    group = day[order] * len(team_id) + team[order]
    place = np.arange(len(order)) - np.searchsorted(group, group, side="left")
    kept = place < roster_size
    order, group, place = order[kept], group[kept], place[kept]
    shape = (len(days) * len(team_id), roster_size)
    values = np.zeros((*shape, features.shape[1]))
    values[group, place] = features[order]
    mask = np.zeros(shape, dtype=np.bool_)
    mask[group, place] = True
    return (
        names,
        values.reshape(len(days), len(team_id), roster_size, -1),
        mask.reshape(len(days), len(team_id), roster_size),
    )


def _features(
    log: PlayerLog, player: Ints, start: Ints, end: Ints, windows: Sequence[int]
) -> tuple[tuple[str, ...], Floats]:
    names: list[str] = []
    parts: list[Floats] = []
    for window in windows:
        first = np.maximum(end - window, log.first_row[player])
        total = log.total(first, end)
        games, minutes = total[:, :1], total[:, 1:2]
        per_36 = 36 * total[:, 2:] / np.maximum(minutes, 12.0)
        parts += [minutes / np.maximum(games, 1), per_36]
        names += [f"minutes_last_{window}", *(f"{name}_per_36_last_{window}" for name in STATISTICS[2:])]
    parts.append((end - start)[:, None].astype(np.float64))
    names.append("games_season")
    return tuple(names), np.concatenate(parts, axis=1)
