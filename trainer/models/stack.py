"""The stack: a ridge regression of relevance on the models' out-of-fold scores, standardised within each date.

No model can count the wrong way round: one that gets a negative weight gets none, and the others are fitted again.
Within a date means over the whole league, both conferences together, because that is what is ranked.

Shapes: R rows (a team on a date), K models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[Any]

_ALPHAS = np.logspace(-2, 4, 13)


@dataclass(frozen=True)
class Stack:
    """Weights of the models' standardised scores."""

    models: tuple[str, ...]
    weights: Floats
    """[K] none below 0."""
    alpha: float
    """The ridge penalty that leave-one-out chose."""

    def as_table(self) -> dict[str, float]:
        """Weight by model."""
        return dict(zip(self.models, self.weights.tolist(), strict=True))

    def score(self, scores: dict[str, Floats], date: Ints) -> Floats:
        """[R] the weighted sum of the models' scores, each standardised within its date."""
        return within_date(np.stack([scores[name] for name in self.models], axis=1), date) @ self.weights


def fit_stack(scores: dict[str, Floats], relevance: Floats, date: Ints, models: Sequence[str]) -> Stack:
    """Fit the weights of `models` on out-of-fold scores.

    Args:
        scores: [R] by model; higher is better.
        relevance: [R] higher is better.
        date: [R] a number per season and date.
        models: which of the scores to use.

    Returns:
        Weights of `models`, none below 0. When every model has a negative weight, all count the same.
    """
    features = within_date(np.stack([scores[name] for name in models], axis=1), date)
    target = within_date(relevance[:, None].astype(np.float64), date)[:, 0]
    used = np.ones(len(models), dtype=np.bool_)
    alpha = 0.0
    weights = np.zeros(len(models))
    while used.any():
        found, alpha = _ridge_cv(features[:, used], target)
        weights = np.zeros(len(models))
        weights[used] = found
        if (found >= 0).all():
            break
        # One at a time, the worst first: two that are nearly the same can push each other below 0.
        used[np.argmin(weights)] = False
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


def _ridge_cv(features: Floats, target: Floats) -> tuple[Floats, float]:
    """Ridge weights without intercept, with the penalty that leaves out one row at a time best (RidgeCV).

    scikit-learn's RidgeCV gives the same; it is not used because importing it takes longer than a shared trial.
    """
    left, singular, right = np.linalg.svd(features, full_matrices=False)
    projected = left.T @ target
    best = (np.inf, 0.0, np.zeros(features.shape[1]))
    for alpha in _ALPHAS:
        shrink = singular**2 / (singular**2 + alpha)
        residual = target - left @ (shrink * projected)
        leverage = (left**2) @ shrink
        error = float(np.mean((residual / (1 - leverage)) ** 2))
        if error < best[0]:
            best = (error, float(alpha), right.T @ (singular / (singular**2 + alpha) * projected))
    return best[2], best[1]
