"""Shared or alone, at once or continued: the same parameters give the same bits, for every stage."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.records.metrics import StageCount
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run.pipeline import TrainedRun, train
from truestrength.trainer.stages.store import Store

HIT, MISS = StageCount(hits=1), StageCount(misses=1)
Run = Callable[..., TrainedRun]


@pytest.fixture(scope="module")
def run(demo_league: Path, small_config: Callable[[dict[str, Any]], Config]) -> Run:
    def call(changes: dict[str, Any], store: Store, **keywords: Any) -> TrainedRun:
        return train(small_config(changes), demo_league, store, **keywords)

    return call


@pytest.fixture(scope="module")
def batches_only(store_with_batches: Callable[[], Store]) -> Store:
    return store_with_batches()


@pytest.fixture(scope="module")
def alone(run: Run, batches_only: Store) -> TrainedRun:
    return run({}, batches_only, share=False)


@pytest.fixture(scope="module")
def filled(run: Run, store_with_batches: Callable[[], Store]) -> Store:
    store = store_with_batches()
    run({}, store)
    return store


def same_bits(one: TrainedRun, other: TrainedRun) -> None:
    assert one.predictions.equals(other.predictions)
    assert plain(one) == plain(other)
    assert one.models.files() == other.models.files()


def plain(trained: TrainedRun) -> Any:
    return msgspec.structs.replace(trained.metrics, cache={}, seconds={}, cost=None)


_RUN_AGAIN = """
import hashlib, sys
from pathlib import Path
import msgspec
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.run.pipeline import train
from truestrength.trainer.stages.store import Store
config = msgspec.json.decode(sys.argv[1], type=Config)
found = train(config, Path(sys.argv[2]), Store(Path(sys.argv[3])), share=False)
scores = found.predictions.select("stack", "model_a", "model_b", "model_c").to_numpy()
print(hashlib.sha256(scores.tobytes()).hexdigest())
"""


def test_another_process_gives_the_same_bits(
    alone: TrainedRun, batches_only: Store, demo_league: Path, small_config: Callable[[dict[str, Any]], Config]
) -> None:
    scores = alone.predictions.select("stack", "model_a", "model_b", "model_c").to_numpy()
    arguments = [msgspec.json.encode(small_config({})).decode(), str(demo_league), str(batches_only.paths.root)]
    again = subprocess.run(
        [sys.executable, "-c", _RUN_AGAIN, *arguments],
        env={**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert again.stdout.strip() == hashlib.sha256(scores.tobytes()).hexdigest()


def test_alone_leaves_no_models_in_the_store(alone: TrainedRun, batches_only: Store) -> None:
    assert set(alone.metrics.cache) == {"batches"}
    assert {path.parent.name for path, _ in batches_only.paths.entries()} == {"batches"}


def test_trained_to_the_sweeps_maximum_and_read_as_a_prefix(
    alone: TrainedRun, run: Run, store_with_batches: Callable[[], Store]
) -> None:
    store = store_with_batches()
    shared = run({}, store, train_to=Depths(epochs=5, rounds=120, trees=30))
    same_bits(shared, alone)
    deeper = run({"model_a.epochs": 5, "model_b.n_estimators": 120, "model_c.n_estimators": 30}, store)
    assert deeper.metrics.cache == {"batches": HIT, "model_a": HIT, "model_b": HIT, "model_c": HIT}


@pytest.mark.parametrize(
    "shorter", [("model_a.epochs", 2), ("model_b.n_estimators", 101), ("model_c.n_estimators", 26)]
)
def test_continued_stage_gives_the_same_bits(
    alone: TrainedRun, run: Run, store_with_batches: Callable[[], Store], shorter: tuple[str, int]
) -> None:
    store = store_with_batches()
    run(dict([shorter]), store)
    continued = run({}, store)
    hits = {"batches": HIT, "model_a": HIT, "model_b": HIT, "model_c": HIT}
    assert continued.metrics.cache == {**hits, shorter[0].split(".")[0]: MISS}
    same_bits(continued, alone)


@pytest.mark.parametrize(
    ("changes", "trained_again"),
    [
        ({"model_b.learning_rate": 0.09}, {"model_b"}),
        ({"model_b.max_depth": 3}, {"model_b"}),
        ({"model_c.min_samples_leaf": 6}, {"model_c"}),
        ({"model_a.dropout": 0.2}, {"model_a"}),
        ({"training.loss": "spearman"}, {"model_a"}),
        ({"training.listmle_target": "playoff_outcome"}, {"model_a", "model_b", "model_c"}),
        ({"training.seed": 8}, {"model_a", "model_b", "model_c"}),
        ({"cache.max_gb": 1.0, "training.device": "cpu"}, set()),
    ],
    ids=lambda words: ",".join(sorted(words)),  # a set has another order in each process
)
def test_only_what_changed_is_trained_again(
    run: Run, filled: Store, changes: dict[str, Any], trained_again: set[str]
) -> None:
    found = run(changes, filled)
    assert found.metrics.cache["batches"] == HIT
    assert {stage for stage, count in found.metrics.cache.items() if count.misses} == trained_again


@pytest.mark.parametrize("busy", ["model_a", "model_b"])
def test_while_others_train_a_model_the_run_sees_to_its_other_models(
    alone: TrainedRun, run: Run, store_with_batches: Callable[[], Store], busy: str
) -> None:
    asked = []

    @contextmanager
    def building(key: str) -> Iterator[bool]:
        asked.append(key.split("/", maxsplit=1)[0])
        yield asked.count(busy) > 3 or asked[-1] != busy

    found = run({}, Store(store_with_batches().paths.root, building))
    others = sorted({"model_a", "model_b", "model_c"} - {busy})
    assert sorted(asked[:3]) == sorted([busy, *others])
    assert asked[3:] == [busy] * 3
    same_bits(found, alone)
    assert found.predictions.columns == alone.predictions.columns
