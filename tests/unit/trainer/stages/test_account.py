"""What a run would have cost alone, from what the entries of the store took to make."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from truestrength.trainer.contract.records.cost import Cost, Spent, summed
from truestrength.trainer.run.meter import Meter
from truestrength.trainer.stages import stage_file
from truestrength.trainer.stages.account import Account, EntryCost
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store

MADE = Contents({"a": np.arange(3.0)})


def slow(_: Contents | None) -> Contents:
    time.sleep(0.2)
    return MADE


def asked(store: Store, depth: int = 0, needed: int | None = None) -> Cost:
    """What an attempt cost that asks the store for one entry."""
    meter = Meter()
    meter.reads(store)
    store.fetch("model_a", {"seed": 1}, slow, depth, needed=needed)
    return meter.cost()


def test_who_finds_an_entry_is_told_what_it_took(tmp_path: Path) -> None:
    maker, finder = asked(Store(tmp_path)), asked(Store(tmp_path))
    assert maker.alone_seconds
    assert finder.alone_seconds
    assert finder.alone_cpu_seconds is not None
    assert finder.alone_seconds >= 0.2 > finder.alone_cpu_seconds
    assert finder.alone_seconds > finder.wall_seconds


def test_a_prefix_counts_in_proportion_also_for_who_made_more(tmp_path: Path) -> None:
    maker, finder = asked(Store(tmp_path), 8, needed=2), asked(Store(tmp_path), 4, needed=4)
    assert maker.alone_seconds
    assert finder.alone_seconds
    assert maker.wall_seconds - maker.alone_seconds >= 0.15
    assert finder.alone_seconds >= 0.1


def test_a_continued_entry_has_the_cost_of_both_parts(tmp_path: Path) -> None:
    for depth in (4, 8):
        asked(Store(tmp_path), depth)
    alone = asked(Store(tmp_path), 8).alone_seconds
    assert alone
    assert alone >= 0.4


def test_an_entry_of_an_older_version_is_not_known_rather_than_free(tmp_path: Path) -> None:
    asked(Store(tmp_path))
    [path] = tmp_path.rglob("*.safetensors")
    contents = stage_file.read(path)
    notes = {name: note for name, note in contents.notes.items() if name != "cost"}
    stage_file.write(path, Contents(MADE.arrays, notes))
    assert asked(Store(tmp_path)).alone_seconds is None
    assert asked(Store(tmp_path), 4).alone_seconds is None, "what continues it is not known either"


def test_what_two_entries_rest_on_is_counted_once(tmp_path: Path) -> None:
    for store in (Store(tmp_path), Store(tmp_path)):

        def build(_: Contents | None, store: Store = store) -> Contents:
            store.fetch("batches", {}, slow)
            return MADE

        meter = Meter()
        meter.reads(store)
        for seed in (1, 2):
            store.fetch("results", {"seed": seed}, build)
        parts = meter._account.parts
        assert sorted(name.split("/")[0] for name in parts) == ["batches", "results", "results"]
        assert sum(part is not None and part.seconds >= 0.2 for part in parts.values()) == 1


def test_waiting_for_somebody_else_is_no_cost_alone(tmp_path: Path) -> None:
    answers = iter([False, False, True])
    cost = asked(Store(tmp_path, building=lambda _key: nullcontext(next(answers))))
    assert cost.alone_seconds
    assert cost.waited_seconds >= 0.05
    assert cost.alone_seconds + cost.waited_seconds <= cost.wall_seconds


def test_a_part_that_is_unknown_makes_the_whole_unknown() -> None:
    account = Account()
    account.add("a", EntryCost(own=Spent(1.0, 1.0), depth=0, parts={"b": None}), 0)
    assert account.alone(Spent(2.0, 2.0)) is None


def test_the_peak_of_an_attempt_is_its_own() -> None:
    before = Meter()
    held = np.ones(40_000_000)
    large = before.cost().memory_mb
    assert held.sum() > 0
    del held
    after = Meter().cost()
    assert large
    assert after.memory_mb
    assert after.memory_mb < large - 200 or after.memory_since == "process"


def test_where_the_mark_cannot_be_set_back_the_record_says_so(tmp_path: Path) -> None:
    assert Meter(tmp_path / "none").cost().memory_since == "process"


def cost(wall: float, alone: float | None) -> Cost:
    return Cost(
        wall_seconds=wall,
        cpu_seconds=wall,
        waited_seconds=0.5,
        alone_seconds=alone,
        alone_cpu_seconds=alone,
        memory_mb=wall,
        memory_since="attempt",
        gpu_seconds=None,
        gpu_memory_mb=None,
        energy_joules=10 * wall,
        energy_from="cpu_seconds",
    )


def test_sums_compare_only_what_is_known_and_complete() -> None:
    found = summed([(True, cost(2.0, 8.0)), (True, cost(2.0, None)), (False, cost(1.0, 1.0)), (False, None)])
    assert (found.attempts, found.unknown, found.compared) == (4, 1, 1)
    assert (found.wall_seconds, found.memory_mb, found.gpu_seconds) == (5.0, 2.0, None)
    assert (found.saved_seconds, found.saved_ratio) == (6.0, 4.0)
    assert (found.energy_joules, found.energy_from) == (50.0, ["cpu_seconds"])
