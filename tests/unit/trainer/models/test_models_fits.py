"""Folds are whole seasons, and a fit never ranks what it was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models.fits import Task, plan_fits
from truestrength.trainer.models.settings import Depths, deepest


def test_fold_and_its_training_lists_share_no_season(task: Task) -> None:
    season = task.batches.season
    for train, rank in zip(task.fits.train, task.fits.rank, strict=True):
        assert not set(season[train]) & set(season[rank])


def test_every_out_of_fold_list_is_ranked_once_and_a_season_stays_whole(task: Task) -> None:
    fits, season = task.fits, task.batches.season
    ranked = np.concatenate(fits.rank[:-1])
    assert len(ranked) == len(set(ranked)) == fits.n_out_of_fold
    folds_of_season = {s: {i for i, lists in enumerate(fits.rank[:-1]) if s in season[lists]} for s in season[ranked]}
    assert all(len(folds) == 1 for folds in folds_of_season.values())
    assert sorted(np.concatenate([fits.train[0], fits.rank[0]])) == sorted(ranked)


def test_more_folds_than_seasons_is_refused(batches: Batches) -> None:
    lists = np.flatnonzero(batches.season < 2).astype(np.int64)
    with pytest.raises(ConfigError, match=r"training\.n_folds: 5 .* found 2 \(2015-16, 2016-17\).*n_folds=2"):
        plan_fits(batches, lists, lists, lists, 5)


def test_deepest_is_the_most_that_any_trial_can_ask_for() -> None:
    space = {
        "model_a_epochs": IntRange(low=14, high=26),
        "n_estimators_xgb": Choice(values=(200, 350, 250)),
        "model_c.n_estimators": Fixed(value=200),
        "rolling_windows": Choice(values=([10], [10, 30])),
    }
    assert deepest(space) == Depths(26, 350, 200)
    assert deepest({**space, "learning_rate": FloatRange(low=0.06, high=0.1)}) == Depths(26, 0, 200)
    assert deepest({**space, "learning_rate": FloatRange(low=0.06, high=0.1, step=0.01)}) == Depths(26, 350, 200)
    assert deepest({}) == Depths(0, 0, 0)
