"""Entries that take much memory are built one after the other, and each is found by whoever waits for it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.data.demo import demo
from truestrength.trainer.features import batches as features
from truestrength.trainer.stages import batches
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store


class Builders:
    """Counts those who build at once."""

    def __init__(self):
        self.now, self.most, self.built, self.lock = 0, 0, 0, threading.Lock()

    def build(self, made):
        with self.lock:
            self.now, self.built = self.now + 1, self.built + 1
            self.most = max(self.most, self.now)
        time.sleep(0.2)
        found = made()
        with self.lock:
            self.now -= 1
        return found


@pytest.mark.parametrize(("turn", "most"), [(None, 3), ("x of the league", 1)])
def test_entries_of_one_turn_are_built_one_after_the_other(tmp_path, turn, most):
    builders = Builders()

    def ask(number):
        def made():
            return Contents({"value": np.full(3, number % 3)})

        store = Store(tmp_path)
        return store.fetch("x", {"n": number % 3}, lambda _: builders.build(made), turn=turn).arrays["value"].tolist()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [[n % 3] * 3 for n in range(6)]
    assert (builders.most, builders.built) == (most, 3)


def test_the_batches_of_a_league_are_built_one_after_the_other(tmp_path, monkeypatch):
    demo(tmp_path / "league", seed=3, seasons=3)
    config = replace(load_config(Path("config/defaults.yaml"), ()), {"training.roster_size": 5})
    builders, build = Builders(), features.build_batches
    monkeypatch.setattr(features, "build_batches", lambda *given: builders.build(lambda: build(*given)))

    def ask(windows):
        changed = replace(config, {"training.rolling_windows": windows})
        return batches.fetch(changed, tmp_path / "league", Store(tmp_path / "cache")).player_columns

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, [[10], [5, 10], [10, 20], [10]]))
    assert (builders.most, builders.built) == (1, 3)
    assert found[0] == found[3] != found[1]
