"""Who wins and by how much: the only place where strength becomes points.

The margin is normal around the difference in strength plus home advantage and fatigue; a level game goes to overtime.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truestrength.trainer.data.demo.population import Floats, Ints
from truestrength.trainer.data.demo.season import Flags, Season, rotation

HOME_ADVANTAGE = 2.4
"""Points."""
FATIGUE = 1.6
"""Points that a team loses on the second of two days running."""
MARGIN_SD = 12.0
TOTAL_SD = 20.0
BASE_POINTS = 109.0
OVERTIME = 0.9
"""A regulation margin nearer to 0 than this is a draw."""


@dataclass(frozen=True)
class Fixtures:
    """G games that are to be played."""

    game_id: tuple[str, ...]
    day: Ints
    home: Ints
    away: Ints


@dataclass(frozen=True)
class Played:
    """G games, played: 2G team-games, first all home teams, then all visitors, in the order of the fixtures."""

    fixtures: Fixtures
    roster: Ints
    """[2G, P] rows of the players."""
    minutes: Ints
    """[2G, P]; a team's sum is 240 and 25 more for each overtime."""
    points: Ints
    """[2G]"""
    impact: Floats
    """[2G, P] value of the players that day."""

    @property
    def home_won(self) -> Flags:
        """[G] whether the home team won."""
        home, away = np.split(self.points, 2)
        return home > away

    def select(self, games: Flags) -> Played:
        """Some of the games, by a mask [G]."""
        fixtures = Fixtures(
            game_id=tuple(g for g, keep in zip(self.fixtures.game_id, games, strict=True) if keep),
            day=self.fixtures.day[games],
            home=self.fixtures.home[games],
            away=self.fixtures.away[games],
        )
        both = np.concatenate([games, games])
        return Played(fixtures, self.roster[both], self.minutes[both], self.points[both], self.impact[both])


def play(season: Season, fixtures: Fixtures, playoffs: bool, rng: np.random.Generator) -> Played:
    """Play games."""
    day = np.concatenate([fixtures.day, fixtures.day])
    team = np.concatenate([fixtures.home, fixtures.away])
    roster, minutes = rotation(season, day, team, playoffs, rng)
    impact = season.value[day[:, None], roster]
    share = minutes / 48
    strength = (share * impact).sum(axis=1) + season.coach[team] - FATIGUE * _tired(day, team)
    attack = (share * season.offence[roster]).sum(axis=1)
    home, away = np.split(strength, 2)
    home_attack, away_attack = np.split(attack, 2)
    margin, overtimes = _margin(home - away + HOME_ADVANTAGE, rng)
    # Attack beyond the even split is paid for in defence, so it moves the sum of points and not the margin.
    total = 2 * BASE_POINTS + 2 * (home_attack + away_attack) + 20 * overtimes
    total = np.rint(rng.normal(total, TOTAL_SD)).astype(np.int64)
    home_points = np.maximum((total + margin) // 2, 70 + np.maximum(margin, 0))
    return Played(
        fixtures=fixtures,
        roster=roster,
        minutes=whole(minutes * (1 + np.tile(overtimes, 2)[:, None] * 25 / 240)),
        points=np.concatenate([home_points, home_points - margin]),
        impact=impact,
    )


def whole(parts: Floats) -> Ints:
    """Round each row to whole numbers whose sum is the rounded sum of the row; zeros stay zeros.

    >>> whole(np.array([[1.4, 0.0, 1.4, 1.2]])).tolist()
    [[1, 0, 2, 1]]
    """
    edges = np.rint(np.round(parts.cumsum(axis=1), 6)).astype(np.int64)
    return np.diff(edges, axis=1, prepend=0)


def _tired(day: Ints, team: Ints) -> Flags:
    """[R] whether the team played the day before, among these games."""
    key = team * 1000 + day
    return np.isin(key - 1, key)


def _margin(expected: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Final margins of the home teams, never 0, and the number of overtimes; both [G]."""
    regulation = rng.normal(expected, MARGIN_SD)
    level = np.abs(regulation) < OVERTIME
    overtimes = np.where(level, 1 + (rng.random(len(level)) < 0.15), 0)
    home_wins = rng.random(len(level)) < 0.5 + 0.025 * np.clip(expected, -15, 15)
    after_overtime = np.where(home_wins, 1, -1) * (1 + rng.poisson(4.5, len(level)))
    final = np.where(level, after_overtime, np.rint(regulation)).astype(np.int64)
    return final, overtimes
