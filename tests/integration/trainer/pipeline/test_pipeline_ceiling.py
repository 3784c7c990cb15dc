"""The whole pipeline against what only the demo league knows: no feature knows it, and the ranker comes near it.

Measured with the small configuration on leagues of seeds 3, 5, 11 and 21, two validation seasons each: the stack's
Spearman is below that of `true_outlook` by 0.047, 0.043, 0.033 and 0.033 for final_rank and by 0.061, 0.048, 0.036 and
0.041 for playoff_outcome; in the early third by 0.056 to 0.120.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.run.holdout import holdout
from truestrength.trainer.run.pipeline import TrainedRun, train
from truestrength.trainer.run.references import ceilings, references
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store

NEAREST, FARTHEST = 0.01, 0.08
NEAREST_EARLY = 0.03


@pytest.fixture(scope="module", params=list(Target))
def run(
    request: pytest.FixtureRequest,
    small_config: Callable[[dict[str, Any]], Config],
    demo_league: Path,
    store_with_batches: Callable[[], Store],
) -> TrainedRun:
    config = small_config({"training.listmle_target": request.param})
    return train(config, demo_league, store_with_batches())


def copied(league: Path, folder: Path) -> LeaguePaths:
    shutil.copytree(league, folder)
    return LeaguePaths(folder)


def arrays(batches: Batches) -> dict[str, np.ndarray]:
    found = {f.name: getattr(batches, f.name) for f in dataclasses.fields(batches)}
    return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("change", ["removed", "shuffled"])
def test_no_feature_and_no_baseline_knows_the_true_strengths(
    change: str,
    small_config: Callable[[dict[str, Any]], Config],
    demo_league: Path,
    store_with_batches: Callable[[], Store],
    tmp_path: Path,
) -> None:
    config = small_config({})
    paths = copied(demo_league, tmp_path / "league")
    if change == "removed":
        paths.truth.unlink()
    else:
        table = pl.read_parquet(paths.truth)
        table.with_columns(pl.col("true_strength").shuffle(seed=1)).write_parquet(paths.truth)
    before = batches_stage.fetch(config, demo_league, store_with_batches())
    after = batches_stage.fetch(config, paths.folder, Store(tmp_path / "store"))  # built anew
    assert batches_stage.identity(config, paths.folder) == batches_stage.identity(config, demo_league)
    for name, values in arrays(before).items():
        np.testing.assert_array_equal(arrays(after)[name], values, err_msg=name)
    train_seasons = before.seasons[:2]
    known = references(paths.folder, after, Target.FINAL_RANK, train_seasons)
    assert known.baselines.equals(references(demo_league, before, Target.FINAL_RANK, train_seasons).baselines)
    found = ceilings(paths.folder, after, Target.FINAL_RANK, before.seasons[2:4]).ceilings
    if change == "removed":
        assert found == {}
    else:
        assert found["true_strength"].spearman < 0.2


def test_the_ranker_comes_near_the_ceiling_and_not_above_it(run: TrainedRun) -> None:
    metrics = run.metrics
    ceiling = metrics.ceilings["true_outlook"]
    behind = ceiling.spearman - metrics.objectives.spearman
    assert NEAREST < behind < FARTHEST
    assert ceiling.rank_rmse < metrics.objectives.rank_rmse
    # Early, when the record says little, knowing the strengths is worth most; a leak would show there first.
    early = metrics.ceilings_by_third["early"]["true_outlook"].spearman
    assert early - metrics.by_third["early"]["stack"].spearman > NEAREST_EARLY


def test_the_ceiling_beats_every_baseline_and_is_none(run: TrainedRun) -> None:
    metrics = run.metrics
    best = max(scores.spearman for scores in metrics.baselines.values())
    assert metrics.ceilings["true_outlook"].spearman > best
    for table in (metrics.models, metrics.baselines, metrics.gains, *metrics.by_third.values()):
        assert not {"true_strength", "true_outlook"} & set(table)


def test_odds_are_reported_and_sum_to_one(run: TrainedRun) -> None:
    odds = run.metrics.title_odds
    assert odds is not None
    sums = run.predictions.group_by("season", "date").agg(pl.col("title_probability").sum())
    np.testing.assert_allclose(sums["title_probability"].to_numpy(), 1, atol=1e-9)
    assert odds.champions == 2
    assert set(odds.scores) == {"stack", "uniform", *run.metrics.baselines}
    assert 2 < odds.points_per_score < 8
    assert odds.scores["uniform"].log_loss == pytest.approx(np.log(30))
    assert sum(one.count for one in odds.reliability) == run.predictions.height
    # Where a date's order by score is the order by odds, nearly.
    agreement = run.predictions.group_by("season", "date").agg(
        pl.corr("stack", "title_probability", method="spearman").alias("agreement")
    )
    assert agreement["agreement"].min() > 0.7


def test_the_held_out_season_has_odds_and_a_ceiling(
    run: TrainedRun,
    small_config: Callable[[dict[str, Any]], Config],
    demo_league: Path,
    store_with_batches: Callable[[], Store],
) -> None:
    config = small_config({"training.listmle_target": run.metrics.target})
    metrics, predictions = holdout(config, demo_league, store_with_batches(), run.models)
    assert metrics.title_odds is not None
    assert metrics.title_odds.champions == 1
    assert run.metrics.title_odds is not None
    assert metrics.title_odds.points_per_score == run.metrics.title_odds.points_per_score
    assert "title_probability" in predictions.columns
    assert metrics.ceilings["true_outlook"].spearman > metrics.objectives.spearman


def test_a_damaged_table_of_true_strengths_stops_the_run(
    small_config: Callable[[dict[str, Any]], Config],
    demo_league: Path,
    store_with_batches: Callable[[], Store],
    tmp_path: Path,
) -> None:
    paths = copied(demo_league, tmp_path / "league")
    table = pl.read_parquet(paths.truth)
    table.filter(pl.col("team_id") != table["team_id"][0]).write_parquet(paths.truth)
    with pytest.raises(DataError, match="does not have one for every team and date"):
        train(small_config({}), paths.folder, store_with_batches())
