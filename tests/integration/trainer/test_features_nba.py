"""Features and baselines of the real NBA logs: no leak, sound figures, better than the standings. Never 2023-24."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tests.support.places import NBA
from truestrength.trainer.contract.records.metrics import BASELINES, EXPECTED
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import BOX, League, load_league
from truestrength.trainer.evaluation.baselines import add_blend, baseline_scores, fit_blend
from truestrength.trainer.evaluation.tables import evaluate
from truestrength.trainer.features.batches import Batches, build_batches
from truestrength.trainer.features.targets import target_ranks
from truestrength.trainer.run.references import expected_scores

TRAIN = ("2015-16", "2016-17", "2017-18", "2018-19", "2019-20", "2020-21")
VALIDATION = ("2021-22", "2022-23")

pytestmark = pytest.mark.skipif(not (NBA / "team_logs.parquet").exists(), reason=f"no NBA logs in {NBA}")


def only(league: League, seasons: tuple[str, ...]) -> League:
    kept = pl.col("season").is_in(seasons)
    return replace(league, team_games=league.team_games.filter(kept), player_games=league.player_games.filter(kept))


@pytest.fixture(scope="module")
def league(tmp_path_factory: pytest.TempPathFactory) -> League:
    folder = tmp_path_factory.mktemp("nba") / "league"
    import_logs(NBA / "team_logs.parquet", NBA / "player_logs.parquet", folder)
    return only(load_league(folder), (*TRAIN, *VALIDATION))


@pytest.fixture(scope="module")
def batches(league: League) -> Batches:
    return build_batches(league, [10, 30], 15, 21)


def other_future(league: League, day: int, seed: int) -> League:
    """Results and box scores from `day` on dealt out anew among that day's and all later games; same schedule."""
    rng = np.random.default_rng(seed)
    later = pl.col("date").cast(pl.Int32) >= day
    games = league.team_games
    home = games.filter(later, pl.col("home")).select("game_id", "plus_minus")
    dealt = home.select("game_id", dealt=pl.col("plus_minus").shuffle(seed))
    games = games.join(dealt, on="game_id", how="left", maintain_order="left").with_columns(
        plus_minus=pl.when(later & pl.col("home"))
        .then("dealt")
        .when(later)
        .then(-pl.col("dealt"))
        .otherwise("plus_minus")
    )
    games = games.with_columns(won=pl.col("plus_minus") > 0).drop("dealt")
    rows = league.player_games
    own, future = rows.filter(~later), rows.filter(later)
    order = rng.permutation(future.height)
    box = future.select("minutes", *BOX, "plus_minus")[order]
    there = pl.Series(rng.random(future.height) < 0.7)
    return replace(league, team_games=games, player_games=pl.concat([own, future.with_columns(box).filter(there)]))


@pytest.mark.parametrize("seed", range(4))
def test_no_feature_and_no_baseline_sees_its_date_or_later(league: League, seed: int) -> None:
    season = int(np.random.default_rng(seed).integers(0, len(TRAIN)))
    part = only(league, (*TRAIN, *VALIDATION)[season : season + 2])
    truth, scores = build_batches(part, [10, 30], 15, 21), baseline_scores(part)
    for day in np.random.default_rng(seed).choice(np.unique(truth.date), 2, replace=False).tolist():
        changed = other_future(part, day, seed)
        found, known = build_batches(changed, [10, 30], 15, 21), truth.date <= day
        for name in ("players", "player_mask", "context", "team_id", "season", "date"):
            np.testing.assert_array_equal(getattr(found, name)[known], getattr(truth, name)[known], err_msg=name)
        before = pl.col("date").cast(pl.Int32) <= day
        assert baseline_scores(changed).filter(before).equals(scores.filter(before))
        if not known.all():
            assert not np.array_equal(found.context[~known], truth.context[~known])
            assert not np.array_equal(found.players[~known], truth.players[~known])


def test_everything_is_finite_and_every_team_has_a_rotation(batches: Batches) -> None:
    assert np.isfinite(batches.context).all()
    assert np.isfinite(batches.players).all()
    assert batches.team_mask.all()
    assert batches.player_mask.sum(axis=2).min() >= 8
    for name, values in zip(batches.context_columns, np.moveaxis(batches.context, -1, 0), strict=True):
        assert values.std() > 0, name


def test_standings_say_what_is_known_of_them(league: League, batches: Batches) -> None:
    """Win rate to date in 2022-23, as measured before there was this code: Spearman and rank RMSE over the dates."""
    scores = listed(baseline_scores(league), batches).with_columns(blend="win_rate", expected="win_rate")
    predictions = named(scores, league, pl.col("win_rate"))
    for target, spearman, rmse in ((Target.FINAL_RANK, 0.82, 4.6), (Target.PLAYOFF_OUTCOME, 0.67, 6.9)):
        found = evaluate(predictions, target_ranks(league), scores, target, ["2022-23"]).baselines["win_rate"]
        assert found.spearman == pytest.approx(spearman, abs=0.02)
        assert found.rank_rmse == pytest.approx(rmse, abs=0.2)


@pytest.mark.parametrize("target", list(Target))
def test_expectations_beat_every_baseline_on_five_of_six_objectives(
    league: League, batches: Batches, target: Target
) -> None:
    truth = target_ranks(league)
    scores = listed(baseline_scores(league), batches)
    scores = add_blend(scores, fit_blend(scores, truth, target, TRAIN))
    scores = scores.join(expected_scores(batches, target), on=["season", "date", "team_id"], maintain_order="left")
    predictions = named(scores, league, pl.col(EXPECTED))
    for seasons in (TRAIN[1:], VALIDATION):
        found = evaluate(predictions, truth, scores, target, seasons)
        assert found.models["stack"] == found.baselines[EXPECTED]
        for name in set(BASELINES) - {EXPECTED}:
            won = [
                objective
                for objective in Objective
                if objective.better(found.models["stack"].of(objective), found.baselines[name].of(objective))
            ]
            assert len(won) >= 5, (name, seasons, won)


def listed(scores: pl.DataFrame, batches: Batches) -> pl.DataFrame:
    """The baselines' scores on the dates that have lists."""
    days = set(zip(batches.season.tolist(), batches.date.tolist(), strict=True))
    known = pl.DataFrame(
        [(batches.seasons[season], day) for season, day in sorted(days)],
        schema={"season": pl.String, "date": pl.Int32},
        orient="row",
    )
    return scores.join(known.with_columns(pl.col("date").cast(pl.Date)), on=["season", "date"], how="semi")


def named(scores: pl.DataFrame, league: League, own: pl.Expr | pl.Series) -> pl.DataFrame:
    """Predictions whose every model says `own`."""
    models = dict.fromkeys(("stack", "model_a", "model_b", "model_c"), own)
    conference = league.teams.select("team_id", "conference")
    return (
        scores.with_columns(**models)
        .join(conference, on="team_id")
        .select("season", "date", "team_id", "conference", *models)
    )
