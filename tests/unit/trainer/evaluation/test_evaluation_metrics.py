import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import ndcg_score

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.evaluation import metrics


def tables(ties: bool, n_dates: int = 40, n_teams: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Scores [D, T] and one season's ranks [T]."""
    rng = np.random.default_rng(11)
    scores = rng.normal(size=(n_dates, n_teams))
    return (np.round(scores) if ties else scores), rng.permutation(n_teams) + 1.0


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_are_scipys(ties: bool) -> None:
    scores, _ = tables(ties)
    np.testing.assert_array_equal(metrics.ranks_of(scores), rankdata(-scores, axis=1))


@pytest.mark.parametrize("ties", [False, True])
def test_spearman_is_scipys(ties: bool) -> None:
    scores, ranks = tables(ties)
    expected = [spearmanr(row, -ranks).statistic for row in scores]
    np.testing.assert_allclose(metrics.spearman(scores, ranks), expected)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [1, 4, 16, 20, 30, 99])
def test_ndcg_is_scikit_learns_with_relevance_31_minus_rank(ties: bool, k: int) -> None:
    scores, ranks = tables(ties)
    expected = [ndcg_score([31 - ranks], [row], k=k) for row in scores]
    np.testing.assert_allclose(metrics.ndcg_at(scores, ranks, k), expected)


@pytest.mark.parametrize("ties", [False, True])
def test_rank_rmse_is_of_average_ranks(ties: bool) -> None:
    scores, ranks = tables(ties)
    expected = [np.sqrt(np.mean((rankdata(-row) - ranks) ** 2)) for row in scores]
    np.testing.assert_allclose(metrics.rank_rmse(scores, ranks), expected)


def test_playoff_spearman_looks_at_playoff_teams_only() -> None:
    scores, ranks = tables(ties=False)
    there = np.arange(30) % 2 == 0
    expected = [spearmanr(row[there], -ranks[there]).statistic for row in scores]
    np.testing.assert_allclose(metrics.playoff_spearman(scores, ranks, there), expected)
    moved = np.where(there, scores, scores * -7 + 3)
    np.testing.assert_array_equal(
        metrics.playoff_spearman(moved, ranks, there), metrics.playoff_spearman(scores, ranks, there)
    )


def test_perfect_and_inverted_order() -> None:
    ranks = np.arange(1.0, 31)
    both = metrics.objectives(np.stack([-ranks, ranks]), ranks, ranks, ranks <= 16)
    assert {objective: values[0] for objective, values in both.items()} == {
        objective: pytest.approx(0 if objective is Objective.RANK_RMSE else 1) for objective in Objective
    }
    assert both[Objective.SPEARMAN][1] == both[Objective.PLAYOFF_SPEARMAN][1] == pytest.approx(-1)
    assert both[Objective.RANK_RMSE][1] == pytest.approx(np.sqrt(np.mean((ranks - ranks[::-1]) ** 2)))


def test_all_equal_scores_order_nothing() -> None:
    ranks = np.arange(1.0, 31)
    found = metrics.mean_scores(metrics.objectives(np.full((3, 30), 0.5), ranks, ranks, ranks <= 16))
    assert found.spearman == found.playoff_spearman == 0
    assert found.rank_rmse == pytest.approx(np.std(ranks))


def test_scores_shift_and_scale_freely() -> None:
    scores, ranks = tables(ties=True)
    for objective, values in metrics.objectives(scores, ranks, ranks, ranks <= 16).items():
        again = metrics.objectives(1e6 + 1e3 * scores, ranks, ranks, ranks <= 16)[objective]
        np.testing.assert_allclose(again, values, err_msg=objective)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused(bad: float) -> None:
    scores, ranks = tables(ties=False)
    scores[7, 3] = bad
    for measure in (metrics.spearman, metrics.rank_rmse):
        with pytest.raises(DataError, match=r"found -?(nan|inf) in row 7, team 3 \(of \(40, 30\)\)"):
            measure(scores, ranks)
    with pytest.raises(DataError, match="needs finite scores"):
        metrics.ndcg_at(scores, ranks, 4)


def test_unknown_ranks_are_refused() -> None:
    scores, ranks = tables(ties=False)
    with pytest.raises(DataError, match="were never ranked"):
        metrics.spearman(scores, np.where(ranks == 3, np.nan, ranks))


def test_a_season_without_playoffs_has_no_playoff_spearman() -> None:
    scores, ranks = tables(ties=False)
    with pytest.raises(DataError, match="needs a season with playoffs"):
        metrics.playoff_spearman(scores, ranks, np.zeros(30, dtype=bool))


def test_no_argument_is_changed() -> None:
    scores, ranks = tables(ties=True)
    before = scores.copy(), ranks.copy()
    metrics.objectives(scores, ranks, ranks, ranks <= 16)
    np.testing.assert_array_equal(scores, before[0])
    np.testing.assert_array_equal(ranks, before[1])
