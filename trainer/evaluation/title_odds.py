"""A team's probability of winning the title, from what a ranking says of its strength.

A score becomes points by one factor, fitted to the margins of the games that were still to come in training seasons,
of which there are thousands. Nothing is fitted to champions: six of them do not tell a sharper forecast from a duller
one. The rest of the season is simulated as `trainer.features.outlook` does it. The surprising one: no series is drawn.
For each simulated season the chances of all pairings of its bracket are added up exactly, which takes few seasons for
the same precision, and gives no team that reaches the playoffs a chance of 0.

Shapes: D days, T teams, N simulated seasons, B teams of a part of the bracket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import qmc

from truestrength.trainer.features.outlook import (
    SEED,
    SERIES_HOME,
    brackets,
    play_out,
    series_chance,
    series_home,
    standing,
)
from truestrength.trainer.features.ratings import HOME_POINTS
from truestrength.trainer.features.season_games import Floats, Ints, SeasonGames

Singles = npt.NDArray[np.float32]
SIMULATIONS = 32
"""Of each day. Odds above 0.05 then differ by 0.006 (root mean square) from those of thousands of simulations."""


FORECAST_SIMULATIONS = 2048
"""Of the one day of a forecast: it is read to the percent."""


@dataclass(frozen=True)
class Forecast:
    """How a season ends, as seen from one day. [T] each."""

    won: Floats
    """Games won so far."""
    played: Floats
    """Games played so far."""
    win_rate: Floats
    """Expected win rate at the end of the regular season."""
    rank: Floats
    """Expected final rank."""
    playoffs: Floats
    """Probability of being among the teams of its conference that play the playoffs."""
    title: Floats
    """Probability of winning the title; sums to 1."""


@dataclass(frozen=True)
class RestOfSeason:
    """What the games from a day on say of the teams, playoffs included: the normal equations of their strengths."""

    days: Ints
    """[D] days since 1970-01-01."""
    matrix: Floats
    """[D, T, T]"""
    margins: Floats
    """[D, T] sum of each team's margins, less home advantage."""


def rest_of_season(games: SeasonGames) -> RestOfSeason:
    """The games on and after each regular-season day."""
    n_teams = len(games.team_id)
    sign = np.eye(n_teams)[games.home] - np.eye(n_teams)[games.away]
    ahead = (games.date >= games.days[:, None]).astype(np.float64)
    pairs = (sign[:, :, None] * sign[:, None, :]).reshape(len(sign), -1)
    margins = ahead @ (sign * (games.margin - HOME_POINTS * games.advantage)[:, None])
    return RestOfSeason(games.days, (ahead @ pairs).reshape(-1, n_teams, n_teams), margins)


def points_per_score(seasons: Sequence[tuple[RestOfSeason, Ints, Floats]]) -> float:
    """How many points a game one unit of score is worth: least squares of the margins of the games still to come.

    That is the factor of greatest likelihood if margins are normal around the expected ones.

    Args:
        seasons: for each season the rest of it as of each of its days, the days that are scored [S] and the scores
            [S, T] of its teams in order of their ids.

    Returns:
        The factor; 0 when scores say nothing, or the opposite of what happened.
    """
    product = square = 0.0
    for rest, days, scores in seasons:
        chosen = np.searchsorted(rest.days, days)
        product += float((scores * rest.margins[chosen]).sum())
        square += float(np.einsum("st,stu,su->", scores, rest.matrix[chosen], scores))
    return max(product / square, 0.0) if square > 0 else 0.0


def title_odds(games: SeasonGames, days: Ints, strength: Floats) -> Floats:
    """[S, T] the probability of each team winning the title, as of some days; sums to 1.

    Args:
        games: the season; of each day only the games before it and the schedule are used.
        days: [S] days since 1970-01-01, each a regular-season day.
        strength: [S, T] points by which each team beats an average one, as known before each of those days.
    """
    n_days, n_teams = strength.shape
    asked = np.searchsorted(games.days, days)
    known = standing(games, asked, strength)
    played, rate = (values.reshape(-1, n_teams) for values in play_out(known, *_draws(n_teams, SIMULATIONS)))
    home = np.repeat(series_home(games, asked), SIMULATIONS).astype(np.float32)
    odds: Floats = bracket_odds(games.conference, played, rate, home).reshape(n_days, SIMULATIONS, n_teams).mean(axis=1)
    return odds


def season_forecast(games: SeasonGames, day: int, strength: Floats) -> Forecast:
    """How a season ends as seen from one day; as `title_odds`, from more simulations.

    Args:
        games: the season.
        day: days since 1970-01-01, a regular-season day.
        strength: [T] points by which each team beats an average one.
    """
    asked = np.searchsorted(games.days, [day])
    known = standing(games, asked, strength[None])
    played, rate = (values[0] for values in play_out(known, *_draws(len(strength), FORECAST_SIMULATIONS)))
    in_playoffs = np.zeros(rate.shape)
    for seeded in brackets(games.conference, -rate):
        np.put_along_axis(in_playoffs, seeded, 1.0, axis=1)
    home = series_home(games, asked).astype(np.float32)
    return Forecast(
        won=known.won[0],
        played=known.total[0] - known.left.games[0],
        win_rate=(known.won[0] + known.left.wins[0]) / known.total[0],
        rank=(np.argsort(np.argsort(-rate, axis=1), axis=1) + 1).mean(axis=0),
        playoffs=in_playoffs.mean(axis=0),
        title=bracket_odds(games.conference, played, rate, home).mean(axis=0),
    )


@cache
def _draws(n_teams: int, simulations: int) -> Floats:
    """[2, N, T] standard normal form and luck, spread evenly (Sobol): 32 of them do what 90 random ones would."""
    uniform = qmc.Sobol(2 * n_teams, rng=np.random.default_rng(SEED)).random(simulations)
    draws: Floats = ndtri(np.clip(uniform, 1e-6, 1 - 1e-6)).reshape(simulations, 2, n_teams).swapaxes(0, 1)
    return draws


def bracket_odds(
    conference: npt.NDArray[np.str_], strength: Floats, rate: Floats, home: Singles | float = SERIES_HOME
) -> Floats:
    """[N, T] the probability of each team winning the title, in seasons that end with these win rates.

    Args:
        conference: [T] of each team.
        strength: [N, T] in points.
        rate: [N, T] win rates at the end of the regular season, without ties: they seed, and give home advantage.
        home: [N] what that advantage is worth in a series.
    """
    rows = np.arange(len(rate))
    parts = []
    for seeded in brackets(conference, -rate):
        teams = seeded.T
        points, record = (values[rows, teams].astype(np.float32) for values in (strength, rate))
        parts.append(_champion(_Part(teams, points, record, np.ones(teams.shape, dtype=np.float32)), home))
    while len(parts) > 1:  # an odd conference waits, as in `outlook`
        met = [_met(*pair, home) for pair in zip(parts[::2], parts[1::2], strict=False)]
        parts = [*met, *parts[2 * len(met) :]]
    odds = np.zeros(rate.shape)
    odds[rows, parts[0].teams] = parts[0].chance
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


@dataclass(frozen=True)
class _Part:
    """A part of the bracket, out of which one team comes. [..., B, N] each: long rows last, which is fast."""

    teams: Ints
    strength: Singles
    rate: Singles
    chance: Singles
    """Of coming out of it."""

    def each(self, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> _Part:
        """The part with all four arrays changed alike."""
        return _Part(change(self.teams), change(self.strength), change(self.rate), change(self.chance))

    def half(self, size: int, which: int) -> _Part:
        """[B / 2 size, size, N] one half of the teams that can meet once `size` teams have fought for each place."""
        return self.each(lambda values: values.reshape(-1, 2, size, values.shape[-1])[:, which])


def _champion(part: _Part, home: Singles | float) -> _Part:
    """The same part when all of its series have been played."""
    shape = part.teams.shape
    size = 1
    while size < shape[0]:
        part = _met(part.half(size, 0), part.half(size, 1), home).each(lambda values: values.reshape(shape))
        size *= 2
    return part


def _met(one: _Part, other: _Part, home: Singles | float) -> _Part:
    """Both parts when the two teams that come out of them have played each other."""
    lead = one.strength[..., :, None, :] - other.strength[..., None, :, :]
    wins = series_chance(lead, one.rate[..., :, None, :] > other.rate[..., None, :, :], home)
    of_one = one.chance * (wins * other.chance[..., None, :, :]).sum(axis=-2)
    of_other = other.chance * (1 - (wins * one.chance[..., :, None, :]).sum(axis=-3))  # one's chances sum to 1
    return _Part(
        np.concatenate([one.teams, other.teams], axis=-2),
        np.concatenate([one.strength, other.strength], axis=-2),
        np.concatenate([one.rate, other.rate], axis=-2),
        np.concatenate([of_one, of_other], axis=-2),
    )
