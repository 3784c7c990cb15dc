"""How a season would go on from a day: the games left, and the playoffs, at given strengths.

Surprising: the same random numbers serve every day and team, so that two days differ by what was known and not by luck,
and the same league always gives the same figures.

Shapes: D days, G regular-season games, T teams, N simulated seasons.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from truestrength.trainer.features.ratings import HOME_POINTS
from truestrength.trainer.features.season_games import COLUMNS, Bools, Floats, Ints, SeasonGames

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
_DAYS_AT_ONCE = 4
"""As many as stay in a core's cache; it changes no result."""


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


Foresight: TypeAlias = Callable[[SeasonGames, Floats, Floats], Outlook]
"""`outlook`, or what has its results from somewhere else."""


@dataclass(frozen=True)
class Remaining:
    """The rest of each team's regular season. [D, T] each."""

    games: Floats
    wins: Floats
    variance: Floats
    """Of the wins, at known strengths."""


@dataclass(frozen=True)
class Standing:
    """What the simulations of a day start from. [D, T] each."""

    strength: Floats
    uncertainty: Floats
    """Variance of the strength."""
    won: Floats
    left: Remaining
    total: Floats
    """Games played and left, at least 1."""

    def on(self, days: slice) -> Standing:
        """The same on some of the days."""
        left = Remaining(self.left.games[days], self.left.wins[days], self.left.variance[days])
        return Standing(self.strength[days], self.uncertainty[days], self.won[days], left, self.total[days])


def outlook(games: SeasonGames, strength: Floats, playoff_strength: Floats) -> Outlook:
    """Expected results of a season as of each of its days, from the games before the day and the schedule.

    The schedule is public beforehand, so who meets whom is read from later rows, up to the season's next interruption;
    their results are not.

    Args:
        games: the season.
        strength: [D, T] points by which each team beats an average one, as known before each regular-season day.
        playoff_strength: [D, T] the same for the playoffs, in which the best players play more.
    """
    known = standing(games, np.arange(len(games.days)), strength)
    home = series_home(games, np.arange(len(games.days)))
    rank, place, in_playoffs, champion = _simulate(games, known, playoff_strength - strength, home)
    return Outlook(
        win_rate=(known.won + known.left.wins) / known.total,
        rank=rank,
        place=place,
        in_playoffs=in_playoffs,
        champion=champion,
    )


def standing(games: SeasonGames, days: Ints, strength: Floats) -> Standing:
    """Where the simulations of some days start.

    Args:
        games: the season.
        days: [D] indices into `games.days`.
        strength: [D, T] in points.
    """
    sums, counts = games.regular_log.last(None)
    played = counts[days].astype(np.float64)
    uncertainty = STRENGTH_VARIANCE / (played + STRENGTH_GAMES)
    left = remaining(games, days, strength, uncertainty)
    total = np.maximum(played + left.games, 1)
    return Standing(strength, uncertainty, sums[days, :, COLUMNS.index("won")], left, total)


def series_home(games: SeasonGames, days: Ints) -> Floats:
    """[D] what a series gives the better record: nothing once it is known that all the playoffs are at a neutral site.

    Args:
        games: the season.
        days: [D] indices into `games.days`.
    """
    playoffs = ~games.regular
    elsewhere = bool(playoffs.any() and games.neutral[playoffs].all())
    known = _known_until(games.days)[days] == np.iinfo(np.int64).max
    return np.where(elsewhere & known, 0.0, SERIES_HOME)


def play_out(known: Standing, form: Floats, luck: Floats) -> tuple[Floats, Floats]:
    """The rest of the regular season, simulated.

    Args:
        known: [D, T] where it starts.
        form: [N, T] standard normal: how far each strength is off, for the season's rest and the playoffs.
        luck: [N, T] standard normal: of the games left.

    Returns:
        [D, N, T] strengths, and win rates at the end, without ties.
    """
    deviation = np.sqrt(known.uncertainty)[:, None] * form
    # A game's win probability rises by the normal density at 0 with every point of strength.
    more_wins = known.left.games[:, None] * deviation / (GAME_DEVIATION * np.sqrt(2 * np.pi))
    simulated = (known.won + known.left.wins)[:, None] + more_wins + np.sqrt(known.left.variance)[:, None] * luck
    rate = simulated / known.total[:, None] + 1e-4 * known.strength[:, None]
    return known.strength[:, None] + deviation, rate


def remaining(games: SeasonGames, days: Ints, strength: Floats, uncertainty: Floats) -> Remaining:
    """What each team's scheduled games will bring.

    Args:
        games: the season.
        days: [D] indices into `games.days`.
        strength: [D, T] in points.
        uncertainty: [D, T] variance of the strengths.
    """
    regular = np.flatnonzero(games.regular)
    from_day, until = games.days[days, None], _known_until(games.days)[days, None]
    ahead = (games.date[regular] >= from_day) & (games.date[regular] < until)
    day, game = np.nonzero(ahead)  # only games ahead are looked at: on average every second one
    n_teams = len(games.team_id)
    home, away = day * n_teams + games.home[regular][game], day * n_teams + games.away[regular][game]
    lead = strength.ravel()[home] - strength.ravel()[away] + HOME_POINTS * games.advantage[regular][game]
    wins = ndtr(lead / np.sqrt(GAME_DEVIATION**2 + uncertainty.ravel()[home] + uncertainty.ravel()[away]))

    def of_teams(at_home: Floats, visiting: Floats) -> Floats:
        """[D, T] sums over each team's games ahead."""
        sums = np.bincount(home, at_home, strength.size) + np.bincount(away, visiting, strength.size)
        return sums.astype(np.float64, copy=False).reshape(strength.shape)

    spread = wins * (1 - wins)
    some = np.ones(len(wins))
    return Remaining(games=of_teams(some, some), wins=of_teams(wins, 1 - wins), variance=of_teams(spread, spread))


def _known_until(days: Ints) -> Ints:
    """[D] the first day whose games are not yet known on each day: the one after the next interruption."""
    resumed = days[1:][np.diff(days) > INTERRUPTION]
    ends = np.append(resumed, np.iinfo(np.int64).max)
    return ends[np.searchsorted(resumed, days, side="right")]


def _simulate(
    games: SeasonGames, known: Standing, surplus: Floats, home: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """[D, T] mean final rank, mean playoff outcome, probability of the playoffs, and of the title.

    `surplus` [D, T] is what is added to the strengths in the playoffs, `home` [D] the better record's advantage there.
    """
    generator = np.random.default_rng(SEED)
    half = generator.standard_normal((2, SIMULATIONS // 2, known.strength.shape[1]))
    form, luck = np.concatenate([half, -half], axis=1)
    n_days, n_teams = known.strength.shape
    fortune = np.tile(generator.random((SIMULATIONS, 2 * n_teams)), (_DAYS_AT_ONCE, 1))
    ranks, places, playoffs, titles = (np.empty_like(known.strength) for _ in range(4))
    for first in range(0, n_days, _DAYS_AT_ONCE):
        days = slice(first, first + _DAYS_AT_ONCE)
        strength, rate = play_out(known.on(days), form, luck)
        rows = (strength + surplus[days, None]).reshape(-1, n_teams), rate.reshape(-1, n_teams)
        advantage = np.repeat(home[days], SIMULATIONS)[:, None]
        depth, record, champion = _playoffs(games.conference, *rows, fortune[: len(rows[0])], advantage)
        place = _ranks(record - 1000.0 * depth)
        won = champion[:, None] == np.arange(n_teams)
        for means, found in ((ranks, record), (places, place), (playoffs, depth > 0), (titles, won)):
            means[days] = found.reshape(-1, SIMULATIONS, n_teams).mean(axis=1)
    return ranks, places, playoffs, titles


def _playoffs(
    conference: np.ndarray, strength: Floats, rate: Floats, fortune: Floats, home: Floats | float = SERIES_HOME
) -> tuple[Ints, Ints, Ints]:
    """How the playoffs end; `home` [N, 1] is the better record's advantage.

    Returns:
        [N, T] rounds reached (0: missed the playoffs, 1: lost the first series), [N, T] places by record, and [N] the
        champions.
    """
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
            at_home = record[rows, one] < record[rows, other]
            chance = series_chance(strength[rows, one] - strength[rows, other], at_home, home)
            winner = np.where(fortune[:, used : used + pairs] < chance, one, other)
            used += pairs
            depth[rows, winner] += 1
            alive = np.concatenate([winner, alive[:, 2 * pairs :]], axis=1)
        return alive

    champions = []
    for seeded in brackets(conference, record):
        depth[rows, seeded] = 1
        champions.append(play(seeded))
    return depth, record, play(np.concatenate(champions, axis=1))[:, 0]


def series_chance(
    lead: npt.NDArray[Any], at_home: Bools, home: npt.NDArray[Any] | float = SERIES_HOME
) -> npt.NDArray[Any]:
    """The probability of winning a series by `lead`, in points.

    Args:
        lead: in points.
        at_home: whether one has the better record.
        home: what that is worth, as `series_home` gives it.
    """
    # Written so that single precision stays single.
    advantage = home * (2 * at_home.astype(lead.dtype) - 1)
    chance: npt.NDArray[Any] = ndtr(SERIES_PER_POINT * lead + advantage)
    return chance


def brackets(conference: np.ndarray, record: Ints | Floats) -> list[Ints]:
    """[..., S] the teams that play the playoffs, neighbours first, of each conference.

    Args:
        conference: [T] of each team.
        record: [..., T] smaller is better.
    """
    found = []
    for name in np.unique(conference):
        teams = np.flatnonzero(conference == name)
        bracket = _bracket(min(PLAYOFF_TEAMS, 2 ** (len(teams).bit_length() - 1)))
        found.append(teams[np.argsort(record[..., teams], axis=-1)][..., bracket])
    return found


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
