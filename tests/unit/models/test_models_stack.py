"""The stack: scikit-learn's RidgeCV as oracle, and that no model can count the wrong way round."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from trainer.models.stack import fit_stack, within_date

RNG = np.random.default_rng(5)
DATE = np.repeat(np.arange(40), 30)
TRUTH = RNG.normal(size=1200)
SCORES = {
    "a": 3 + 10 * (TRUTH + RNG.normal(scale=0.5, size=1200)),
    "b": TRUTH + RNG.normal(scale=1.0, size=1200),
    "c": RNG.normal(size=1200),
}


def test_weights_are_those_of_ridge_cv() -> None:
    stack = fit_stack(SCORES, TRUTH, DATE, ("a", "b"))
    features = within_date(np.stack([SCORES["a"], SCORES["b"]], axis=1), DATE)
    theirs = RidgeCV(alphas=np.logspace(-2, 4, 13), fit_intercept=False).fit(
        features, within_date(TRUTH[:, None], DATE)[:, 0]
    )
    np.testing.assert_allclose(stack.weights, theirs.coef_, rtol=1e-6)
    assert stack.alpha == pytest.approx(theirs.alpha_)


def test_better_model_weighs_more_and_stack_beats_each() -> None:
    stack = fit_stack(SCORES, TRUTH, DATE, ("a", "b", "c"))
    weights = stack.as_table()
    assert weights["a"] > weights["b"] > weights["c"] >= 0
    standardised = {name: within_date(scores[:, None], DATE)[:, 0] for name, scores in SCORES.items()}
    truth = within_date(TRUTH[:, None], DATE)[:, 0]
    together = np.corrcoef(stack.score(SCORES, DATE), truth)[0, 1]
    assert together > max(np.corrcoef(scores, truth)[0, 1] for scores in standardised.values())


def test_inverted_model_gets_no_weight() -> None:
    scores = {"a": SCORES["a"], "b": -SCORES["b"], "c": SCORES["c"]}
    weights = fit_stack(scores, TRUTH, DATE, ("a", "b", "c")).as_table()
    assert weights["b"] == 0
    assert weights["a"] > 0.5


def test_stack_of_nothing_but_inverted_models_still_points_their_way() -> None:
    stack = fit_stack({"a": -TRUTH, "b": -TRUTH}, TRUTH, DATE, ("a", "b"))
    assert stack.weights.tolist() == [0.5, 0.5]


def test_models_that_are_the_same_share_the_weight() -> None:
    weights = fit_stack({"a": SCORES["a"], "b": SCORES["a"]}, TRUTH, DATE, ("a", "b")).weights
    assert weights[0] == pytest.approx(weights[1])
    assert (weights > 0).all()


def test_scale_and_shift_of_a_models_scores_do_not_matter() -> None:
    one = fit_stack(SCORES, TRUTH, DATE, ("a", "b"))
    moved = {"a": 1e6 + 1e-3 * SCORES["a"], "b": SCORES["b"] + DATE}
    np.testing.assert_allclose(fit_stack(moved, TRUTH, DATE, ("a", "b")).weights, one.weights, rtol=1e-5)
    np.testing.assert_allclose(one.score(moved, DATE), one.score(SCORES, DATE), rtol=1e-4, atol=1e-5)


def test_within_date_leaves_a_date_without_differences_at_0() -> None:
    values = np.array([[1.0, 2.0], [1.0, 4.0], [5.0, 6.0]])
    found = within_date(values, np.array([9, 9, 3]))
    np.testing.assert_array_equal(found, [[0, -1], [0, 1], [0, 0]])
