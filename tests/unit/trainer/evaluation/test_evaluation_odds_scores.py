"""Scores of championship odds against scikit-learn, plain loops and hand-made seasons."""

import msgspec
import numpy as np
import pytest
import sklearn.metrics

from truestrength.trainer.contract.records.odds import TitleOdds
from truestrength.trainer.evaluation import odds_scores
from truestrength.trainer.evaluation.odds_scores import (
    FLOOR,
    SeasonOdds,
    brier,
    fit_softmax,
    log_loss,
    reliability,
    softmax_odds,
    title_scores,
)


def drawn(seed: int, n_dates: int = 20, n_teams: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_teams), n_dates)


def test_brier_and_log_loss_are_scikit_learns() -> None:
    odds, champion = drawn(0), 2
    true = np.full(len(odds), champion)
    theirs = sklearn.metrics.log_loss(true, odds, labels=range(6))
    assert log_loss(odds, champion).mean() == pytest.approx(theirs)
    # scikit-learn's Brier score of many classes is the sum over classes.
    theirs = sklearn.metrics.brier_score_loss(true, odds, labels=list(range(6)), scale_by_half=False)
    assert brier(odds, champion).mean() == pytest.approx(theirs)


def test_certain_odds_are_best_and_worst() -> None:
    odds = np.eye(4)
    np.testing.assert_allclose(brier(odds, 1), [2, 0, 2, 2])
    np.testing.assert_allclose(log_loss(odds, 1), np.array([-np.log(FLOOR), 0, -np.log(FLOOR), -np.log(FLOOR)]))


class TestSoftmax:
    def test_factor_zero_is_uniform_and_higher_scores_get_more(self) -> None:
        scores = np.array([[3.0, 1.0, 2.0]])
        np.testing.assert_allclose(softmax_odds(scores, 0.0), 1 / 3)
        odds = softmax_odds(scores, 2.0)[0]
        assert odds[0] > odds[2] > odds[1]
        z = (scores[0] - 2) / scores[0].std()
        np.testing.assert_allclose(odds, np.exp(2 * z) / np.exp(2 * z).sum())

    def test_equal_scores_are_uniform(self) -> None:
        np.testing.assert_allclose(softmax_odds(np.full((2, 5), 0.5), 3.0), 0.2)

    def test_the_factor_that_the_champions_were_drawn_with_is_found(self) -> None:
        rng = np.random.default_rng(2)
        seasons = []
        for _ in range(1500):
            scores = rng.normal(size=(1, 12))
            seasons.append((scores, int(rng.choice(12, p=softmax_odds(scores, 1.5)[0]))))
        assert fit_softmax(seasons) == pytest.approx(1.5, abs=0.1)

    def test_the_factor_has_the_smallest_log_loss(self) -> None:
        rng = np.random.default_rng(3)
        seasons = [(rng.normal(size=(8, 10)), int(rng.integers(0, 3))) for _ in range(5)]
        seasons = [(scores + 0.7 * (np.arange(10) == who), who) for scores, who in seasons]

        def loss(factor: float) -> float:
            return float(np.mean([-np.log(softmax_odds(scores, factor)[:, who]).mean() for scores, who in seasons]))

        grid = np.linspace(0, 5, 2001)
        assert fit_softmax(seasons) == pytest.approx(grid[np.argmin([loss(f) for f in grid])], abs=0.005)

    def test_no_known_champion_means_uniform(self) -> None:
        assert fit_softmax([]) == 0

    def test_a_champion_who_was_always_last_means_uniform(self) -> None:
        assert fit_softmax([(np.arange(10.0)[None], 0)]) == pytest.approx(0, abs=1e-4)


class TestReliability:
    def test_counts_means_and_frequencies_are_those_of_a_loop(self) -> None:
        seasons = [(drawn(seed, n_dates=30 + seed), seed) for seed in range(3)]
        rows = [
            (odds[day, team], team == who, (i, team))
            for i, (odds, who) in enumerate(seasons)
            for day in range(len(odds))
            for team in range(odds.shape[1])
        ]
        found = reliability(seasons)
        assert sum(one.count for one in found) == len(rows)
        for one in found:
            inside = [row for row in rows if one.low <= row[0] < one.high]
            assert one.count == len(inside)
            assert one.predicted == pytest.approx(np.mean([p for p, _, _ in inside]))
            assert one.observed == pytest.approx(np.mean([won for _, won, _ in inside]))
            assert one.seasons_of_teams == len({team for _, _, team in inside})

    def test_probability_one_is_in_the_last_bin(self) -> None:
        low, high = reliability([(np.array([[1.0, 0.0]]), 0)])
        assert (low.observed, high.observed) == (0, 1)
        assert high.high == 1


class TestTitleScores:
    @pytest.fixture
    def found(self) -> TitleOdds:
        seasons = [
            SeasonOdds(champion, {"stack": drawn(seed, n), "elo": drawn(seed + 9, n)})
            for seed, n, champion in ((1, 9, 0), (2, 12, 3))
        ]
        self.seasons = seasons
        return title_scores(seasons, points_per_score=4.0)

    def test_uniform_has_no_skill_and_a_known_score(self, found: TitleOdds) -> None:
        uniform = found.scores["uniform"]
        assert uniform.skill == 0
        assert uniform.brier == pytest.approx((5 / 6) ** 2 + 5 / 36)
        assert uniform.log_loss == pytest.approx(np.log(6))
        assert uniform.champion == pytest.approx(1 / 6)

    def test_figures_are_means_over_all_dates(self, found: TitleOdds) -> None:
        for name in ("stack", "elo"):
            per_date = np.concatenate([brier(s.odds[name], s.champion) for s in self.seasons])
            row = found.scores[name]
            assert row.brier == pytest.approx(per_date.mean())
            assert row.skill == pytest.approx(1 - row.brier / found.scores["uniform"].brier)
        assert list(found.scores) == ["stack", "uniform", "elo"]
        assert (found.champions, found.points_per_score) == (2, 4.0)

    def test_thirds_are_of_each_seasons_dates(self, found: TitleOdds) -> None:
        early = np.concatenate(
            [log_loss(s.odds["stack"][: n // 3], s.champion) for s, n in zip(self.seasons, (9, 12), strict=True)]
        )
        assert found.by_third["early"]["stack"].log_loss == pytest.approx(early.mean())
        assert set(found.by_third) == {"early", "middle", "late"}

    def test_survives_json(self, found: TitleOdds) -> None:
        assert msgspec.json.decode(msgspec.json.encode(found), type=TitleOdds) == found

    def test_perfect_odds_have_all_the_skill(self) -> None:
        certain = np.eye(6)[[2] * 6]
        found = title_scores([SeasonOdds(2, {odds_scores.STACK: certain})], 1.0)
        assert (found.scores["stack"].skill, found.scores["stack"].log_loss) == (1, 0)
