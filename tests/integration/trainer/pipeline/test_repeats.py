"""A trial with more seeds than one: the mean counts, each seed is as if alone, and what they share is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import msgspec
import pytest

from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics, StageCount
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.run.holdout import evaluate_holdout
from truestrength.trainer.run.lone_run import run_once
from truestrength.trainer.run.noise import measure_noise
from truestrength.trainer.run.train_into import train_into
from truestrength.trainer.stages.store import Store

K = 3


@pytest.fixture(scope="module")
def config(small_config: Callable[[dict[str, Any]], Config], demo_league: Path, tmp_path_factory: Any) -> Config:
    paths = {"paths.data": str(demo_league), "paths.batch_cache": str(tmp_path_factory.mktemp("cache"))}
    return small_config({**paths, "training.device": "cpu"})


@pytest.fixture(scope="module")
def store(config: Config) -> Store:
    return Store(Path(config.paths.batch_cache))


@pytest.fixture(scope="module")
def run(config: Config, store: Store, tmp_path_factory: Any) -> RunPaths:
    paths = RunPaths(tmp_path_factory.mktemp("runs") / "run_025")
    train_into(paths, 25, config, store, threads=1, repeats=K)
    return paths


@pytest.fixture(scope="module")
def metrics(run: RunPaths) -> RunMetrics:
    return read(run)


def read(run: RunPaths) -> RunMetrics:
    return msgspec.json.decode(run.metrics.read_bytes(), type=RunMetrics)


def test_the_mean_counts_and_knows_its_error(metrics: RunMetrics) -> None:
    assert [repeat.seed for repeat in metrics.repeats] == [7, 8, 9]
    assert metrics.standard_error is not None
    for objective in Objective:
        values = [repeat.objectives.of(objective) for repeat in metrics.repeats]
        assert metrics.objectives.of(objective) == fmean(values)
        assert metrics.standard_error.of(objective) == pytest.approx(stdev(values) / K**0.5)
    assert len({repeat.objectives for repeat in metrics.repeats}) == K


def test_what_no_seed_changes_is_made_once(metrics: RunMetrics, store: Store) -> None:
    assert metrics.cache["batches"] == StageCount(hits=K - 1, misses=1)
    assert metrics.cache["outlook"] == StageCount(hits=0, misses=len(store.paths.entries("outlook")))
    for stage in ("model_a", "model_b", "model_c", "results"):
        assert metrics.cache[stage] == StageCount(hits=0, misses=K)
    assert set(metrics.seconds) >= {"batches", "model_a", "stack", "results"}


def test_each_seed_is_as_if_trained_alone_and_the_first_ones_models_are_the_runs(
    run: RunPaths, metrics: RunMetrics, config: Config, store: Store, tmp_path: Path
) -> None:
    for number, repeat in enumerate(metrics.repeats):
        alone = RunPaths(tmp_path / f"run_{number:03d}")
        seed = msgspec.structs.replace(config.training, seed=repeat.seed)
        train_into(alone, number, msgspec.structs.replace(config, training=seed), store, threads=1, share=False)
        assert read(alone).objectives == repeat.objectives
        assert read(alone).repeats == ()
        same = [path.read_bytes() == (run.models / path.name).read_bytes() for path in alone.models.iterdir()]
        assert all(same) if number == 0 else not all(same)
        assert (alone.predictions.read_bytes() == run.predictions.read_bytes()) is (number == 0)
    assert load_config(run.config).training.seed == 7


def test_more_seeds_read_what_fewer_found(config: Config, store: Store, run: RunPaths, tmp_path: Path) -> None:
    more = RunPaths(tmp_path / "run_026")
    train_into(more, 26, config, store, threads=1, repeats=K + 1)
    assert read(more).cache["results"] == StageCount(hits=K, misses=1)
    assert read(more).repeats[:K] == read(run).repeats


def test_a_run_by_hand_repeats_them(config: Config, run: RunPaths, tmp_path: Path) -> None:
    outside = msgspec.structs.replace(config.paths, outputs=str(tmp_path))
    by_hand = run_once(msgspec.structs.replace(config, paths=outside), threads=1, repeats=K)
    assert read(by_hand).repeats == read(run).repeats


def test_noise_is_of_seeds_that_the_trial_did_not_have(run: RunPaths) -> None:
    noise = msgspec.json.decode(measure_noise(run.folder, 2).read_bytes(), type=Noise)
    assert noise.seeds == (10, 11)
    before = run.noise.read_bytes()
    assert measure_noise(run.folder, 5).read_bytes() == before


def test_the_held_out_season_is_ranked_by_the_first_seeds_models(run: RunPaths) -> None:
    found = msgspec.json.decode(evaluate_holdout(run.folder).read_bytes(), type=RunMetrics)
    assert found.repeats == ()
    assert found.objectives == found.models["stack"]
