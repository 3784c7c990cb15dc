"""The regular season: who meets whom, where and when.

As in the NBA: four games against the own division and against six others of the conference, three against the remaining
four, two against the other conference: 82, of which 41 at home. Teams 0 to 14 are one conference, in divisions of five.
"""

from __future__ import annotations

import numpy as np

from truestrength.trainer.data.demo.market import N_TEAMS
from truestrength.trainer.data.demo.population import Floats, Ints

DAYS = 172
"""Days that the greedy plan aims at; a few left-over games come after them."""
BREAK = range(112, 118)
"""The All-Star break: no games."""
WEEKDAY = (1.0, 0.8, 1.25, 0.75, 1.3, 1.05, 0.85)
"""How full the days of a week are."""
_CONFERENCE, _DIVISION = 15, 5


def meetings(season: int) -> Ints:
    """[1230, 2] home and away team of every game; which pairs meet three times changes with the season."""
    games = []
    for a in range(N_TEAMS):
        for b in range(a + 1, N_TEAMS):
            at_a, at_b = _games_at(a, b, season)
            games += [(a, b)] * at_a + [(b, a)] * at_b
    return np.array(games)


def _games_at(a: int, b: int, season: int) -> tuple[int, int]:
    """How often `a` < `b` meet at a's and at b's."""
    if a // _CONFERENCE != b // _CONFERENCE:
        return 1, 1
    step = (b - a - season) % _DIVISION
    if a // _DIVISION == b // _DIVISION or step > 1:
        return 2, 2
    return (2, 1) if step == 0 else (1, 2)


def plan(season: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """The games in the order they are played.

    Returns:
        games [1230, 2] and their days [1230], 0 is the opening day. No team plays twice on a day, or on three days
        running.
    """
    left = rng.permutation(meetings(season))
    played_on = np.full((N_TEAMS, 2), -9)
    games, days = [], []
    day = 0
    while len(left):
        if day not in BREAK:
            chosen = _games_of_day(left, day, played_on, rng)
            games.append(left[chosen])
            days.append(np.full(len(chosen), day))
            teams = left[chosen].ravel()
            played_on[teams, 0], played_on[teams, 1] = played_on[teams, 1], day
            left = np.delete(left, chosen, axis=0)
        day += 1
    return np.concatenate(games), np.concatenate(days)


def _games_of_day(left: Ints, day: int, played_on: Ints, rng: np.random.Generator) -> Ints:
    """Rows of `left`: first the games of the teams that have most to catch up, seldom of one that played yesterday."""
    to_play = np.bincount(left.ravel(), minlength=N_TEAMS).astype(np.float64)
    days_left = max(1, DAYS - day - sum(d > day for d in BREAK))
    quota = min(N_TEAMS // 2, int(np.ceil(len(left) / days_left * WEEKDAY[day % 7])))
    tired = played_on[:, 1] == day - 1
    barred = tired & (played_on[:, 0] == day - 2)
    urgency: Floats = to_play - 4.0 * tired * rng.random(N_TEAMS) + rng.normal(0.0, 0.8, N_TEAMS)
    order = np.argsort(-urgency[left].sum(axis=1), kind="stable")
    free = ~barred
    chosen = []
    for row in order:
        home, away = left[row]
        if free[home] and free[away]:
            free[home] = free[away] = False
            chosen.append(row)
            if len(chosen) == quota:
                break
    return np.array(chosen, dtype=np.int64)
