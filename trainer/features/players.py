"""All player games of a league as one array, and what a player was worth before any of them.

Surprising: a player's log runs across seasons and teams, so a window of 30 games reaches back into last season, and a
value is known on opening night. Rows without minutes count as appearances and as nothing else.

Shapes: R player games, Q questions (a player before a date), K statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from truestrength.trainer.data.league import BOX, League
from truestrength.trainer.features.season_games import Floats, Ints

STATISTICS = ("appearances", "games", "minutes", "plus_minus", "game_score", *BOX)
"""What `PlayerLog.sums` adds up; `games` are those with known minutes."""

GAME_SCORE = {
    "pts": 1.0,
    "fgm": 0.4,
    "fga": -0.7,
    "ftm": 0.4,
    "fta": -0.4,
    "oreb": 0.7,
    "dreb": 0.3,
    "stl": 1.0,
    "ast": 0.7,
    "blk": 0.7,
    "pf": -0.4,
    "tov": -1.0,
}
"""John Hollinger's Game Score."""

VALUE_HALF_LIFE = 80
"""Games after which a game counts half in a player's value."""
MINUTES_HALF_LIFE = 10
"""Games after which a game counts half in the minutes that a player is expected to play."""
PRIOR_MINUTES = 300.0
"""A player's value starts from a replacement player's, who has played this many minutes."""
VALUED = ("game_score", "pts", "plus_minus")
"""What a player's value is made of, per minute."""
WORTH = np.array([0.4, -0.16, 0.165])
"""Points that one of each of `VALUED` adds to the team's expected margin: regression of the game margins of NBA 2016-17
to 2020-21 on the line-ups' earlier figures. Game Score thinks too well of those who score much, hence the minus."""
REPLACEMENT = np.array([0.18, 0.33, -0.06])
"""`VALUED` of a replacement player."""
AVERAGE = np.array([0.354, 0.451, 0.0])
"""`VALUED` of an average minute; a player who has these is worth 0."""

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
    regular: npt.NDArray[np.bool_]
    """[R] False for playoff games."""
    team_id: Ints
    """[R]"""
    first_row: Ints
    """[players] where each player's games start."""
    sums: Floats
    """[R + 1, K] sums over the player's rows up to and including the row before."""
    value_state: Floats
    """[R + 1, 4] minutes and `VALUED` up to and including the row before, recent games counting more."""
    minutes_state: Floats
    """[R + 1, 2] games and minutes likewise, recent games counting much more."""

    @cached_property
    def _key(self) -> Ints:
        return (self.player << _DATE_BITS) + self.date

    def before(self, player: Ints, date: Ints | int) -> Ints:
        """[Q] the row behind each player's last game strictly before the date."""
        return np.searchsorted(self._key, (player << _DATE_BITS) + date, side="left")

    def value(self, player: Ints, end: Ints) -> Floats:
        """[Q] points that a player adds to his team's margin per minute, as known from his rows before `end`.

        Args:
            player: [Q].
            end: [Q] as `before` gives it.
        """
        known = self._known(self.value_state, player, end)
        minutes, amounts = known[:, :1], known[:, 1:]
        rates = (amounts + PRIOR_MINUTES * REPLACEMENT) / (minutes + PRIOR_MINUTES)
        points: Floats = (rates - AVERAGE) @ WORTH
        return points

    def minutes_a_game(self, player: Ints, end: Ints) -> Floats:
        """[Q] minutes a player gets in the games that he plays; 0 when none are known."""
        games, minutes = self._known(self.minutes_state, player, end).T
        a_game: Floats = np.divide(minutes, games, out=np.zeros_like(minutes), where=games > 0)
        return a_game

    def total(self, player: Ints, start: Ints, end: Ints) -> Floats:
        """[Q, K] sums over the player's rows from `start` up to `end` (not included)."""
        return self._known(self.sums, player, end) - self._known(self.sums, player, start)

    def _known(self, state: Floats, player: Ints, end: Ints) -> Floats:
        return np.where((end > self.first_row[player])[:, None], state[end], 0.0)


def player_log(league: League, seasons: Sequence[str]) -> PlayerLog:
    """The player games of a league.

    Args:
        league: the tables.
        seasons: names of the seasons, whose order `PlayerLog.season` counts in.
    """
    known = pl.col("minutes").is_not_null()
    # In whole tenths: a sum of fractions is rounded by where in the table its row stands.
    tenths = pl.sum_horizontal(pl.col(name) * round(10 * weight) for name, weight in GAME_SCORE.items())
    rows = league.player_games.sort("player_id", "date").with_columns(
        appearances=pl.lit(1.0), games=pl.lit(1.0), game_score=tenths / 10
    )
    counted = [pl.when(known).then(pl.col(name).cast(pl.Float64)).otherwise(0.0) for name in STATISTICS[1:]]
    statistics = rows.select("appearances", *counted).to_numpy()
    _, first_row, player = np.unique(rows["player_id"].to_numpy(), return_index=True, return_inverse=True)
    order = {name: i for i, name in enumerate(seasons)}
    game_number = np.arange(len(player)) - first_row[player]
    chosen = {name: statistics[:, STATISTICS.index(name)] for name in ("games", "minutes", *VALUED)}
    return PlayerLog(
        player=player.astype(np.int64),
        date=rows["date"].cast(pl.Int32).to_numpy().astype(np.int64),
        season=rows["season"].replace_strict(order, return_dtype=pl.Int64).to_numpy(),
        regular=(rows["season_type"] == "regular").to_numpy(),
        team_id=rows["team_id"].to_numpy(),
        first_row=first_row.astype(np.int64),
        sums=_fading_sums(statistics, game_number, half_life=np.inf),
        value_state=_fading_sums(
            np.stack([chosen[name] for name in ("minutes", *VALUED)], axis=1), game_number, VALUE_HALF_LIFE
        ),
        minutes_state=_fading_sums(
            np.stack([chosen["games"], chosen["minutes"]], axis=1), game_number, MINUTES_HALF_LIFE
        ),
    )


def _fading_sums(values: Floats, game_number: Ints, half_life: float) -> Floats:
    """[R + 1, K] state behind each row: the row plus the faded state before it; a player's first row starts anew.

    All players' n-th games are taken at once, so the loop is as long as the longest career. Cumulative sums over all
    rows would need no loop; but weighted ones lose all precision for short half-lives, and even plain ones round a
    player's sums by what others do after the date.
    """
    keep = 0.5 ** (1 / half_life)
    state = np.zeros((len(values) + 1, values.shape[1]))
    order = np.argsort(game_number, kind="stable")
    counts = np.bincount(game_number)
    for number, rows in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        state[rows + 1] = values[rows] + (keep * state[rows] if number else 0.0)
    return state
