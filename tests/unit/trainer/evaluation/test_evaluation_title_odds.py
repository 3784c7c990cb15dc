"""Championship odds: sums, order, elimination, no look ahead, and the exact bracket against drawn and added-up ones."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from truestrength.trainer.data.league import League
from truestrength.trainer.evaluation.title_odds import bracket_odds, points_per_score, rest_of_season, title_odds
from truestrength.trainer.features import outlook as outlooks
from truestrength.trainer.features.outlook import outlook, series_chance
from truestrength.trainer.features.ratings import HOME_POINTS
from truestrength.trainer.features.season_games import SeasonGames, season_games


@pytest.fixture(scope="module")
def games(small_league: League) -> SeasonGames:
    return season_games(small_league)[0]


def descending(n_days: int) -> np.ndarray:
    """Strengths of five eastern and four western teams, the first ones the best of each conference."""
    return np.tile([6.0, 3.0, 0.0, -3.0, -6.0, 5.0, 2.0, -1.0, -6.0], (n_days, 1))


def test_odds_sum_to_one_and_lie_between_zero_and_one(games: SeasonGames) -> None:
    odds = title_odds(games, games.days, descending(len(games.days)))
    assert odds.shape == (len(games.days), 9)
    np.testing.assert_allclose(odds.sum(axis=1), 1, atol=1e-12)
    assert (odds >= 0).all()


def test_the_better_team_has_the_higher_odds(games: SeasonGames) -> None:
    odds = title_odds(games, games.days[:1], descending(1))[0]
    for conference in ("East", "West"):
        assert (np.diff(odds[games.conference == conference]) < 0).all()
    weaker = descending(1) - 4.0 * (np.arange(9) == 0)
    assert title_odds(games, games.days[:1], weaker)[0, 0] < odds[0] - 0.1


def test_equal_teams_have_nearly_equal_odds(games: SeasonGames) -> None:
    odds = title_odds(games, games.days[:1], np.zeros((1, 9)))[0]
    west = odds[games.conference == "West"]  # all four play the playoffs
    np.testing.assert_allclose(west, west.mean(), atol=0.04)
    assert 0.4 < west.sum() < 0.55  # the East sends the best four of its five


def test_who_cannot_reach_the_playoffs_any_more_has_no_odds(games: SeasonGames) -> None:
    """On the last day the fifth of the East is games behind; it gets exactly 0, and everybody else more."""
    odds = title_odds(games, games.days[-1:], descending(1))[0]
    sums, played = games.regular_log.last(None)
    won = sums[-1, :, 0]
    left = games.regular_log.date.shape[1] - played[-1]
    east = np.flatnonzero(games.conference == "East")
    last = east[np.argmin(won[east])]
    assert won[last] + left[last] < np.sort(won[east])[1]
    assert odds[last] == 0
    assert (np.delete(odds, last) > 0).all()


def test_results_of_the_day_and_later_change_nothing(games: SeasonGames) -> None:
    half = len(games.days) // 2
    day = games.days[half]
    turned = np.where((games.date >= day)[:, None, None], games.box[:, ::-1], games.box)
    other = replace(games, box=turned)
    strength = descending(len(games.days))
    before, after = title_odds(games, games.days, strength), title_odds(other, games.days, strength)
    np.testing.assert_array_equal(after[: half + 1], before[: half + 1])
    assert not np.array_equal(after[half + 1 :], before[half + 1 :])


def test_some_days_have_the_odds_that_they_have_among_all(games: SeasonGames) -> None:
    strength = descending(len(games.days))
    some = [3, 7, len(games.days) - 1]
    whole = title_odds(games, games.days, strength)
    np.testing.assert_array_equal(title_odds(games, games.days[some], strength[some]), whole[some])


def test_few_simulations_say_what_outlook_says(games: SeasonGames) -> None:
    strength = descending(len(games.days))
    odds, many = title_odds(games, games.days, strength), outlook(games, strength, strength).champion
    assert np.abs(odds - many).max() < 0.07
    assert np.sqrt(((odds - many) ** 2).mean()) < 0.02


def test_bracket_by_hand() -> None:
    """Four teams of one conference: 1 meets 4, 2 meets 3, the winners meet."""
    strength, rate = np.array([[4.0, 1.0, 2.0, -3.0]]), np.array([[0.7, 0.6, 0.5, 0.4]])

    def wins(one: int, other: int) -> float:
        lead = strength[0, one] - strength[0, other]
        return float(series_chance(np.array(lead), np.array(rate[0, one] > rate[0, other])))

    first = wins(0, 3) * (wins(1, 2) * wins(0, 1) + wins(2, 1) * wins(0, 2))
    third = wins(2, 1) * (wins(0, 3) * wins(2, 0) + wins(3, 0) * wins(2, 3))
    odds = bracket_odds(np.array(["East"] * 4), strength, rate)[0]
    np.testing.assert_allclose(odds[[0, 2]], [first, third], atol=1e-6)
    assert odds.sum() == pytest.approx(1)


def test_the_champion_of_an_odd_conference_waits() -> None:
    """A meets B, and C meets who is left; strengths and records are those of the conferences' only teams."""
    strength, rate = np.array([[1.0, -2.0, 3.0]]), np.array([[0.5, 0.6, 0.4]])
    a_b = float(series_chance(np.array(3.0), np.array(False)))
    a_c = float(series_chance(np.array(-2.0), np.array(True)))
    b_c = float(series_chance(np.array(-5.0), np.array(True)))
    odds = bracket_odds(np.array(["A", "B", "C"]), strength, rate)[0]
    expected = [a_b * a_c, (1 - a_b) * b_c, a_b * (1 - a_c) + (1 - a_b) * (1 - b_c)]
    np.testing.assert_allclose(odds, expected, atol=1e-6)


@pytest.mark.parametrize(
    "conferences", [("East",) * 15 + ("West",) * 15, ("A",) * 8 + ("B",) * 11, ("A",) * 3 + ("B",) * 9]
)
def test_exact_brackets_are_the_mean_of_drawn_ones(conferences: tuple[str, ...]) -> None:
    """The oracle is the drawing that the features use, over the same final standings."""
    rng = np.random.default_rng(4)
    n_teams, draws = len(conferences), 40_000
    strength, rate = rng.normal(0, 4, n_teams), rng.uniform(0.2, 0.8, n_teams)
    exact = bracket_odds(np.array(conferences), strength[None], rate[None])[0]
    rows = np.broadcast_to(strength, (draws, n_teams)), np.broadcast_to(rate, (draws, n_teams))
    *_, champion = outlooks._playoffs(np.array(conferences), *rows, rng.random((draws, 2 * n_teams)))
    drawn = np.bincount(champion, minlength=n_teams) / draws
    assert np.abs(exact - drawn).max() < 4 * np.sqrt(0.25 / draws)


def test_in_neutral_playoffs_the_better_record_gains_nothing(games: SeasonGames) -> None:
    """Two teams of one conference and equal strength: the record decides nothing."""
    strength, rate = np.zeros((1, 2)), np.array([[0.7, 0.3]])
    one = np.array(["East", "East"])
    assert bracket_odds(one, strength, rate)[0, 0] > 0.53
    np.testing.assert_allclose(bracket_odds(one, strength, rate, 0.0), 0.5)
    strength = descending(len(games.days))
    neutral = replace(games, neutral=~games.regular)
    odds = title_odds(neutral, games.days, strength)
    np.testing.assert_allclose(odds.sum(axis=1), 1, atol=1e-12)
    assert not np.array_equal(odds, title_odds(games, games.days, strength))


def test_the_rest_of_a_season_knows_its_neutral_games(games: SeasonGames) -> None:
    neutral = replace(games, neutral=np.ones(len(games.date), dtype=np.bool_))
    found, before = rest_of_season(neutral), rest_of_season(games)
    np.testing.assert_array_equal(found.matrix, before.matrix)
    at_home = np.bincount(games.home, minlength=9) - np.bincount(games.away, minlength=9)
    np.testing.assert_allclose(found.margins[0] - before.margins[0], HOME_POINTS * at_home)


class TestPointsPerScore:
    def rows(self, games: SeasonGames, days: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A row per day and game still to come: difference in score, and margin less home advantage."""
        pairs = [(i, g) for i, day in enumerate(days) for g in np.flatnonzero(games.date >= day)]
        lead = np.array([scores[i, games.home[g]] - scores[i, games.away[g]] for i, g in pairs])
        return lead, np.array([games.margin[g] - HOME_POINTS for _, g in pairs])

    def test_is_the_least_squares_slope(self, small_league: League) -> None:
        rng = np.random.default_rng(1)
        parts, leads, margins = [], [], []
        for games in season_games(small_league)[:2]:
            days = games.days[[2, 9, 15]]
            scores = np.linspace(1, -1, 9) + rng.normal(0, 0.3, (3, 9))
            parts.append((rest_of_season(games), days, scores))
            lead, margin = self.rows(games, days, scores)
            leads.append(lead)
            margins.append(margin)
        ridge = LinearRegression(fit_intercept=False).fit(np.concatenate(leads)[:, None], np.concatenate(margins))
        found = points_per_score(parts)
        assert found == pytest.approx(ridge.coef_[0])
        assert 3 < found < 12  # the league's strengths are 6 to -6 in points

    def test_scores_that_point_the_wrong_way_are_worth_nothing(self, games: SeasonGames) -> None:
        rest = rest_of_season(games)
        assert points_per_score([(rest, games.days[:1], np.linspace(-1, 1, 9)[None])]) == 0
        assert points_per_score([(rest, games.days[:1], np.zeros((1, 9)))]) == 0
