"""The stack: a ridge regression of relevance on the models' out-of-fold scores, standardised within each date.

Weights are never negative, so no model can count the wrong way round. The penalty is chosen by leaving out a season at
a time, and of those that are as good within one standard error the largest is taken: the models agree so much that
without it chance would give all the weight to one of them. Within a date means over the whole league, both conferences
together, because that is what is ranked.

Shapes: R rows (a team on a date), K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[Any]

_ALPHAS = np.logspace(-2, 4, 7)


@dataclass(frozen=True)
class Stack:
    """Weights of the models' standardised scores."""

    models: tuple[str, ...]
    weights: Floats
    """[K] none below 0."""
    alpha: float
    """The ridge penalty."""

    def as_table(self) -> dict[str, float]:
        """Weight by model."""
        return dict(zip(self.models, self.weights.tolist(), strict=True))

    def score(self, scores: dict[str, Floats], date: Ints) -> Floats:
        """[R] the weighted sum of the models' scores, each standardised within its date."""
        return within_date(np.stack([scores[name] for name in self.models], axis=1), date) @ self.weights


@dataclass(frozen=True)
class StackRows:
    """Out-of-fold rows."""

    scores: dict[str, Floats]
    """[R] by model; higher is better."""
    relevance: Floats
    """[R] higher is better."""
    date: Ints
    """[R] a number per season and date."""
    season: Ints
    """[R]"""


def fit_stack(rows: StackRows, models: Sequence[str]) -> Stack:
    """Fit the weights of `models` on out-of-fold scores.

    Returns:
        Weights of `models`, none below 0. When no model points the right way, all count the same.
    """
    features = within_date(np.stack([rows.scores[name] for name in models], axis=1), rows.date)
    target = within_date(rows.relevance[:, None].astype(np.float64), rows.date)[:, 0]
    alpha = _choose_alpha(features, target, rows.season)
    weights = _ridge(features, target, [alpha])[0]
    if weights.sum() <= 0:
        weights = np.full(len(models), 1 / len(models))
    return Stack(tuple(models), weights, alpha)


def within_date(values: Floats, date: Ints) -> Floats:
    """[R, K] `values` with mean 0 and deviation 1 within each date; 0 where all are equal.

    >>> within_date(np.array([[1.0], [3.0], [5.0]]), np.array([1, 1, 2])).ravel().tolist()
    [-1.0, 1.0, 0.0]
    """
    _, group, count = np.unique(date, return_inverse=True, return_counts=True)
    result = np.empty(values.shape)
    for column in range(values.shape[1]):
        centred = values[:, column] - (np.bincount(group, values[:, column]) / count)[group]
        deviation = np.sqrt(np.bincount(group, centred**2) / count)[group]
        result[:, column] = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-12)
    return result


def _choose_alpha(features: Floats, target: Floats, season: Ints) -> float:
    """The largest penalty that is within one standard error of the best, by mean squared error on left-out seasons."""
    seasons = np.unique(season)
    errors = np.empty((len(seasons), len(_ALPHAS)))
    for i, left_out in enumerate(seasons):
        test = season == left_out
        weights = _ridge(features[~test], target[~test], _ALPHAS)
        errors[i] = ((target[test, None] - features[test] @ weights.T) ** 2).mean(axis=0)
    mean = errors.mean(axis=0)
    best = int(mean.argmin())
    margin = errors[:, best].std(ddof=1) / np.sqrt(len(seasons)) if len(seasons) > 1 else 0.0
    return float(_ALPHAS[np.flatnonzero(mean <= mean[best] + margin)[-1]])


def _ridge(features: Floats, target: Floats, alphas: Sequence[float] | Floats) -> Floats:
    """[alphas, K] non-negative ridge weights without intercept."""
    orthogonal, triangle = np.linalg.qr(features)
    n_models = features.shape[1]
    right = np.concatenate([orthogonal.T @ target, np.zeros(n_models)])
    # The penalty as further rows of a least-squares problem; the QR factor stands for all rows of the data.
    left = [np.concatenate([triangle, np.sqrt(alpha) * np.eye(n_models)]) for alpha in alphas]
    return np.stack([nnls(matrix, right)[0] for matrix in left])
