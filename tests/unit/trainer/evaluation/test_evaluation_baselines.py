import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import PLAIN_BASELINES
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from truestrength.trainer.features.season_games import season_games
from truestrength.trainer.features.targets import target_ranks

TRAIN = ("2020-21", "2021-22")


@pytest.fixture(scope="module")
def scores(small_league: League) -> pl.DataFrame:
    return baseline_scores(small_league)


@pytest.fixture(scope="module")
def truth(small_league: League) -> pl.DataFrame:
    return target_ranks(small_league)


def test_every_team_on_every_regular_day(small_league: League, scores: pl.DataFrame) -> None:
    assert scores.height == sum(len(games.days) * 9 for games in season_games(small_league))
    assert scores.select("season", "date", "team_id").is_unique().all()
    assert scores.equals(scores.sort("season", "date", "team_id"))
    assert scores.select(PLAIN_BASELINES).to_numpy().dtype == np.float64
    assert np.isfinite(scores.select(PLAIN_BASELINES).to_numpy()).all()


def test_win_rate_and_difference_are_of_the_games_before(small_league: League, scores: pl.DataFrame) -> None:
    regular = small_league.team_games.filter(pl.col("season_type") == "regular")
    for row in scores.filter(pl.col("season") == "2021-22").sample(40, seed=2).iter_rows(named=True):
        before = regular.filter(
            pl.col("season") == "2021-22", pl.col("team_id") == row["team_id"], pl.col("date") < row["date"]
        )
        if before.is_empty():
            assert (row["win_rate"], row["point_difference"]) == (0.5, 0)
        else:
            assert row["win_rate"] == pytest.approx(before["won"].mean())
            assert row["point_difference"] == pytest.approx(before["plus_minus"].mean())


def test_last_season_rank_is_neutral_in_the_first_season(scores: pl.DataFrame, truth: pl.DataFrame) -> None:
    assert scores.filter(pl.col("season") == "2020-21")["last_season_rank"].unique().to_list() == [-5.0]
    second = scores.filter(pl.col("season") == "2021-22").select("team_id", "last_season_rank").unique()
    before = truth.filter(pl.col("season") == "2020-21").select("team_id", "final_rank")
    joined = second.join(before, on="team_id")
    assert joined.height == 9
    assert (joined["last_season_rank"] == -joined["final_rank"]).all()


def test_blend_weights_are_the_training_seasons_own(scores: pl.DataFrame, truth: pl.DataFrame) -> None:
    for target in Target:
        weights = fit_blend(scores, truth, target, TRAIN)
        assert set(weights) == set(PLAIN_BASELINES)
        assert sum(weights.values()) == pytest.approx(1)
        assert min(weights.values()) >= 0
        last = pl.col("season") == "2022-23"
        upside_down = truth.with_columns(
            pl.when(last).then(10 - pl.col(target.value)).otherwise(target.value).alias(target.value)
        )
        noise = scores.with_columns(
            pl.when(last).then(-pl.col(name)).otherwise(name).alias(name) for name in PLAIN_BASELINES
        )
        assert fit_blend(noise, upside_down, target, TRAIN) == weights
        assert fit_blend(scores, upside_down, target, ("2022-23",)) != fit_blend(scores, truth, target, ("2022-23",))


def test_a_baseline_that_points_the_wrong_way_gets_no_weight(scores: pl.DataFrame, truth: pl.DataFrame) -> None:
    wrong = scores.with_columns(elo=-pl.col("elo"))
    assert fit_blend(wrong, truth, Target.FINAL_RANK, TRAIN)["elo"] == 0


def test_blend_is_as_good_as_any_fixed_mixture_on_its_own_seasons(scores: pl.DataFrame, truth: pl.DataFrame) -> None:
    own = scores.filter(pl.col("season").is_in(TRAIN))

    def error(weights: dict[str, float]) -> float:
        rows = add_blend(own, weights).join(truth, on=["season", "team_id"])
        blend, rank = rows["blend"].to_numpy(), rows["final_rank"].to_numpy().astype(float)
        return float(1 - np.corrcoef(blend, -rank)[0, 1])

    best = error(fit_blend(own, truth, Target.FINAL_RANK, TRAIN))
    rng = np.random.default_rng(0)
    for shares in (*np.eye(4), *rng.dirichlet(np.ones(4), 60)):
        assert best <= error(dict(zip(PLAIN_BASELINES, shares.tolist(), strict=True))) + 1e-3


def test_blend_of_a_single_baseline_orders_as_it_does(scores: pl.DataFrame) -> None:
    mixed = add_blend(scores, {"win_rate": 0.0, "point_difference": 0.0, "elo": 1.0, "last_season_rank": 0.0})
    order = pl.col("elo").rank().over("season", "date") == pl.col("blend").rank().over("season", "date")
    days = mixed.filter(pl.col("elo").std().over("season", "date") > 0)
    assert days.select(order.all()).item()
    assert mixed["blend"].is_finite().all()


def test_unknown_target_is_refused(scores: pl.DataFrame, truth: pl.DataFrame) -> None:
    unknown = truth.with_columns(playoff_outcome=pl.lit(None, dtype=pl.Int32))
    with pytest.raises(DataError, match="no playoff games in 2020-21, 2021-22"):
        fit_blend(scores, unknown, Target.PLAYOFF_OUTCOME, TRAIN)
