"""The stack: scikit-learn's ridge as oracle, and that no model can count the wrong way round."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from truestrength.trainer.models.stack import StackRows, fit_stack, within_date

RNG = np.random.default_rng(5)
DATE = np.repeat(np.arange(40), 30)
SEASON = DATE // 8
TRUTH = RNG.normal(size=1200)
SCORES = {
    "a": 3 + 10 * (TRUTH + RNG.normal(scale=0.5, size=1200)),
    "b": TRUTH + RNG.normal(scale=1.0, size=1200),
    "c": RNG.normal(size=1200),
}


def rows(**changed: np.ndarray) -> StackRows:
    return StackRows({**SCORES, **changed}, TRUTH, DATE, SEASON)


def test_weights_are_those_of_ridge() -> None:
    stack = fit_stack(rows(), ("a", "b"))
    features = within_date(np.stack([SCORES["a"], SCORES["b"]], axis=1), DATE)
    target = within_date(TRUTH[:, None], DATE)[:, 0]
    theirs = Ridge(alpha=stack.alpha, fit_intercept=False).fit(features, target)
    np.testing.assert_allclose(stack.weights, theirs.coef_, rtol=1e-6)


def test_penalty_is_the_largest_within_one_standard_error() -> None:
    features = within_date(np.stack([SCORES["a"], SCORES["b"]], axis=1), DATE)
    target = within_date(TRUTH[:, None], DATE)[:, 0]

    def errors(alpha: float) -> np.ndarray:
        found = []
        for season in range(5):
            test = season == SEASON
            ridge = Ridge(alpha=alpha, fit_intercept=False).fit(features[~test], target[~test])
            found.append(((target[test] - ridge.predict(features[test])) ** 2).mean())
        return np.array(found)

    alphas = np.logspace(-2, 4, 7)
    best = min((errors(alpha) for alpha in alphas), key=lambda e: e.mean())
    limit = best.mean() + best.std(ddof=1) / np.sqrt(5)
    expected = max(alpha for alpha in alphas if errors(alpha).mean() <= limit)
    assert fit_stack(rows(), ("a", "b")).alpha == pytest.approx(expected)


def test_better_model_weighs_more_and_stack_beats_each() -> None:
    stack = fit_stack(rows(), ("a", "b", "c"))
    weights = stack.as_table()
    assert weights["a"] > weights["b"] > weights["c"] >= 0
    standardised = {name: within_date(scores[:, None], DATE)[:, 0] for name, scores in SCORES.items()}
    truth = within_date(TRUTH[:, None], DATE)[:, 0]
    together = np.corrcoef(stack.score(SCORES, DATE), truth)[0, 1]
    assert together > max(np.corrcoef(scores, truth)[0, 1] for scores in standardised.values())


def test_inverted_model_gets_no_weight() -> None:
    weights = fit_stack(rows(b=-SCORES["b"]), ("a", "b", "c")).as_table()
    assert weights["b"] == 0
    assert weights["a"] > 0.5


def test_stack_of_nothing_but_inverted_models_still_points_their_way() -> None:
    stack = fit_stack(rows(a=-TRUTH, b=-TRUTH), ("a", "b"))
    assert stack.weights.tolist() == [0.5, 0.5]


def test_models_that_are_nearly_the_same_share_the_weight() -> None:
    twin = SCORES["a"] + 0.1 * RNG.normal(size=1200)
    weights = fit_stack(rows(b=twin), ("a", "b")).weights
    assert weights[0] == pytest.approx(weights[1], rel=0.2)
    assert (weights > 0).all()


def test_one_season_is_enough() -> None:
    stack = fit_stack(StackRows(SCORES, TRUTH, DATE, np.zeros(1200)), ("a", "c"))
    assert stack.weights[0] > stack.weights[1]


def test_scale_and_shift_of_a_models_scores_do_not_matter() -> None:
    one = fit_stack(rows(), ("a", "b"))
    moved = {"a": 1e6 + 1e-3 * SCORES["a"], "b": SCORES["b"] + DATE}
    np.testing.assert_allclose(fit_stack(rows(**moved), ("a", "b")).weights, one.weights, rtol=1e-5)
    np.testing.assert_allclose(one.score(moved, DATE), one.score(SCORES, DATE), rtol=1e-4, atol=1e-5)


def test_within_date_leaves_a_date_without_differences_at_0() -> None:
    values = np.array([[1.0, 2.0], [1.0, 4.0], [5.0, 6.0]])
    found = within_date(values, np.array([9, 9, 3]))
    np.testing.assert_array_equal(found, [[0, -1], [0, 1], [0, 0]])
