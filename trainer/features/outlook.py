"""How a season would go on from a day: the games left, and the playoffs, at given strengths.

Surprising: the same random numbers serve every day and team, so that two days differ by what was known and not by luck,
and the same league always gives the same figures.

Shapes: D days, G regular-season games, T teams, N simulated seasons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trainer.features.ratings import HOME_POINTS
from trainer.features.season_games import COLUMNS, Floats, Ints, SeasonGames

GAME_DEVIATION = 12.5
"""Standard deviation, in points, of a game's margin around the expected one."""
STRENGTH_VARIANCE, STRENGTH_GAMES = 150.0, 10.0
"""The variance of a team's strength, in points², is the first over (games played + the second)."""
SERIES_PER_POINT, SERIES_HOME = 0.175, 0.09
"""A best-of-seven series is won with the normal probability of the first times the difference in strength, plus or
minus the second for the better record: what single games at `GAME_DEVIATION` add up to."""
PLAYOFF_TEAMS = 8
"""Teams of a conference in the playoffs, as far as it has them."""
INTERRUPTION = 14
"""A break of more days than this was not planned: the games after it are unknown before it."""
SIMULATIONS = 256
SEED = 20151027


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of each team, as of each day. [D, T] each."""

    win_rate: Floats
    """Expected win rate at the end of the regular season."""
    rank: Floats
    """Expected final rank."""
    place: Floats
    """Expected playoff outcome."""
    in_playoffs: Floats
    """Probability of playing the playoffs."""
    champion: Floats
    """Probability of winning the title."""


@dataclass(frozen=True)
class Remaining:
    """The rest of each team's regular season. [D, T] each."""

    games: Floats
    wins: Floats
    variance: Floats
    """Of the wins, at known strengths."""


def outlook(games: SeasonGames, strength: Floats, playoff_strength: Floats) -> Outlook:
    """Expected results of a season as of each of its days, from the games before the day and the schedule.

    The schedule is public beforehand, so who meets whom is read from later rows, up to the season's next interruption;
    their results are not.

    Args:
        games: the season.
        strength: [D, T] points by which each team beats an average one, as known before each regular-season day.
        playoff_strength: [D, T] the same for the playoffs, in which the best players play more.
    """
    sums, played = games.regular_log.last(None)
    won = sums[..., COLUMNS.index("won")]
    uncertainty = STRENGTH_VARIANCE / (played.astype(np.float64) + STRENGTH_GAMES)
    left = remaining(games, strength, uncertainty)
    total = np.maximum(played + left.games, 1)
    rank, place, in_playoffs, champion = _simulate(
        games, strength, playoff_strength, uncertainty=uncertainty, won=won, left=left
    )
    return Outlook(
        win_rate=(won + left.wins) / total,
        rank=rank,
        place=place,
        in_playoffs=in_playoffs,
        champion=champion,
    )


def remaining(games: SeasonGames, strength: Floats, uncertainty: Floats) -> Remaining:
    """What each team's scheduled games will bring.

    Args:
        games: the season.
        strength: [D, T] in points.
        uncertainty: [D, T] variance of the strengths.
    """
    regular = np.flatnonzero(games.regular)
    home, away, date = games.home[regular], games.away[regular], games.date[regular]
    ahead = (date >= games.days[:, None]) & (date < _known_until(games.days)[:, None])
    lead = strength[:, home] - strength[:, away] + HOME_POINTS
    deviation = np.sqrt(GAME_DEVIATION**2 + uncertainty[:, home] + uncertainty[:, away])
    wins = np.where(ahead, ndtr(lead / deviation), 0.0)
    at_home, visiting = np.eye(len(games.team_id))[home], np.eye(len(games.team_id))[away]
    spread = wins * (ahead - wins)
    return Remaining(
        games=ahead @ (at_home + visiting),
        wins=wins @ at_home + (ahead - wins) @ visiting,
        variance=spread @ (at_home + visiting),
    )


def _known_until(days: Ints) -> Ints:
    """[D] the first day whose games are not yet known on each day: the one after the next interruption."""
    resumed = days[1:][np.diff(days) > INTERRUPTION]
    ends = np.append(resumed, np.iinfo(np.int64).max)
    return ends[np.searchsorted(resumed, days, side="right")]


def _simulate(
    games: SeasonGames,
    strength: Floats,
    playoff_strength: Floats,
    *,
    uncertainty: Floats,
    won: Floats,
    left: Remaining,
) -> tuple[Floats, Floats, Floats, Floats]:
    """[D, T] mean final rank, mean playoff outcome, probability of the playoffs, and of the title."""
    generator = np.random.default_rng(SEED)
    half = generator.standard_normal((2, SIMULATIONS // 2, strength.shape[1]))
    form, luck = np.concatenate([half, -half], axis=1)
    fortune = generator.random((SIMULATIONS, 2 * strength.shape[1]))
    total = np.maximum(games.regular_log.played + left.games, 1)
    ranks, places, playoffs, titles = (np.empty_like(strength) for _ in range(4))
    for day in range(len(strength)):
        deviation = np.sqrt(uncertainty[day]) * form
        # A game's win probability rises by the normal density at 0 with every point of strength.
        more_wins = left.games[day] * deviation / (GAME_DEVIATION * np.sqrt(2 * np.pi))
        simulated = won[day] + left.wins[day] + more_wins + np.sqrt(left.variance[day]) * luck
        rate = simulated / total[day] + 1e-4 * strength[day]
        depth, record = _playoffs(games.conference, playoff_strength[day] + deviation, rate, fortune)
        ranks[day] = record.mean(axis=0)
        places[day] = _ranks(record - 1000.0 * depth).mean(axis=0)
        playoffs[day] = (depth > 0).mean(axis=0)
        titles[day] = (depth == depth.max(axis=1, keepdims=True)).mean(axis=0)
    return ranks, places, playoffs, titles


def _playoffs(conference: np.ndarray, strength: Floats, rate: Floats, fortune: Floats) -> tuple[Ints, Ints]:
    """[N, T] rounds reached (0: missed the playoffs, 1: lost the first series), and places by record."""
    record = _ranks(-rate)
    depth = np.zeros(rate.shape, dtype=np.int64)
    rows = np.arange(len(rate))[:, None]
    used = 0

    def play(alive: Ints) -> Ints:
        """Play neighbours against each other until one team a row is left; an odd one waits."""
        nonlocal used
        while alive.shape[1] > 1:
            pairs = alive.shape[1] // 2
            one, other = alive[:, 0 : 2 * pairs : 2], alive[:, 1 : 2 * pairs : 2]
            home = np.where(record[rows, one] < record[rows, other], SERIES_HOME, -SERIES_HOME)
            chance = ndtr(SERIES_PER_POINT * (strength[rows, one] - strength[rows, other]) + home)
            winner = np.where(fortune[:, used : used + pairs] < chance, one, other)
            used += pairs
            depth[rows, winner] += 1
            alive = np.concatenate([winner, alive[:, 2 * pairs :]], axis=1)
        return alive

    champions = []
    for name in np.unique(conference):
        teams = np.flatnonzero(conference == name)
        bracket = _bracket(min(PLAYOFF_TEAMS, 2 ** (len(teams).bit_length() - 1)))
        seeded = teams[np.argsort(record[:, teams], axis=1)][:, bracket]
        depth[rows, seeded] = 1
        champions.append(play(seeded))
    play(np.concatenate(champions, axis=1))
    return depth, record


def _bracket(n_teams: int) -> list[int]:
    """Seeds in the order in which neighbours meet.

    >>> _bracket(8)
    [0, 7, 3, 4, 1, 6, 2, 5]
    """
    seeds = [0]
    while len(seeds) < n_teams:
        seeds = [seed for first in seeds for seed in (first, 2 * len(seeds) - 1 - first)]
    return seeds


def _ranks(values: Floats) -> Ints:
    """[N, T] places, 1 is the smallest value."""
    order = np.argsort(values, axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, values.shape[1] + 1), axis=1)
    return ranks
