"""Team ratings that know the opponent: Elo by results, and least squares by points.

Surprising: both carry over from season to season, so a team's first game already has an opinion behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.features.season_games import Floats, SeasonGames

ELO_MEAN = 1500.0
ELO_STEP = 20.0
ELO_HOME = 70.0
ELO_KEEP = 0.75
"""Share of the distance from the mean that a rating keeps over the summer."""


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


def _elo_season(games: SeasonGames, rating: Floats) -> Floats:
    """[D, T] ratings before each day; `rating` [T] is moved on to the end of the season."""
    before = np.empty((len(games.days), len(rating)))
    first_game = np.searchsorted(games.date, games.days, side="left")
    day = 0
    for game, (home, away, margin) in enumerate(zip(games.home, games.away, games.margin, strict=True)):
        while day < len(first_game) and first_game[day] == game:
            before[day] = rating
            day += 1
        lead = rating[home] + ELO_HOME - rating[away]
        expected = 1 / (1 + 10 ** (-lead / 400))
        winners_lead = lead if margin > 0 else -lead
        step = ELO_STEP * (abs(margin) + 3) ** 0.8 / (7.5 + 0.006 * winners_lead)
        change = step * (float(margin > 0) - expected)
        rating[home] += change
        rating[away] -= change
    return before
