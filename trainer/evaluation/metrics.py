"""The six objectives: how well scores order the teams of a date.

Every function takes one row per date and gives one value per date; a season's figure is the mean over its dates
(`season_scores`). Scores are better when higher, ranks when lower. Teams with equal scores share the mean of their
places; a row whose scores are all equal orders nothing and has a Spearman of 0, not NaN.

Shapes: D dates (or any other rows), T teams.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import THIRDS, Scores
from truestrength.trainer.contract.words import Objective

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

CUTOFFS = {Objective.NDCG4: 4, Objective.NDCG16: 16, Objective.NDCG20: 20}


def ranks_of(scores: Floats) -> Floats:
    """Places by score, 1 is the highest; ties share the mean of their places.

    Args:
        scores: [D, T].

    Returns:
        [D, T].

    Raises:
        DataError: when a score is NaN or infinite.

    >>> ranks_of(np.array([[0.5, 2.0, 0.5]]))
    array([[2.5, 1. , 2.5]])
    """
    above, tied = _places(scores)
    return above + (tied + 1) / 2


def spearman(scores: Floats, ranks: Floats) -> Floats:
    """Spearman's rank correlation between the order by `scores` and the true `ranks`; 1 is best.

    Args:
        scores: [D, T].
        ranks: [D, T] or [T], 1 is best.

    Returns:
        [D]; 0 where all scores or all ranks of a row are equal.

    Raises:
        DataError: when a value is NaN or infinite.

    >>> spearman(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0]))
    array([ 1., -1.])
    """
    return _correlation(ranks_of(scores), ranks)


def _correlation(predicted: Floats, ranks: Floats) -> Floats:
    """`spearman` of places by score."""
    # One row stands for all where all dates have the same true ranks.
    true = ranks_of(-np.atleast_2d(ranks))
    predicted = predicted - predicted.mean(axis=1, keepdims=True)
    true = true - true.mean(axis=1, keepdims=True)
    covariance = (predicted * true).sum(axis=1)
    scale = np.sqrt((predicted**2).sum(axis=1) * (true**2).sum(axis=1))
    correlation: Floats = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
    return correlation


def ndcg_at(scores: Floats, ranks: Floats, k: int) -> Floats:
    """Normalised discounted cumulative gain of the first `k` places, with linear gain as in scikit-learn.

    The relevance of a team is T + 1 - rank: 30 for the best of 30 teams, 1 for the last. Teams with equal scores share
    the mean discount of their places, as `sklearn.metrics.ndcg_score` does.

    Args:
        scores: [D, T].
        ranks: [D, T] or [T], 1 is best.
        k: how many places count; all of them when `k` exceeds T.

    Returns:
        [D], in (0, 1].

    Raises:
        DataError: when a value is NaN or infinite.

    >>> ndcg_at(np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]), np.array([1.0, 2.0, 3.0]), k=1).round(4)
    array([1.    , 0.3333])
    """
    return _discounted_gain(*_places(scores), ranks, k)


def _discounted_gain(above: Ints, tied: Ints, ranks: Floats, k: int) -> Floats:
    """`ndcg_at` of `_places`."""
    n_teams = above.shape[1]
    relevance = n_teams + 1 - np.atleast_2d(ranks)
    discount = np.where(np.arange(n_teams) < k, 1 / np.log2(np.arange(n_teams) + 2), 0.0)
    until = np.concatenate([[0.0], np.cumsum(discount)])
    mean_discount = (until[above + tied] - until[above]) / tied
    ideal = (-np.sort(-relevance, axis=1) * np.diff(until)).sum(axis=1)
    gained: Floats = (relevance * mean_discount).sum(axis=1) / ideal
    return gained


def rank_rmse(scores: Floats, ranks: Floats) -> Floats:
    """Root mean square error of the places by score against the true ranks; 0 is best.

    Args:
        scores: [D, T].
        ranks: [D, T] or [T], 1 is best.

    Returns:
        [D], in places.

    Raises:
        DataError: when a value is NaN or infinite.

    >>> rank_rmse(np.array([[2.0, 3.0, 1.0]]), np.array([1.0, 2.0, 3.0])).round(3)
    array([0.816])
    """
    return _root_mean_square(ranks_of(scores) - ranks)


def _root_mean_square(error: Floats) -> Floats:
    root: Floats = np.sqrt((error**2).mean(axis=1))
    return root


def playoff_spearman(scores: Floats, outcome: Floats, playoff_team: Bools) -> Floats:
    """Spearman's rank correlation with the playoff outcome among the teams that played the playoffs.

    Whatever the target is, this is measured against the playoff outcome.

    Args:
        scores: [D, T].
        outcome: [T] playoff outcome ranks, 1 is the champion.
        playoff_team: [T] who played the playoffs.

    Returns:
        [D].

    Raises:
        DataError: when fewer than two teams played the playoffs, or a value is NaN or infinite.

    >>> teams = np.array([True, True, True, False])
    >>> playoff_spearman(np.array([[1.0, 3.0, 2.0, 9.0]]), np.array([3.0, 1.0, 2.0, 4.0]), teams)
    array([1.])
    """
    if playoff_team.sum() < 2:
        raise DataError(
            "playoff_spearman needs a season with playoffs, and this one has none. Import a team log with its playoff "
            "games, or evaluate other seasons"
        )
    return spearman(scores[:, playoff_team], outcome[playoff_team])


def objectives(scores: Floats, ranks: Floats, outcome: Floats, playoff_team: Bools) -> dict[Objective, Floats]:
    """All six objectives of one season, per date.

    Args:
        scores: [D, T].
        ranks: [T] target ranks within these teams, 1 is best.
        outcome: [T] playoff outcome ranks.
        playoff_team: [T] who played the playoffs.

    Returns:
        [D] each.

    Raises:
        DataError: when a value is NaN or infinite, or the season had no playoffs.
    """
    above, tied = _places(scores)  # once for the five that need it
    places = above + (tied + 1) / 2
    return {
        Objective.SPEARMAN: _correlation(places, ranks),
        **{objective: _discounted_gain(above, tied, ranks, k) for objective, k in CUTOFFS.items()},
        Objective.PLAYOFF_SPEARMAN: playoff_spearman(scores, outcome, playoff_team),
        Objective.RANK_RMSE: _root_mean_square(places - ranks),
    }


def mean_scores(per_date: dict[Objective, Floats]) -> Scores:
    """The mean over dates of each objective."""
    return Scores(**{objective.value: float(values.mean()) for objective, values in per_date.items()})


def third_of(values: Floats, i: int) -> Floats:
    """The i-th of `THIRDS` of a season's dates.

    Args:
        values: [D, ...].
        i: 0 is the first third.

    >>> third_of(np.array([0.1, 0.2, 0.3, 0.4]), 0)
    array([0.1, 0.2])
    """
    return np.array_split(values, len(THIRDS))[i]


def _places(scores: Floats) -> tuple[Ints, Ints]:
    """[D, T] how many teams score higher, and how many the same (the team itself included).

    Raises:
        DataError: when a score is NaN or infinite.
    """
    if not np.isfinite(scores).all():
        row, team = np.argwhere(~np.isfinite(scores))[0]
        raise DataError(
            f"a ranking needs finite scores; found {scores[row, team]} in row {row}, team {team} (of {scores.shape}). "
            "The model that made them has diverged, or the seasons were never ranked"
        )
    other, own = scores[:, None, :], scores[:, :, None]
    return (other > own).sum(axis=2), (other == own).sum(axis=2)
