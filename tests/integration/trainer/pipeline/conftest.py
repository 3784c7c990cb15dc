"""One small demo league for all tests of the pipeline, and stores that have its batches already."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from truestrength.trainer.contract.config.settings import Config, replace
from truestrength.trainer.data.demo import demo
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store

SMALL: dict[str, Any] = {
    "training.n_folds": 2,
    "training.max_lists_oof": 20,
    "training.max_final_batches": 20,
    "training.rolling_windows": [10],
    "model_a.epochs": 3,
    "model_b.n_estimators": 105,
    "model_c.n_estimators": 28,
}


@pytest.fixture(scope="session")
def small_config() -> Callable[[dict[str, Any]], Config]:
    """The small configuration, with changes."""
    return lambda changes: replace(Config(), {**SMALL, **changes})


@pytest.fixture(scope="session")
def demo_league(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seasons: two to train on, two to validate on, one held out."""
    folder = tmp_path_factory.mktemp("league")
    demo(folder, seed=3, seasons=5)
    return folder


@pytest.fixture(scope="session")
def store_with_batches(
    demo_league: Path, small_config: Callable[[dict[str, Any]], Config], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Store]:
    """Makes a store that holds the batches of the small configuration and nothing else."""
    first = Store(tmp_path_factory.mktemp("store"))
    batches_stage.fetch(small_config({}), demo_league, first)
    (entry,) = first.paths.stage(batches_stage.STAGE).iterdir()

    def make() -> Store:
        store = Store(tmp_path_factory.mktemp("store"))
        folder = store.paths.stage(batches_stage.STAGE)
        folder.mkdir()
        os.link(entry, folder / entry.name)
        return store

    return make
