"""One season's state, day by day: who is on which roster, who is injured, what everybody is worth.

Surprising: nothing here depends on results, so all of it is known before the first game, and all regular-season games
can be played in one vectorised step.

Shapes: D days, T teams, P = 15 places in a roster, N players, R team-games.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from truestrength.trainer.data.demo.market import N_TEAMS
from truestrength.trainer.data.demo.population import BoxRates, Floats, Ints, Players, box_rates

DAYS = 290
"""From the opening day to beyond the last possible playoff game."""
MINUTES = np.array([35, 33.5, 32, 30.5, 28, 22, 18.5, 15.5, 11.5, 8, 5, 0, 0, 0, 0])
"""Planned minutes by rank in the coach's eyes, of 240."""
PLAYOFF_MINUTES = np.array([39, 37.5, 35.5, 33, 29.5, 22, 17, 12.5, 8, 5, 1, 0, 0, 0, 0])
LEAST_ABLE = 9
"""A team that has fewer fit players sends injured ones."""
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Season:
    """What the games of a season are played with."""

    start: int
    """The year it starts in."""
    roster: Ints
    """[D, T, P] rows of the players."""
    value: Floats
    """[D, N] true value, with the form of the day."""
    seen: Floats
    """[N] value as coaches see it."""
    injured: Flags
    """[D, N] whether he cannot play that day."""
    coach: Floats
    """[T] points a game that no player shows."""
    offence: Floats
    """[N] how far a player's value lies in offence rather than defence."""
    rates: BoxRates
    player_id: Ints

    def true_strength(self) -> Floats:
        """[D, T] expected point difference against an average team on a neutral court, the day's roster all fit."""
        strength = np.empty(self.roster.shape[:2])
        for day, roster in enumerate(self.roster):
            planned = MINUTES[_ranks(self.seen[roster])]
            strength[day] = (planned / 48 * self.value[day][roster]).sum(axis=1) + self.coach
        centred: Floats = strength - strength.mean(axis=1, keepdims=True)
        return np.round(centred, 6)


def prepare_season(start: int, players: Players, roster: Ints, coach: Floats, rng: np.random.Generator) -> Season:
    """Draw the season's form and injuries; `coach` is [T], `roster` [D, T, P]."""
    count = len(players.age)
    weeks = rng.normal(0.0, 0.2, (DAYS // 7 + 1, count)).cumsum(axis=0)
    return Season(
        start=start,
        roster=roster,
        value=np.round(players.value + np.repeat(weeks, 7, axis=0)[:DAYS], 6),
        seen=players.seen,
        injured=_injuries(count, rng),
        coach=coach,
        offence=players.offence,
        rates=box_rates(players),
        player_id=players.player_id,
    )


def _injuries(count: int, rng: np.random.Generator) -> Flags:
    """[D, N]: healthy for two months, then mostly a short injury, sometimes months; some players more than others."""
    spells = 12
    frailty = np.exp(rng.normal(0.0, 0.5, count))
    healthy = rng.exponential(60.0, (spells, count)) / frailty
    length = np.exp(rng.normal(1.8, 1.1, (spells, count)))
    ends = (healthy + length).cumsum(axis=0)
    starts = ends - length
    days = np.arange(DAYS)[:, None, None]
    out: Flags = np.any((days >= starts) & (days < ends), axis=1)
    return out


def _ranks(quality: Floats) -> Ints:
    """[..., P] 0 for the best of each row."""
    order = np.argsort(-quality, axis=1, kind="stable")
    return np.argsort(order, axis=1)


def rotation(season: Season, day: Ints, team: Ints, playoffs: bool, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Who plays and how much.

    Returns:
        rows of the players [R, P], and their minutes [R, P] of 240; 0 did not play.
    """
    roster = season.roster[day, team]
    out = season.injured[day[:, None], roster]
    if not playoffs:
        out |= rng.random(roster.shape) < 0.03
    mood = rng.normal(0.0, 0.4, roster.shape)
    fit = np.where(out, -100.0, 0.0) + season.seen[roster] + mood
    ranks = _ranks(fit)
    plan = (PLAYOFF_MINUTES if playoffs else MINUTES)[ranks]
    plan = plan * np.exp(rng.normal(0.0, 0.16, roster.shape))
    # One more of the bench gets on the court in some games.
    plan = np.where((ranks == 11) & (rng.random(roster.shape) < 0.4), 4.0, plan)
    able = np.maximum((~out).sum(axis=1, keepdims=True), LEAST_ABLE)
    plan = np.where((ranks < able) & (plan > 3.0), plan, 0.0)
    for _ in range(3):
        plan = np.minimum(plan * (240 / plan.sum(axis=1, keepdims=True)), 44.0)
    return roster, np.round(plan * (240 / plan.sum(axis=1, keepdims=True)), 6)


def new_coaches(coach: Floats | None, rng: np.random.Generator) -> Floats:
    """[T] effect of coaching and fit; a part of it is left from the season before."""
    fresh = rng.normal(0.0, 1.0, N_TEAMS)
    return fresh if coach is None else 0.6 * coach + 0.8 * fresh
