"""Who is on a team's roster on a date, what each player brings, and what the roster is worth.

Surprising: a player belongs to the team of his most recent game of the season, so a traded player is on his old
team's roster until he has played for the new one, and one who has not played yet this season is on none.

Shapes: Q questions (a player on a day), D days, T teams, P players of a team, S player columns.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from truestrength.trainer.data.league import BOX
from truestrength.trainer.features.players import STATISTICS, PlayerLog
from truestrength.trainer.features.season_games import Bools, Floats, Ints, SeasonGames

ROTATION = 10
"""Players of a team who count in its roster's worth."""
GAME_MINUTES = 240.0
"""Minutes that a team's players share in a game."""
FADE_PER_MISSED_GAME = 0.93
"""How much of a player's expected minutes is left after each game that his team has played without him."""
GONE_AFTER = 25
"""Games missed in a row after which a player no longer counts as his team's best."""
RATE_MINUTES = 60.0
"""Minutes of nothing that are added to a window's rates, so that a few good minutes make no star."""
RATES = ("plus_minus", "game_score", *(name for name in BOX if name != "reb"))


@dataclass(frozen=True)
class Roster:
    """The players of all teams on each of `days`, in no order."""

    n_days: int
    n_teams: int
    day: Ints
    """[Q] index of the day."""
    team: Ints
    """[Q] index of the team."""
    player: Ints
    """[Q]"""
    start: Ints
    """[Q] the player's first row of the season."""
    end: Ints
    """[Q] the row behind his last game before the day."""
    missed: Ints
    """[Q] games that his team has played since his last one."""
    team_games: Ints
    """[Q] games of his team in the season so far."""
    minutes: Floats
    """[Q] minutes a game when he plays."""
    value: Floats
    """[Q] points per minute, as known before the day."""
    value_before_season: Floats
    """[Q] points per minute, as known before the season."""
    season_minutes: Floats
    """[Q] minutes in the season so far."""

    def since(self, first: int) -> Roster:
        """The rosters of the days from index `first` on."""
        kept = self.day >= first
        return Roster(
            n_days=self.n_days - first,
            n_teams=self.n_teams,
            day=self.day[kept] - first,
            team=self.team[kept],
            player=self.player[kept],
            start=self.start[kept],
            end=self.end[kept],
            missed=self.missed[kept],
            team_games=self.team_games[kept],
            minutes=self.minutes[kept],
            value=self.value[kept],
            value_before_season=self.value_before_season[kept],
            season_minutes=self.season_minutes[kept],
        )

    @property
    def group(self) -> Ints:
        """[Q] one number per day and team."""
        return self.day * self.n_teams + self.team

    @property
    def expected_minutes(self) -> Floats:
        """[Q] minutes a game, less for each game missed in a row."""
        return self.minutes * FADE_PER_MISSED_GAME**self.missed


def season_roster(log: PlayerLog, season: int, games: SeasonGames, days: Ints) -> Roster:
    """The rosters of a season's teams before each of `days`, from games strictly before it.

    Args:
        log: all player games.
        season: index of the season in `log`.
        games: the season's games.
        days: [D] some of `games.days`.
    """
    own = (log.season == season) & log.regular
    of_season = np.unique(log.player[own])
    player = np.tile(of_season, len(days))
    day = np.repeat(np.arange(len(days)), len(of_season))
    end, start = log.before(player, days[day]), log.before(player, int(games.days[0]))
    seen = end > start
    player, day, end, start = player[seen], day[seen], end[seen], start[seen]
    team = np.searchsorted(games.team_id, log.team_id[end - 1])
    team_games = games.regular_log.games_before(team, days[day])
    return Roster(
        n_days=len(days),
        n_teams=len(games.team_id),
        day=day,
        team=team,
        player=player,
        start=start,
        end=end,
        missed=team_games - games.regular_log.games_before(team, log.date[end - 1] + 1),
        team_games=team_games,
        minutes=log.minutes_a_game(player, end),
        value=log.value(player, end),
        value_before_season=log.value(player, start),
        season_minutes=log.total(player, start, end)[:, STATISTICS.index("minutes")],
    )


@dataclass(frozen=True)
class RosterWorth:
    """What the rosters are worth, in points a game. [D, T] each."""

    available: Floats
    """The rotation by expected minutes, which fade with every game missed."""
    used: Floats
    """Those who are still on the team, by the minutes that they have had this season."""
    before_season: Floats
    """The available rotation, at the values known before the season."""
    star: Floats
    """The best player's points a game."""


def roster_worth(roster: Roster) -> RosterWorth:
    """The worth of every roster."""
    available = _rotation(roster, roster.expected_minutes)
    contribution = np.where(roster.missed < GONE_AFTER, roster.value * roster.minutes, -np.inf)
    star = np.full(roster.n_days * roster.n_teams, -np.inf)
    np.maximum.at(star, roster.group, contribution)
    return RosterWorth(
        available=_worth(roster, available, roster.value),
        used=_worth(roster, roster.season_minutes, roster.value),
        before_season=_worth(roster, available, roster.value_before_season),
        star=np.where(np.isfinite(star), star, 0.0).reshape(roster.n_days, roster.n_teams),
    )


def player_columns(windows: Sequence[int]) -> tuple[str, ...]:
    """Names of the columns that `player_features` gives."""
    return (
        "minutes_expected",
        "minutes_a_game",
        "games_missed",
        "share_of_games",
        "games_played",
        "value_per_48",
        "value_before_season_per_48",
        "points_added",
        "career_games",
        *(f"{name}_last_{window}" for window in windows for name in ("minutes", *(f"{rate}_per_36" for rate in RATES))),
    )


def player_features(
    log: PlayerLog, roster: Roster, windows: Sequence[int], roster_size: int
) -> tuple[npt.NDArray[np.float32], Bools]:
    """[D, T, P, S] `player_columns` of each team's `roster_size` players, those with the most minutes first.

    A game missed takes a sixtieth off a player's minutes here, so that a star who is out for a month stays on the
    roster and one who was waived makes room.

    Returns:
        The features, 0 where there is no player, and [D, T, P] where there is one.
    """
    order, group, place = _places(roster, roster_size)
    features = _own_pages((roster.n_days * roster.n_teams, roster_size, len(player_columns(windows))))
    features[group, place] = _columns(log, roster, order, windows)
    mask = np.zeros(features.shape[:2], dtype=np.bool_)
    mask[group, place] = True
    shape = (roster.n_days, roster.n_teams, roster_size)
    return features.reshape(*shape, -1), mask.reshape(shape)


def _own_pages(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Zeros that the system gets back with the array: the C library would keep them, for a process that lives on."""
    return np.frombuffer(mmap.mmap(-1, 4 * math.prod(shape)), dtype=np.float32).reshape(shape)


def players_of(roster: Roster, roster_size: int) -> Ints:
    """[D, T, P] which player each row of `player_features` is; -1 where there is none."""
    order, group, place = _places(roster, roster_size)
    players = np.full((roster.n_days * roster.n_teams, roster_size), -1)
    players[group, place] = roster.player[order]
    return players.reshape(roster.n_days, roster.n_teams, roster_size)


def _places(roster: Roster, roster_size: int) -> tuple[Ints, Ints, Ints]:
    """Of each player who is kept: which question he is, his team and day as `Roster.group`, his place in the team."""
    rank = roster.minutes * np.maximum(1 - roster.missed / 60, 0.05)
    order = np.lexsort((roster.player, -rank, roster.group))
    group = roster.group[order]
    place = np.arange(len(order)) - np.searchsorted(group, group, side="left")
    kept = place < roster_size
    return order[kept], group[kept], place[kept]


def _columns(log: PlayerLog, roster: Roster, chosen: Ints, windows: Sequence[int]) -> Floats:
    player, end, start = roster.player[chosen], roster.end[chosen], roster.start[chosen]
    at = {name: STATISTICS.index(name) for name in STATISTICS}
    parts = []
    for window in windows:
        total = log.total(player, np.maximum(end - window, log.first_row[player]), end)
        minutes, games = total[:, at["minutes"], None], total[:, at["games"], None]
        parts += [
            minutes / np.maximum(games, 1),
            36 * total[:, [at[name] for name in RATES]] / (minutes + RATE_MINUTES),
        ]
    played = (end - start).astype(np.float64)
    alone = [
        roster.expected_minutes[chosen],
        roster.minutes[chosen],
        np.minimum(roster.missed[chosen], GONE_AFTER),
        played / np.maximum(np.maximum(roster.team_games[chosen], played), 1),
        played,
        48 * roster.value[chosen],
        48 * roster.value_before_season[chosen],
        roster.value[chosen] * roster.expected_minutes[chosen],
        np.minimum(end - log.first_row[player], 500),
    ]
    return np.concatenate([np.stack(alone, axis=1), *parts], axis=1)


def _rotation(roster: Roster, minutes: Floats) -> Floats:
    """[Q] `minutes`, and 0 for all but the `ROTATION` players of each team who have the most of them."""
    order = np.lexsort((roster.player, -minutes, roster.group))
    group = roster.group[order]
    outside = order[np.arange(len(order)) - np.searchsorted(group, group, side="left") >= ROTATION]
    kept = minutes.copy()
    kept[outside] = 0.0
    return kept


def _worth(roster: Roster, minutes: Floats, value: Floats) -> Floats:
    """[D, T] points a game when the players share the game's minutes as `minutes` says; 0 without any minutes."""
    share, points = _total(roster, minutes), _total(roster, minutes * value)
    return GAME_MINUTES * np.divide(points, share, out=np.zeros_like(points), where=share > 0)


def _total(roster: Roster, amount: Floats) -> Floats:
    """[D, T] sum over each team's players."""
    n_groups = roster.n_days * roster.n_teams
    total: Floats = np.bincount(roster.group, amount, n_groups).astype(np.float64)
    return total.reshape(roster.n_days, roster.n_teams)
