"""Two trials with the same parameters: the second reads the first one's results, and leaves the same files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics, StageCount
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run.results_stage import STAGE
from truestrength.trainer.run.train_into import train_into
from truestrength.trainer.stages.store import Store

HIT = StageCount(hits=1)
Train = Callable[..., RunPaths]


@pytest.fixture
def train_one(tmp_path: Path, demo_league: Path, small_config: Callable[[dict[str, Any]], Config]) -> Train:
    """Trains a run into a folder of its own."""

    def call(run_id: int, store: Store, changes: dict[str, Any] | None = None, **keywords: Any) -> RunPaths:
        paths = RunPaths(tmp_path / f"run_{run_id:03d}")
        config = small_config({"paths.data": str(demo_league), "training.device": "cpu", **(changes or {})})
        train_into(paths, run_id, config, store, threads=1, **keywords)
        return paths

    return call


def files(run: RunPaths) -> dict[str, bytes]:
    """All that the run found, without what it cost."""
    found = {path.name: path.read_bytes() for path in (run.predictions, *run.models.iterdir())}
    metrics = msgspec.structs.replace(metrics_of(run), cache={}, seconds={}, cost=None)
    return {**found, "metrics": msgspec.json.encode(metrics)}


def metrics_of(run: RunPaths) -> RunMetrics:
    return msgspec.json.decode(run.metrics.read_bytes(), type=RunMetrics)


def test_the_second_run_reads_what_the_first_one_found(
    train_one: Train, store_with_batches: Callable[[], Store]
) -> None:
    store = store_with_batches()
    first = train_one(25, store, train_to=Depths(epochs=4, rounds=110, trees=29))
    # Whatever the sweep will want besides, it is the same trial.
    second = train_one(26, store, {"cache.max_gb": 1.0}, train_to=Depths(epochs=3, rounds=150, trees=40))
    alone = train_one(27, store, share=False)
    assert files(first) == files(second) == files(alone)
    assert metrics_of(first).cache[STAGE].misses == 1
    assert metrics_of(first).cache["model_a"].misses == 1
    assert metrics_of(second).cache == {STAGE: HIT}
    assert set(metrics_of(second).seconds) == {STAGE}
    assert STAGE not in metrics_of(alone).cache
    assert metrics_of(alone).seconds["model_a"] > 0
    found = metrics_of(second).cost
    assert found is not None
    assert found.alone_seconds is not None
    assert found.alone_seconds > found.wall_seconds, "what it found was worth more than the finding"


@pytest.mark.parametrize(
    "changes",
    [
        {"model_a.epochs": 2},
        {"model_b.n_estimators": 104},
        {"model_c.min_samples_leaf": 6},
        {"training.seed": 8},
        {"training.listmle_target": "playoff_outcome"},
        {"evaluation.validation": 1},
    ],
    ids=",".join,
)
def test_other_parameters_have_other_results(
    train_one: Train, store_with_batches: Callable[[], Store], changes: dict[str, Any]
) -> None:
    store = store_with_batches()
    first = train_one(25, store)
    other = train_one(26, store, changes)
    assert metrics_of(other).cache[STAGE].misses == 1
    assert files(other)["metrics"] != files(first)["metrics"]


def test_an_explained_run_may_have_its_results_from_another(
    train_one: Train, store_with_batches: Callable[[], Store]
) -> None:
    store = store_with_batches()
    train_one(25, store)
    explained = train_one(26, store, explain=True)
    assert metrics_of(explained).cache[STAGE] == HIT
    assert len(explained.explanation.read_text().splitlines()) > 10


def test_a_run_that_fails_leaves_no_results(train_one: Train, store_with_batches: Callable[[], Store]) -> None:
    store = store_with_batches()
    with pytest.raises(UserError):
        train_one(25, store, {"training.n_folds": 50})
    assert {path.parent.name for path, _ in store.paths.entries()} == {"batches"}


def test_the_true_strengths_are_a_part_of_the_results_name(
    train_one: Train, store_with_batches: Callable[[], Store], demo_league: Path, tmp_path: Path
) -> None:
    """The data's fingerprint does not cover them, and the ceiling is made from them."""
    store = store_with_batches()
    first = train_one(25, store)
    unknown = tmp_path / "league"
    shutil.copytree(demo_league, unknown)
    LeaguePaths(unknown).truth.unlink()
    other = train_one(26, store, {"paths.data": str(unknown)})
    assert metrics_of(first).ceilings
    assert not metrics_of(other).ceilings
    LeaguePaths(unknown).truth.mkdir()
    with pytest.raises(DataError, match="true_strength"):
        train_one(27, store, {"paths.data": str(unknown)})


def test_too_few_ranked_dates_are_refused(train_one: Train, store_with_batches: Callable[[], Store]) -> None:
    """A third of two dates has no figures, and what is no number must not be stored as a result."""
    with pytest.raises(DataError, match=r"ranked dates, which cannot be cut into thirds.*evaluation\.first_day"):
        train_one(25, store_with_batches(), {"evaluation.first_day": 172})
