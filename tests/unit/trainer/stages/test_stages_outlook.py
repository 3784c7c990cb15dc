"""The outlook of a season is simulated once, whatever windows the batches have."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from truestrength.trainer.contract.records.metrics import StageCount
from truestrength.trainer.data.league import League
from truestrength.trainer.features.batches import build_batches
from truestrength.trainer.features.outlook import outlook
from truestrength.trainer.features.season_games import season_games
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.outlook import STAGE, stored
from truestrength.trainer.stages.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_batches_of_other_windows_read_the_same_outlook(small_league: League, store: Store) -> None:
    n_seasons = len(season_games(small_league))
    build_batches(small_league, [3, 8], 8, 5, stored(store, lambda: None))
    assert store.counts == {STAGE: StageCount(misses=n_seasons)}
    read = build_batches(small_league, [4], 6, 9, stored(store, lambda: None))
    assert store.counts == {STAGE: StageCount(hits=n_seasons, misses=n_seasons)}
    alone = build_batches(small_league, [4], 6, 9)
    for name, array in batches_stage.pack(read).arrays.items():
        np.testing.assert_array_equal(array, batches_stage.pack(alone).arrays[name], name)


def test_whatever_changes_the_outlook_is_simulated_anew(small_league: League, store: Store) -> None:
    games = season_games(small_league)[-1]
    strength = np.random.default_rng(1).normal(size=(len(games.days), len(games.team_id)))
    foresight = stored(store, lambda: None)
    foresight(games, strength, strength)
    swapped = np.where(games.conference == games.conference[0], games.conference[-1], games.conference[0])
    others = [
        (games, strength + 1e-9, strength),
        (games, strength, strength + 1e-9),
        (dataclasses.replace(games, conference=swapped), strength, strength),
        (dataclasses.replace(games, home=games.away, away=games.home), strength, strength),
        (dataclasses.replace(games, box=games.box[:, ::-1]), strength, strength),
    ]
    for other in others:
        found = foresight(*other)
        for name, array in vars(outlook(*other)).items():
            np.testing.assert_array_equal(array, getattr(found, name), name)
    assert store.counts == {STAGE: StageCount(misses=1 + len(others))}
    foresight(dataclasses.replace(games, season="renamed"), strength, strength)
    assert store.counts[STAGE].hits == 1
