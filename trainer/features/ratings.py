"""Team ratings that know the opponent: Elo by results, and weighted least squares by points.

Surprising: Elo carries last season's opinion of the team over the summer; the point rating carries an opinion of the
players who are there now.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truestrength.trainer.features.season_games import Floats, SeasonGames

ELO_MEAN = 1500.0
ELO_STEP = 20.0
ELO_HOME = 70.0
ELO_KEEP = 0.75
"""Share of the distance from the mean that a rating keeps over the summer."""
ELO_PER_POINT = 28.0
"""Elo points that are worth one point of expected margin."""

HOME_POINTS = 2.5
"""Points by which the home team is expected to win more; nobody at a neutral site."""
PRIOR_GAMES = 16.0
"""Games that the prior opinion counts for in `point_rating`."""
GAME_HALF_LIFE = 50.0
"""Days after which a game counts half in `point_rating`; a break counts for a week at most."""


def elo(seasons: Sequence[SeasonGames]) -> list[Floats]:
    """Elo ratings strictly before each regular-season day, with margin of victory, home advantage and carry-over.

    The update is that of FiveThirtyEight's NBA Elo: step 20, times ((margin + 3) ** 0.8) / (7.5 + 0.006 * the
    winner's rating advantage); a summer moves every rating a quarter of the way to the mean. A team's first rating is
    the mean. Playoff games count.

    Returns:
        [D, T] for each season.
    """
    rating: dict[int, float] = {}
    result = []
    for games in seasons:
        current = np.array([ELO_MEAN + ELO_KEEP * (rating.get(int(t), ELO_MEAN) - ELO_MEAN) for t in games.team_id])
        result.append(_elo_season(games, current))
        rating.update(zip(games.team_id.tolist(), current.tolist(), strict=True))
    return result


def point_rating(games: SeasonGames, prior: Floats) -> Floats:
    """Points by which each team would beat an average one, strictly before each regular-season day.

    Ridge least squares of the game margins (less home advantage) on the two teams' ratings, as Massey's, with recent
    games weighing more and the ratings drawn towards `prior`.

    Args:
        games: the season.
        prior: [D, T] what is thought of each team apart from its games; need not be centred.

    Returns:
        [D, T], mean 0 on each day.
    """
    n_teams = prior.shape[1]
    matrix, margins = np.zeros((n_teams, n_teams)), np.zeros(n_teams)
    systems, sides = np.empty((len(games.days), n_teams, n_teams)), np.empty((len(games.days), n_teams))
    for i, day in enumerate(games.days):
        if i:
            _add_day(games, int(games.days[i - 1]), matrix, margins)
            fade = 0.5 ** (min(int(day - games.days[i - 1]), 7) / GAME_HALF_LIFE)
            matrix, margins = matrix * fade, margins * fade
        systems[i], sides[i] = matrix, margins
    systems += PRIOR_GAMES * np.eye(n_teams)
    rating = np.linalg.solve(systems, (sides + PRIOR_GAMES * (prior - prior.mean(axis=1, keepdims=True)))[..., None])[
        ..., 0
    ]
    centred: Floats = rating - rating.mean(axis=1, keepdims=True)
    return centred


def _add_day(games: SeasonGames, day: int, matrix: Floats, margins: Floats) -> None:
    """Add a day's games to the normal equations, in place."""
    today = np.flatnonzero((games.date == day) & games.regular)
    home, away, lead = games.home[today], games.away[today], games.margin[today] - HOME_POINTS * games.advantage[today]
    np.add.at(matrix, (home, home), 1.0)
    np.add.at(matrix, (away, away), 1.0)
    np.add.at(matrix, (home, away), -1.0)
    np.add.at(matrix, (away, home), -1.0)
    np.add.at(margins, home, lead)
    np.add.at(margins, away, -lead)


def _elo_season(games: SeasonGames, rating: Floats) -> Floats:
    """[D, T] ratings before each day; `rating` [T] is moved on to the end of the season."""
    before = np.empty((len(games.days), len(rating)))
    first_game = np.searchsorted(games.date, games.days, side="left")
    day = 0
    at_home = ELO_HOME * games.advantage
    for game, (home, away, margin) in enumerate(zip(games.home, games.away, games.margin, strict=True)):
        while day < len(first_game) and first_game[day] == game:
            before[day] = rating
            day += 1
        lead = rating[home] + at_home[game] - rating[away]
        expected = 1 / (1 + 10 ** (-lead / 400))
        winners_lead = lead if margin > 0 else -lead
        step = ELO_STEP * (abs(margin) + 3) ** 0.8 / (7.5 + 0.006 * winners_lead)
        change = step * (float(margin > 0) - expected)
        rating[home] += change
        rating[away] -= change
    return before
