"""A run's odds: rows in the right places, factors from training seasons only, and a league that knows no champion."""

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.records.metrics import BASELINES
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from truestrength.trainer.evaluation.odds_scores import brier
from truestrength.trainer.evaluation.season_odds import TitleSeason, add_odds, evaluate_odds, fit_points, title_seasons
from truestrength.trainer.evaluation.title_odds import points_per_score, title_odds
from truestrength.trainer.features.batches import Batches, build_batches
from truestrength.trainer.features.season_games import season_games
from truestrength.trainer.features.targets import target_ranks

TRAIN, VALIDATION = ("2020-21", "2021-22"), ("2022-23",)


@pytest.fixture(scope="module")
def batches(small_league: League) -> Batches:
    return build_batches(small_league, [3], 8, 5)


@pytest.fixture(scope="module")
def truth(small_league: League) -> pl.DataFrame:
    return target_ranks(small_league)


@pytest.fixture(scope="module")
def baselines(small_league: League, truth: pl.DataFrame, batches: Batches) -> pl.DataFrame:
    scores = baseline_scores(small_league)
    listed = pl.Series(np.unique(batches.date)).cast(pl.Date)
    scores = scores.filter(pl.col("date").is_in(listed.implode()))
    blended = add_blend(scores, fit_blend(scores, truth, Target.FINAL_RANK, TRAIN))
    return blended.with_columns(expected="point_difference")


@pytest.fixture(scope="module")
def title(small_league: League, truth: pl.DataFrame, baselines: pl.DataFrame) -> dict[str, TitleSeason]:
    return title_seasons(season_games(small_league), truth, baselines, TRAIN)


@pytest.fixture(scope="module")
def predictions(baselines: pl.DataFrame) -> pl.DataFrame:
    """The stack is Elo."""
    rows = baselines.filter(pl.col("season").is_in(VALIDATION)).sort("season", "date", "team_id")
    return rows.select("season", "date", "team_id", stack=(pl.col("elo") - 1500) / 100)


def test_every_row_has_the_odds_of_its_team(predictions: pl.DataFrame, title: dict[str, TitleSeason]) -> None:
    found = add_odds(predictions, title, points=4.0)
    games = title["2022-23"].games
    days = predictions["date"].unique().sort().to_physical().to_numpy().astype(np.int64)
    strength = 4.0 * predictions["stack"].to_numpy().reshape(len(days), 9)
    expected = title_odds(games, days, strength)
    for day in (0, len(days) - 1):
        for place, team in enumerate(games.team_id.tolist()):
            row = found.filter(pl.col("team_id") == team, pl.col("date").to_physical() == int(days[day]))
            assert row["title_probability"].item() == expected[day, place]


def test_points_are_fitted_to_rows_in_any_order_of_lists(batches: Batches, title: dict[str, TitleSeason]) -> None:
    lists = np.flatnonzero(np.isin(batches.season, [0, 1]))[::-1]
    mask = batches.team_mask[lists]
    worth = dict(zip(title[TRAIN[0]].games.team_id.tolist(), np.linspace(1, -1, 9), strict=True))
    scores = np.array([worth[team] for team in batches.team_id[lists][mask].tolist()])
    parts = []
    for index, season in enumerate(TRAIN):
        days = np.unique(batches.date[batches.season == index]).astype(np.int64)
        rest = title[season].rest
        assert rest is not None
        parts.append((rest, days, np.tile(np.linspace(1, -1, 9), (len(days), 1))))
    assert fit_points(title, batches, lists, scores) == pytest.approx(points_per_score(parts))


def test_figures_are_of_the_odds_in_the_table(
    predictions: pl.DataFrame, title: dict[str, TitleSeason], truth: pl.DataFrame
) -> None:
    found = evaluate_odds(add_odds(predictions, title, 4.0), title, 4.0, VALIDATION)
    champion = truth.filter(pl.col("season").is_in(VALIDATION), playoff_outcome=1)["team_id"].item()
    odds = add_odds(predictions, title, 4.0)["title_probability"].to_numpy().reshape(-1, 9)
    place = title["2022-23"].games.team_id.tolist().index(champion)
    assert found.scores["stack"].brier == pytest.approx(brier(odds, place).mean())
    assert set(found.scores) == {"stack", "uniform", *BASELINES}
    assert found.champions == 1


def with_champion(truth: pl.DataFrame, season: str, champion: int | None) -> pl.DataFrame:
    """Another champion of a season; None: none is known."""
    inside = pl.col("season") == season
    place = pl.when(pl.col("team_id") == (champion or 0)).then(1).otherwise(None if champion is None else 9)
    changed = pl.when(inside).then(place).otherwise("playoff_outcome").cast(pl.Int32)
    return truth.with_columns(playoff_outcome=changed)


def test_naive_odds_know_only_the_champions_of_training_seasons(
    small_league: League, truth: pl.DataFrame, baselines: pl.DataFrame, title: dict[str, TitleSeason]
) -> None:
    games = season_games(small_league)
    for season, same in ((VALIDATION[0], True), (TRAIN[0], False)):
        changed = title_seasons(games, with_champion(truth, season, 15), baselines, TRAIN)
        assert changed[season].champion == 4
        # In the first season, without one before it, last season's rank tells nobody from anybody.
        for name in ("win_rate", "point_difference", "elo", "blend"):
            assert np.array_equal(changed["2022-23"].naive[name], title["2022-23"].naive[name]) == same, name


def test_without_known_champions_naive_odds_are_uniform(
    small_league: League, truth: pl.DataFrame, baselines: pl.DataFrame
) -> None:
    for season in TRAIN:
        truth = with_champion(truth, season, None)
    found = title_seasons(season_games(small_league), truth, baselines, TRAIN)
    assert found[TRAIN[0]].champion is None
    for odds in found["2022-23"].naive.values():
        np.testing.assert_allclose(odds, 1 / 9)


def test_naive_odds_sum_to_one(title: dict[str, TitleSeason]) -> None:
    for season in title.values():
        for odds in season.naive.values():
            np.testing.assert_allclose(odds.sum(axis=1), 1)
    assert (title["2022-23"].rest is None, title["2020-21"].rest is None) == (True, False)
