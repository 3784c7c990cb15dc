"""Play-in, then four rounds of best-of-seven.

Surprising: all seven games of all series of a round are played at once, and those after the fourth win are thrown away.
"""

from __future__ import annotations

import numpy as np

from truestrength.trainer.data.demo.game_scores import Fixtures, Played, play
from truestrength.trainer.data.demo.market import N_TEAMS
from truestrength.trainer.data.demo.population import Floats, Ints
from truestrength.trainer.data.demo.season import Season

HIGHER_SEED_AT_HOME = np.array([True, True, False, False, True, False, True])
PAIRS = ((1, 8), (4, 5), (3, 6), (2, 7))
"""First-round seeds, in the order of the bracket."""


def standings(played: Played) -> Floats:
    """[T] wins, and a fraction for the point difference that breaks ties."""
    home, away = played.fixtures.home, played.fixtures.away
    won = played.home_won
    wins = np.bincount(np.where(won, home, away), minlength=N_TEAMS).astype(np.float64)
    home_points, away_points = np.split(played.points, 2)
    difference = np.bincount(home, home_points - away_points, N_TEAMS)
    difference += np.bincount(away, away_points - home_points, N_TEAMS)
    # The team's number, the smallest of the three, leaves no tie.
    return wins + difference / 1e5 + np.arange(N_TEAMS) / 1e9


def play_in(season: Season, record: Floats, day: int, rng: np.random.Generator) -> tuple[list[Played], list[Ints]]:
    """Seventh against eighth and ninth against tenth, then the loser against the winner for the eighth place.

    Returns:
        the games, and the eight teams of each conference in the order of their seeds.
    """
    half = N_TEAMS // 2
    ranked = [conference[np.argsort(-record[conference])] for conference in np.split(np.arange(N_TEAMS), [half])]
    home = np.concatenate([teams[[6, 8]] for teams in ranked])
    away = np.concatenate([teams[[7, 9]] for teams in ranked])
    ids = tuple(f"005{season.start % 100:02d}001{n}1" for n in range(4))
    first = play(season, Fixtures(ids, np.full(4, day), home, away), True, rng)
    winner, loser = np.where(first.home_won, home, away), np.where(first.home_won, away, home)
    ids = tuple(f"005{season.start % 100:02d}002{n}1" for n in range(2))
    second = play(season, Fixtures(ids, np.full(2, day + 2), loser[[0, 2]], winner[[1, 3]]), True, rng)
    eighth = np.where(second.home_won, second.fixtures.home, second.fixtures.away)
    seeds = [np.append(teams[:6], [winner[2 * i], eighth[i]]) for i, teams in enumerate(ranked)]
    return [first, second], seeds


def play_rounds(season: Season, record: Floats, seeds: list[Ints], day: int, rng: np.random.Generator) -> list[Played]:
    """The four rounds, each begun when the one before is over; the better record has home advantage."""
    alive = np.concatenate([teams[np.array(PAIRS).ravel() - 1] for teams in seeds])
    # The higher seed comes first in its pair; in later rounds the better record does.
    rounds = []
    for number in range(1, 5):
        high, low = alive[::2], alive[1::2]
        if number > 1:
            swap = record[low] > record[high]
            high, low = np.where(swap, low, high), np.where(swap, high, low)
        games, alive = _play_round(season, number, (high, low), day, rng)
        rounds.append(games)
        day = int(games.fixtures.day.max()) + 2
    return rounds


def _play_round(
    season: Season, number: int, pairs: tuple[Ints, Ints], day: int, rng: np.random.Generator
) -> tuple[Played, Ints]:
    high, low = pairs
    series, game = np.divmod(np.arange(7 * len(high)), 7)
    at_high = HIGHER_SEED_AT_HOME[game]
    fixtures = Fixtures(
        game_id=tuple(f"004{season.start % 100:02d}00{number}{s}{g + 1}" for s, g in zip(series, game, strict=True)),
        day=day + 2 * game + series % 2,
        home=np.where(at_high, high[series], low[series]),
        away=np.where(at_high, low[series], high[series]),
    )
    played = play(season, fixtures, True, rng)
    high_won = (played.home_won == at_high).reshape(-1, 7)
    high_wins, low_wins = high_won.cumsum(axis=1), (~high_won).cumsum(axis=1)
    over = np.maximum(high_wins, low_wins) == 4
    last = over.argmax(axis=1)
    needed = np.arange(7) <= last[:, None]
    high_through = high_wins[np.arange(len(high)), last] == 4
    return played.select(needed.ravel()), np.where(high_through, high, low)
