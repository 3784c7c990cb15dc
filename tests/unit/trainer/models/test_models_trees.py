"""Boosting and forest: prefixes and continuations to the last bit, saved forms, and which way scores point."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import RandomForestRegressor

from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.directions import directions
from truestrength.trainer.models import boosting, forest
from truestrength.trainer.models.fits import Task
from truestrength.trainer.models.settings import BoostingSettings, ForestSettings
from truestrength.trainer.models.team_rows import as_lists, context_rows, expected_rows, relevance_rows

BOOSTING = BoostingSettings(max_depth=3, learning_rate=0.1, subsample=0.8, colsample_bytree=0.7, seed=7)
FOREST = ForestSettings(min_samples_leaf=3, max_features=0.5, seed=7)
MODELS = [(boosting, BOOSTING), (forest, FOREST)]
BY_NAME = {"ids": ["boosting", "forest"]}


@pytest.fixture(scope="module")
def deep(task: Task):  # type: ignore[no-untyped-def]
    """Each model trained to 120 at once."""
    return {model: model.fit(task, settings, 120) for model, settings in MODELS}


def reversed_ranks(batches: Batches, season: int) -> Batches:
    ranks = batches.ranks[Target.FINAL_RANK].copy()
    changed = batches.season == season
    ranks[changed] = np.where(batches.team_mask[changed], ranks.max() + 1 - ranks[changed], 0)
    return dataclasses.replace(batches, ranks={Target.FINAL_RANK: ranks})


def test_relevance_is_1_for_the_best_of_the_league_and_0_for_the_worst(batches: Batches) -> None:
    date = np.flatnonzero(batches.date == batches.date[0])
    relevance = relevance_rows(batches, date.astype(np.int64), Target.FINAL_RANK)
    np.testing.assert_allclose(np.sort(relevance), np.arange(9) / 8, rtol=1e-6)
    np.testing.assert_array_equal(relevance_rows(batches, date[1:].astype(np.int64), Target.FINAL_RANK), relevance[-4:])


def test_rows_go_back_into_their_lists(batches: Batches) -> None:
    lists = np.array([3, 0, 8])
    values = context_rows(batches, lists)[:, 2]
    np.testing.assert_array_equal(as_lists(batches, lists, values), batches.context[lists][..., 2])


@pytest.mark.parametrize(("model", "settings"), MODELS, **BY_NAME)
def test_higher_score_is_the_better_team(
    model, settings, task: Task, rank_correlation: Callable[[Task, np.ndarray], float]
) -> None:  # type: ignore[no-untyped-def]
    scores = model.scores(task, model.fit(task, settings, 30), 30)
    assert scores.shape == (len(task.fits.ranked), 5)
    assert rank_correlation(task, scores) > 0.6


@pytest.mark.parametrize(("model", "settings"), MODELS, **BY_NAME)
@pytest.mark.parametrize("depth", [7, 100, 110])
def test_prefix_is_the_model_trained_alone(model, settings, depth: int, task: Task, deep) -> None:  # type: ignore[no-untyped-def]
    deep = deep[model]
    alone = model.fit(task, settings, depth)
    np.testing.assert_array_equal(model.scores(task, deep, depth), model.scores(task, alone, depth))


@pytest.mark.parametrize(("model", "settings"), MODELS, **BY_NAME)
@pytest.mark.parametrize("stops", [(7, 120), (100, 120), (30, 110, 120)])
def test_continued_model_is_the_one_that_never_stopped(
    model, settings, stops: tuple[int, ...], task: Task, deep
) -> None:  # type: ignore[no-untyped-def]
    found = None
    for depth in stops:
        found = model.fit(task, settings, depth, found)
    for depth in (1, 104, 120):
        np.testing.assert_array_equal(model.scores(task, found, depth), model.scores(task, deep[model], depth))


def test_what_speaks_for_a_team_never_lowers_its_score(task: Task) -> None:
    rows = context_rows(task.batches, task.fits.rank[-1])
    booster = boosting.load(boosting.fit(task, BOOSTING, 30)["fit_3"])
    grown = forest.fit(task, FOREST, 30)
    for column in range(rows.shape[1]):
        better = rows.copy()
        better[:, column] += 0.7
        assert (boosting.predict(booster, better, 30) >= boosting.predict(booster, rows, 30)).all()
        assert (forest.predict(grown, better, 30) >= forest.predict(grown, rows, 30)).all()


def with_expected_rank(task: Task) -> Task:
    """The league with the true rank as its expected rank, except that the last two seasons are expected upside down."""
    batches = task.batches
    ranks = batches.ranks[Target.FINAL_RANK]
    expected = np.where((batches.season >= 4)[:, None], 10 - ranks, ranks)
    context = np.concatenate([batches.context, np.where(batches.team_mask, expected, 0)[..., None]], axis=-1)
    columns = (*batches.context_columns, "expected_rank")
    return dataclasses.replace(task, batches=dataclasses.replace(batches, context=context, context_columns=columns))


@pytest.mark.parametrize(("model", "settings"), MODELS, **BY_NAME)
def test_what_is_learnt_is_added_to_the_expected_rank(model, settings, task: Task) -> None:  # type: ignore[no-untyped-def]
    """Where nothing was wrong with it in training nothing is added, also when it is wrong later."""
    known = with_expected_rank(task)
    ranked = known.fits.ranked
    expected = as_lists(known.batches, ranked, expected_rows(known.batches, ranked, Target.FINAL_RANK))
    np.testing.assert_allclose(model.scores(known, model.fit(known, settings, 30), 30), expected, atol=1e-6)
    assert expected[-1].argmax() == known.batches.ranks[Target.FINAL_RANK][ranked[-1]].argmax()


@pytest.mark.parametrize(("model", "settings"), MODELS, **BY_NAME)
def test_out_of_fold_scores_never_saw_the_folds_ranks(
    model, settings, task: Task, make_task: Callable[..., Task]
) -> None:  # type: ignore[no-untyped-def]
    other = make_task(reversed_ranks(task.batches, season=0))
    one = model.scores(task, model.fit(task, settings, 20), 20)
    two = model.scores(other, model.fit(other, settings, 20), 20)
    fold = len(task.fits.rank[0])
    np.testing.assert_array_equal(one[:fold], two[:fold])
    assert not np.array_equal(one[fold:], two[fold:])


def test_saved_json_is_xgboosts_own_and_holds_the_prefix(task: Task) -> None:
    fitted = boosting.fit(task, BOOSTING, 80)
    text = boosting.as_json(fitted["fit_3"], 61)
    assert json.loads(text)["learner"]["gradient_booster"]["name"] == "gbtree"
    plain = xgboost.Booster()
    plain.load_model(bytearray(text))
    assert plain.num_boosted_rounds() == 61
    rows = context_rows(task.batches, task.fits.rank[-1])
    again = boosting.predict(boosting.load(np.frombuffer(text, dtype=np.uint8)), rows, 61)
    expected = boosting.scores(task, fitted, 61)[task.fits.n_out_of_fold :]
    np.testing.assert_array_equal(as_lists(task.batches, task.fits.rank[-1], again), expected)


def test_forest_of_one_block_is_scikit_learns(task: Task) -> None:
    fitted = forest.fit(task, FOREST, 10)
    lists = task.fits.train[-1]
    seed = int(np.random.SeedSequence([7, len(task.fits.train) - 1, 0]).generate_state(1)[0])
    known = directions(task.batches.context_columns)
    theirs = RandomForestRegressor(
        10, min_samples_leaf=3, max_features=0.5, max_samples=0.2, random_state=seed, monotonic_cst=known
    ).fit(context_rows(task.batches, lists), relevance_rows(task.batches, lists, task.target))
    rows = context_rows(task.batches, task.fits.rank[-1])
    np.testing.assert_allclose(forest.predict(fitted, rows, 10), theirs.predict(rows), rtol=1e-6)


def test_forests_nodes_alone_give_the_same_bits(task: Task) -> None:
    fitted = forest.fit(task, FOREST, 23)
    nodes = forest.prefix(fitted, 21)
    assert len(nodes["n_nodes"]) == 21
    rows = context_rows(task.batches, task.fits.rank[-1])
    expected = forest.scores(task, fitted, 21)[task.fits.n_out_of_fold :]
    np.testing.assert_array_equal(as_lists(task.batches, task.fits.rank[-1], forest.predict(nodes, rows, 21)), expected)
