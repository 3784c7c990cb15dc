from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from truestrength.trainer.data.league import League
from truestrength.trainer.features import ratings
from truestrength.trainer.features.season_games import COLUMNS, SeasonGames, season_games


@pytest.fixture(scope="module")
def seasons(small_league: League) -> list[SeasonGames]:
    return season_games(small_league)


def test_elo_of_the_first_game_is_fivethirtyeights_formula(seasons: list[SeasonGames]) -> None:
    games = seasons[0]
    first_day = np.flatnonzero(games.date == games.days[0])
    before = ratings.elo(seasons)[0]
    assert (before[0] == 1500).all()
    for game in first_day:
        home, away, margin = games.home[game], games.away[game], games.margin[game]
        expected = 1 / (1 + 10 ** (-70 / 400))
        lead = 70 if margin > 0 else -70
        step = 20 * (abs(margin) + 3) ** 0.8 / (7.5 + 0.006 * lead)
        change = step * ((margin > 0) - expected)
        assert before[1, home] == pytest.approx(1500 + change)
        assert before[1, away] == pytest.approx(1500 - change)


def test_elo_is_carried_over_a_quarter_nearer_to_the_mean(seasons: list[SeasonGames]) -> None:
    whole, alone = ratings.elo(seasons), ratings.elo(seasons[1:])
    assert (alone[0][0] == 1500).all()
    np.testing.assert_allclose(whole[1].sum(axis=1), 1500 * 9)
    assert np.abs(whole[1][0] - 1500).max() > 10
    # Playoff games move a rating too: the season opens apart from where its last regular day left off.
    assert not np.allclose(whole[1][0] - 1500, 0.75 * (whole[0][-1] - 1500), atol=1)


def test_point_rating_is_a_ridge_towards_the_prior(seasons: list[SeasonGames]) -> None:
    games = seasons[0]
    prior = np.random.default_rng(1).normal(3, 4, (len(games.days), len(games.team_id)))
    found = ratings.point_rating(games, prior)
    day = 15
    played = np.flatnonzero(games.regular & (games.date < games.days[day]))
    design = np.zeros((len(played), len(games.team_id)))
    design[np.arange(len(played)), games.home[played]] = 1
    design[np.arange(len(played)), games.away[played]] = -1
    centred = prior[day] - prior[day].mean()
    margins = games.margin[played] - ratings.HOME_POINTS - design @ centred
    steps = np.minimum(np.diff(games.days[: day + 1]), 7)
    age = np.array([steps[np.searchsorted(games.days, date) :].sum() for date in games.date[played]])
    weight = 0.5 ** (age / ratings.GAME_HALF_LIFE)
    oracle = Ridge(ratings.PRIOR_GAMES, fit_intercept=False).fit(design, margins, weight).coef_ + centred
    np.testing.assert_allclose(found[day], oracle - oracle.mean(), atol=1e-8)


def test_point_rating_before_the_first_game_is_the_prior(seasons: list[SeasonGames]) -> None:
    games = seasons[0]
    prior = np.tile(np.arange(9.0), (len(games.days), 1))
    np.testing.assert_allclose(ratings.point_rating(games, prior)[0], np.arange(9) - 4.0)


def neutral_day(games: SeasonGames, day: int) -> SeasonGames:
    """The same season with the games of one day at a neutral site."""
    return replace(games, neutral=games.date == games.days[day])


def test_nobody_is_at_home_at_a_neutral_site_in_elo(seasons: list[SeasonGames]) -> None:
    games = seasons[0]
    before = ratings.elo([neutral_day(games, 0)])[0]
    for game in np.flatnonzero(games.date == games.days[0]):
        margin = games.margin[game]
        change = 20 * (abs(margin) + 3) ** 0.8 / 7.5 * ((margin > 0) - 0.5)
        assert before[1, games.home[game]] == pytest.approx(1500 + change)
        assert before[1, games.away[game]] == pytest.approx(1500 - change)


def test_a_neutral_game_is_worth_its_whole_margin(seasons: list[SeasonGames]) -> None:
    """As if the home team had won by what it is expected to win more at home."""
    games = seasons[0]
    prior = np.zeros((len(games.days), len(games.team_id)))
    neutral = neutral_day(games, 3)
    box = games.box.copy()
    box[neutral.neutral, 0, COLUMNS.index("plus_minus")] += ratings.HOME_POINTS
    found, expected = ratings.point_rating(neutral, prior), ratings.point_rating(replace(games, box=box), prior)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert not np.allclose(found[4:], ratings.point_rating(games, prior)[4:])
    np.testing.assert_array_equal(found[:4], ratings.point_rating(games, prior)[:4])


def test_without_neutral_games_nothing_has_changed(seasons: list[SeasonGames]) -> None:
    """Bit by bit: an advantage times one is the advantage."""
    games = seasons[0]
    assert not games.neutral.any()
    np.testing.assert_array_equal(
        games.margin - ratings.HOME_POINTS * games.advantage, games.margin - ratings.HOME_POINTS
    )
