import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import BASELINES, MODELS, RunMetrics
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from truestrength.trainer.evaluation.metrics import spearman
from truestrength.trainer.evaluation.tables import Evaluated, evaluate
from truestrength.trainer.features.targets import target_ranks

SEASONS = ("2021-22", "2022-23")


@pytest.fixture(scope="module")
def truth(small_league: League) -> pl.DataFrame:
    return target_ranks(small_league)


@pytest.fixture(scope="module")
def baselines(small_league: League, truth: pl.DataFrame) -> pl.DataFrame:
    scores = baseline_scores(small_league)
    blended = add_blend(scores, fit_blend(scores, truth, Target.FINAL_RANK, ["2020-21"]))
    return blended.with_columns(expected="point_difference")


@pytest.fixture(scope="module")
def predictions(small_league: League, baselines: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """A stack that knows the truth, a model A that inverts it, a model B that copies Elo, a model C of noise."""
    days = baselines.filter(pl.col("date") >= pl.col("date").min().over("season").dt.offset_by("5d"))
    noise = np.random.default_rng(0).normal(size=days.height)
    return (
        days.join(truth, on=["season", "team_id"])
        .join(small_league.teams.select("team_id", "conference"), on="team_id")
        .select(
            "season",
            "date",
            "team_id",
            "conference",
            stack=-pl.col("final_rank"),
            model_a="final_rank",
            model_b="elo",
            model_c=noise,
        )
    )


@pytest.fixture(scope="module")
def evaluated(predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame) -> Evaluated:
    return evaluate(predictions, truth, baselines, Target.FINAL_RANK, SEASONS)


def test_pieces_are_those_of_the_run_metrics(evaluated: Evaluated) -> None:
    run = RunMetrics(target="final_rank", seasons=SEASONS, stack_weights={}, **vars(evaluated))
    assert set(run.models) == set(MODELS)
    assert set(run.baselines) == set(BASELINES)
    assert set(run.by_conference) == {"East", "West"}
    assert set(run.by_third) == {"early", "middle", "late"}
    for table in (*run.by_conference.values(), *run.by_third.values()):
        assert set(table) == {*MODELS, *BASELINES}


def test_truth_is_perfect_and_its_inverse_is_not(evaluated: Evaluated) -> None:
    for table in (evaluated.models, *evaluated.by_conference.values(), *evaluated.by_third.values()):
        assert table["stack"].spearman == pytest.approx(1)
        assert table["stack"].ndcg4 == table["stack"].ndcg20 == pytest.approx(1)
        assert table["stack"].rank_rmse == pytest.approx(0)
        assert table["model_a"].spearman == pytest.approx(-1)
        assert -0.4 < table["model_c"].spearman < 0.4


def test_a_model_that_copies_a_baseline_has_its_scores(evaluated: Evaluated) -> None:
    assert evaluated.models["model_b"] == evaluated.baselines["elo"]
    for table in (*evaluated.by_conference.values(), *evaluated.by_third.values()):
        assert table["model_b"] == table["elo"]


def test_playoff_spearman_is_of_the_outcome_whatever_the_target(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, evaluated: Evaluated
) -> None:
    other = evaluate(predictions, truth, baselines, Target.PLAYOFF_OUTCOME, SEASONS)
    assert other.models["stack"].spearman != evaluated.models["stack"].spearman
    for name in MODELS:
        assert other.models[name].playoff_spearman == evaluated.models[name].playoff_spearman


def test_league_figure_is_the_mean_over_all_dates(
    predictions: pl.DataFrame, truth: pl.DataFrame, evaluated: Evaluated
) -> None:
    values = []
    rows = predictions.filter(pl.col("season").is_in(SEASONS)).join(truth, on=["season", "team_id"])
    for _, day in rows.group_by("season", "date", maintain_order=True):
        values.append(spearman(day["model_c"].to_numpy()[None], day["final_rank"].to_numpy().astype(float))[0])
    assert evaluated.n_dates == len(values)
    assert evaluated.models["model_c"].spearman == pytest.approx(np.mean(values))


def test_thirds_and_seasons_come_apart(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, evaluated: Evaluated
) -> None:
    one = evaluate(predictions, truth, baselines, Target.FINAL_RANK, SEASONS[:1])
    two = evaluate(predictions, truth, baselines, Target.FINAL_RANK, SEASONS[1:])
    assert one.n_dates + two.n_dates == evaluated.n_dates
    for third in ("early", "middle", "late"):
        parts = [table.by_third[third]["elo"].rank_rmse for table in (one, two)]
        assert min(parts) <= evaluated.by_third[third]["elo"].rank_rmse <= max(parts)
    # The standings say more the later it is.
    assert one.by_third["late"]["win_rate"].spearman > one.by_third["early"]["win_rate"].spearman


def test_within_a_conference_ranks_start_at_one(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, evaluated: Evaluated
) -> None:
    east = truth.with_columns(
        pl.when(pl.col("team_id") < 20)
        .then(pl.col("final_rank").rank().over("season", pl.col("team_id") < 20))
        .alias("place")
    ).filter(pl.col("team_id") < 20)
    rows = predictions.filter(pl.col("season").is_in(SEASONS), pl.col("conference") == "East")
    rows = rows.join(east, on=["season", "team_id"])
    errors = [
        np.sqrt(((day["model_c"].rank(descending=True) - day["place"]) ** 2).mean())
        for _, day in rows.group_by("season", "date")
    ]
    assert evaluated.by_conference["East"]["model_c"].rank_rmse == pytest.approx(np.mean(errors))


def test_row_order_does_not_matter(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, evaluated: Evaluated
) -> None:
    mixed = predictions.sample(fraction=1, shuffle=True, seed=4)
    again = evaluate(mixed, truth.reverse(), baselines.reverse(), Target.FINAL_RANK, SEASONS)
    assert again == evaluated


def test_a_missing_prediction_is_refused(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame
) -> None:
    short = predictions.filter(
        ~((pl.col("season") == "2021-22") & (pl.col("team_id") == 13)) | (pl.col("date").dt.day() > 25)
    )
    with pytest.raises(DataError, match=r"2021-22: .* predictions for .* dates and 9 teams; every team needs one"):
        evaluate(short, truth, baselines, Target.FINAL_RANK, SEASONS)
    with pytest.raises(DataError, match="2030-31: 0 predictions"):
        evaluate(predictions, truth, baselines, Target.FINAL_RANK, ["2030-31"])


def test_a_missing_score_is_refused(predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame) -> None:
    holes = predictions.with_columns(model_b=pl.when(pl.col("team_id") != 13).then("model_b"))
    with pytest.raises(DataError, match="needs finite scores; found nan"):
        evaluate(holes, truth, baselines, Target.FINAL_RANK, SEASONS)
    with pytest.raises(DataError, match="needs finite scores"):
        evaluate(predictions, truth, baselines.filter(pl.col("team_id") != 13), Target.FINAL_RANK, SEASONS)


def test_a_season_without_playoffs_is_refused(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame
) -> None:
    unknown = truth.with_columns(playoff_outcome=pl.lit(None, dtype=pl.Int32), playoff_team=pl.lit(False))
    with pytest.raises(DataError, match="no playoff games in 2021-22, 2022-23"):
        evaluate(predictions, unknown, baselines, Target.FINAL_RANK, SEASONS)
