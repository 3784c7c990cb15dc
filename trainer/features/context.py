"""Team context: what the tree models read about a team on a date.

Surprising: `expected_rank` and `expected_place` are rankings in their own right, and better ones than any model makes
of the columns behind them: six seasons are far too few to learn how schedule, roster and last season go together. So
those come in through `team_strength` and `outlook`. Columns of their own (roster worth, missing minutes, strength of
schedule, last season's rank) were tried and left out: on seasons not trained on they gained nothing and cost up to
0.005 in Spearman.

Shapes: D days, T teams.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truestrength.trainer.features.outlook import Foresight, Outlook, outlook
from truestrength.trainer.features.ratings import ELO_MEAN, ELO_PER_POINT, point_rating
from truestrength.trainer.features.roster import RosterWorth
from truestrength.trainer.features.season_games import COLUMNS, Floats, SeasonGames

ELO_WEIGHT = 0.4
ROSTER_CHANGE_WEIGHT = 0.3
STAR_WEIGHT, PLAYOFF_STAR_WEIGHT = 0.75, 1.25
KEPT = 0.85
"""Points that a team is ahead by later on for each point that it is rated ahead by now."""


def team_context(
    games: SeasonGames, elo: Floats, worth: RosterWorth, windows: Sequence[int], foresight: Foresight = outlook
) -> dict[str, Floats]:
    """[D, T] columns by name, for every regular-season day, from games strictly before it.

    Args:
        games: the season.
        elo: [D, T] as `trainer.features.ratings.elo` gives it.
        worth: what the rosters are worth on each day.
        windows: lengths of the rolling windows, in games.
        foresight: gives the outlook, which is slow and knows nothing of the windows.
    """
    elo_points = (elo - ELO_MEAN) / ELO_PER_POINT
    rating = point_rating(games, worth.before_season)
    strength = team_strength(elo_points, rating, worth, STAR_WEIGHT)
    ahead = foresight(games, strength, team_strength(elo_points, rating, worth, PLAYOFF_STAR_WEIGHT))
    return {
        **_expectations(ahead),
        "strength": strength,
        "elo": elo_points,
        "star": worth.star,
        **_form(games, windows),
        "rest_days": _rest_days(games),
        "season_elapsed": _season_elapsed(games),
    }


def team_strength(elo_points: Floats, rating: Floats, worth: RosterWorth, star_weight: float) -> Floats:
    """[D, T] points by which each team beats an average one: what `outlook` plays the rest of the season with.

    The point rating and Elo, a part of what the roster has gained or lost since it made its record, and something for
    the best player, who plays more in the playoffs. The weights lie in the middle of a plateau, between those that
    explain later margins best (less of Elo and of the star) and those that rank best (more of both) on the seasons from
    2016-17 to 2022-23: none moves the Spearman of those seven seasons by more than its error.
    """
    change = worth.available - worth.used
    star = worth.star - worth.star.mean(axis=1, keepdims=True)
    rated = (1 - ELO_WEIGHT) * rating + ELO_WEIGHT * elo_points
    strength: Floats = KEPT * (rated + ROSTER_CHANGE_WEIGHT * change + star_weight * star)
    return strength


def _expectations(ahead: Outlook) -> dict[str, Floats]:
    return {
        "expected_win_rate": ahead.win_rate,
        "expected_rank": ahead.rank,
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


def _season_elapsed(games: SeasonGames) -> Floats:
    """[D, T] games that an average team has played, as a share of the most that any team plays."""
    log = games.regular_log
    share = log.played.mean(axis=1, keepdims=True) / log.date.shape[1]
    return np.broadcast_to(share, log.played.shape).astype(np.float64)


def _rest_days(games: SeasonGames) -> Floats:
    """[D, T] days since the last game, at most 7."""
    log = games.regular_log
    team = np.arange(len(games.team_id))
    previous = np.where(log.played > 0, log.date[team, np.maximum(log.played - 1, 0)], games.days[0] - 7)
    return np.minimum(games.days[:, None] - previous, 7).astype(np.float64)
