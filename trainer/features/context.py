"""Team context: what the tree models read about a team on a date.

Surprising: most columns are in points or in places, relative to the league on that day, so that a threshold means the
same in November and in April. `expected_win_rate` and `expected_place` are rankings in their own right, and most of
what the others add is how far to trust them.

Shapes: D days, T teams, C columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainer.features.last_season import LastSeason
from trainer.features.outlook import Outlook, outlook
from trainer.features.ratings import ELO_MEAN, ELO_PER_POINT, point_rating
from trainer.features.roster import RosterWorth
from trainer.features.season_games import COLUMNS, Floats, Ints, SeasonGames

ROSTER_CHANGE_WEIGHT = 0.25
STAR_WEIGHT = 1.0


def team_context(
    games: SeasonGames, elo: Floats, worth: RosterWorth, last: LastSeason, windows: Sequence[int]
) -> dict[str, Floats]:
    """[D, T] columns by name, for every regular-season day, from games strictly before it.

    Args:
        games: the season.
        elo: [D, T] as `trainer.features.ratings.elo` gives it.
        worth: what the rosters are worth on each day.
        last: how the teams ended last season.
        windows: lengths of the rolling windows, in games.
    """
    elo_points = (elo - ELO_MEAN) / ELO_PER_POINT
    rating = point_rating(games, worth.before_season)
    strength = team_strength(elo_points, rating, worth)
    ahead = outlook(games, strength)
    return {
        **_expectations(games, ahead),
        "strength": strength,
        "rating": rating,
        "elo": elo_points,
        **_form(games, windows),
        **_roster(worth),
        **_schedule(games, ahead),
        **{f"last_season_{name}": np.broadcast_to(values, rating.shape) for name, values in vars(last).items()},
    }


def team_strength(elo_points: Floats, rating: Floats, worth: RosterWorth) -> Floats:
    """[D, T] points by which each team beats an average one: what `outlook` plays the rest of the season with.

    Half the point rating, half Elo, a part of what the roster has gained or lost since it made its record, and the best
    player's worth, which counts once more: teams with a star end better than their games so far say, in each of the
    seasons 2016-17 to 2022-23.
    """
    change = worth.available - worth.used
    star = worth.star - worth.star.mean(axis=1, keepdims=True)
    strength: Floats = 0.5 * rating + 0.5 * elo_points + ROSTER_CHANGE_WEIGHT * change + STAR_WEIGHT * star
    return strength


def _expectations(games: SeasonGames, ahead: Outlook) -> dict[str, Floats]:
    return {
        "expected_win_rate": ahead.win_rate,
        "expected_rank": _places(ahead.win_rate),
        "expected_conference_rank": _conference_places(games, ahead.win_rate),
        "expected_place": ahead.place,
        "playoff_probability": ahead.in_playoffs,
        "title_probability": ahead.champion,
    }


def _form(games: SeasonGames, windows: Sequence[int]) -> dict[str, Floats]:
    """Win rate and point difference of the season to date and of the last games."""
    columns: dict[str, Floats] = {}
    for name, window in [("season", None), *((f"last_{window}", window) for window in windows)]:
        sums, count = games.regular_log.last(window)
        some = np.maximum(count, 1)
        columns[f"win_rate_{name}"] = np.where(count > 0, sums[..., COLUMNS.index("won")] / some, 0.5)
        columns[f"point_difference_{name}"] = sums[..., COLUMNS.index("plus_minus")] / some
    return columns


def _roster(worth: RosterWorth) -> dict[str, Floats]:
    return {
        "roster_available": worth.available,
        "roster_healthy": worth.healthy,
        "roster_before_season": worth.before_season,
        "roster_change": worth.available - worth.used,
        "star": worth.star,
        "missing_minutes": worth.missing_minutes,
    }


def _schedule(games: SeasonGames, ahead: Outlook) -> dict[str, Floats]:
    log = games.regular_log
    played = log.played.astype(np.float64)
    return {
        "opponents_left": ahead.opponents_left,
        "home_left": ahead.home_left,
        "rest_days": _rest_days(games),
        "games_played": played,
        "season_elapsed": np.broadcast_to(
            played.mean(axis=1, keepdims=True) / np.maximum(log.date.shape[1], 1), played.shape
        ),
    }


def _rest_days(games: SeasonGames) -> Floats:
    """[D, T] days since the last game, at most 7."""
    log = games.regular_log
    team = np.arange(len(games.team_id))
    previous = np.where(log.played > 0, log.date[team, np.maximum(log.played - 1, 0)], games.days[0] - 7)
    return np.minimum(games.days[:, None] - previous, 7).astype(np.float64)


def _places(values: Floats) -> Floats:
    """[D, T] 1 for the highest of each day; equal values in order of the team."""
    return _argsort_places(-values).astype(np.float64)


def _conference_places(games: SeasonGames, values: Floats) -> Floats:
    places = np.empty_like(values)
    for name in np.unique(games.conference):
        teams = np.flatnonzero(games.conference == name)
        places[:, teams] = _places(values[:, teams])
    return places


def _argsort_places(values: Floats) -> Ints:
    order = np.argsort(values, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(1, values.shape[1] + 1)[None, :], axis=1)
    return places
