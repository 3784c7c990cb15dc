"""One run from a league folder to metrics, predictions and saved models; and the same models on the held-out season."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.config.settings import Config, replace
from truestrength.trainer.contract.errors import ConfigError, DataError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.records.metrics import StageCount
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.importer import write_league
from truestrength.trainer.data.league import load_league
from truestrength.trainer.models.fitted import load_models
from truestrength.trainer.run.holdout import holdout
from truestrength.trainer.run.pipeline import TrainedRun, predict_seasons, train
from truestrength.trainer.run.references import references
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store


@pytest.fixture(scope="module")
def config(small_config: Callable[[dict[str, Any]], Config]) -> Config:
    return small_config({})


@pytest.fixture(scope="module")
def league(demo_league: Path) -> Path:
    return demo_league


@pytest.fixture(scope="module")
def store(store_with_batches: Callable[[], Store]) -> Store:
    return store_with_batches()


@pytest.fixture(scope="module")
def run(config: Config, league: Path, store: Store) -> TrainedRun:
    return train(config, league, store)


def test_models_rank_better_than_chance_and_point_the_right_way(run: TrainedRun) -> None:
    for name in ("stack", "model_a", "model_b", "model_c"):
        assert run.metrics.models[name].spearman > 0.5, name
        assert run.metrics.models[name].rank_rmse < 8, name
    assert all(weight >= 0 for weight in run.metrics.stack_weights.values())
    assert sum(run.metrics.stack_weights.values()) > 0.3
    assert run.metrics.models["model_a"].spearman > run.metrics.objectives.spearman - 0.1


def test_metrics_are_whole(run: TrainedRun) -> None:
    metrics = run.metrics
    assert metrics.target == "final_rank"
    assert len(metrics.seasons) == 2
    assert set(metrics.by_third) == {"early", "middle", "late"}
    assert set(metrics.by_conference) == {"East", "West"}
    assert set(metrics.stack_without) == {"model_a", "model_b", "model_c"}
    assert {"batches", "model_a", "model_b", "model_c", "stack", "evaluation"} <= set(metrics.seconds)
    assert metrics.cache["batches"] == StageCount(hits=1, misses=0)
    assert metrics.cache["model_a"] == StageCount(hits=0, misses=1)
    decoded = msgspec.json.decode(msgspec.json.encode(metrics), type=type(metrics))
    assert decoded == metrics


def test_predictions_are_of_the_validation_seasons_only(run: TrainedRun) -> None:
    predictions = run.predictions
    assert predictions.columns == [
        *("season", "date", "team_id", "conference", "stack", "model_a", "model_b", "model_c"),
        *("predicted_rank", "target_rank", "title_probability"),
    ]
    assert tuple(predictions["season"].unique().sort()) == run.metrics.seasons
    assert predictions.null_count().sum_horizontal().item() == 0
    of_a_date = predictions.group_by("season", "date").agg(
        ranks=pl.col("predicted_rank").sort(), best=pl.col("team_id").sort_by("stack").last()
    )
    assert all(ranks.to_list() == list(range(1, 31)) for ranks in of_a_date["ranks"])
    first = predictions.filter(predicted_rank=1).join(of_a_date, on=["season", "date"])
    assert (first["team_id"] == first["best"]).all()


def test_saved_models_are_open_files_and_give_the_same_bits(
    run: TrainedRun, config: Config, league: Path, store: Store, tmp_path: Path
) -> None:
    _save(run, tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors", ".safetensors"]
    assert json.loads((tmp_path / "model_b.json").read_text())["learner"]
    batches = batches_stage.fetch(config, league, store)
    known = references(league, batches, Target.FINAL_RANK, batches.seasons[:2])
    again = predict_seasons(load_models(tmp_path), batches, run.metrics.seasons, known, Target.FINAL_RANK)
    assert again.equals(run.predictions)


def test_holdout_is_the_last_season(
    run: TrainedRun, config: Config, league: Path, store: Store, tmp_path: Path
) -> None:
    _save(run, tmp_path)
    metrics, predictions = holdout(config, league, store, load_models(tmp_path))
    last = batches_stage.fetch(config, league, store).seasons[-1]
    assert metrics.seasons == (last,)
    assert last not in run.metrics.seasons
    assert predictions["season"].unique().to_list() == [last]
    assert metrics.objectives.spearman > 0.4


def test_held_out_season_changes_nothing_in_a_run(
    run: TrainedRun, config: Config, league: Path, tmp_path: Path
) -> None:
    original = load_league(league)
    games = original.team_games
    last = games["season"].max()
    in_last = pl.col("season") == last
    games = games.with_columns(
        won=pl.when(in_last).then(~pl.col("won")).otherwise("won"),
        plus_minus=pl.when(in_last).then(-pl.col("plus_minus")).otherwise("plus_minus"),
    )
    manifest = msgspec.structs.replace(original.manifest, fingerprint="changed")
    write_league(dataclasses.replace(original, team_games=games, manifest=manifest), tmp_path / "league")
    other = train(config, tmp_path / "league", Store(tmp_path / "store"))
    assert other.predictions.equals(run.predictions)
    assert other.metrics.models == run.metrics.models


def test_folds_ask_for_as_many_seasons(config: Config, league: Path, store: Store) -> None:
    with pytest.raises(ConfigError, match=r"training\.n_folds: 5 folds .* found 2"):
        train(replace(config, {"training.n_folds": 5}), league, store)


def test_missing_league_is_refused(config: Config, store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no league here"):
        train(config, tmp_path, store)


def test_batches_of_another_league_are_not_stored_under_this_ones_name(
    config: Config, league: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The league is replaced between the look at its fingerprint and the reading of its tables."""
    read_before = msgspec.structs.replace(read_manifest(league), fingerprint="of the league before")
    monkeypatch.setattr(batches_stage, "read_manifest", lambda _: read_before)
    store = Store(tmp_path)
    with pytest.raises(DataError, match="another league was imported while this one was read"):
        batches_stage.fetch(config, league, store)
    assert store.paths.entries("batches") == []


def test_models_refuse_other_features(run: TrainedRun, config: Config, league: Path, store: Store) -> None:
    batches = batches_stage.fetch(config, league, store)
    other = dataclasses.replace(batches, player_columns=("minutes_last_5", *batches.player_columns[1:]))
    with pytest.raises(DataError, match=r"fitted on other player columns.*minutes_last_5"):
        run.models.scores(other, np.array([0]))


def test_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no fitted models here"):
        load_models(tmp_path)


@pytest.mark.parametrize("name", ["model_a.safetensors", "model_b.json", "stack.json"])
def test_damaged_models_are_refused(run: TrainedRun, tmp_path: Path, name: str) -> None:
    _save(run, tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"no fitted models here.*{name}"):
        load_models(tmp_path)
    if name != "model_b.json":  # XGBoost reads its own file only when a season is ranked
        (tmp_path / name).write_bytes(run.models.files()[name][:40])
        with pytest.raises(DataError, match="no fitted models here"):
            load_models(tmp_path)


def _save(run: TrainedRun, folder: Path) -> None:
    for name, content in run.models.files().items():
        (folder / name).write_bytes(content)
