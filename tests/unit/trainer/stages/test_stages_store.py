"""The stage store: content addressing, prefixes, contention, damage, size."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.contract.records.metrics import StageCount
from truestrength.trainer.stages import stage_file
from truestrength.trainer.stages.prune import prune
from truestrength.trainer.stages.stage_file import Contents, TornFileError
from truestrength.trainer.stages.store import Store, in_process

ARRAYS = {
    "scores": np.arange(12, dtype=np.float32).reshape(3, 4),
    "mask": np.array([True, False, True]),
    "ids": np.array([[1610612737]], dtype=np.int64),
    "none": np.zeros((0, 3), dtype=np.float64),
    "bytes": np.frombuffer(b"\x00\xff", dtype=np.uint8),
    "day": np.array([-1], dtype=np.int32),
    "season": np.array([7], dtype=np.int16),
    "conference": np.array([1], dtype=np.int8),
    "step": np.array(3.0, dtype=np.float32),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
}


def ramp(depth: int) -> Contents:
    return Contents({"value": np.arange(depth, dtype=np.float32)})


def only_file(store: Store) -> Path:
    ((path, _),) = store.paths.entries()
    return path


def test_file_gives_back_what_was_written_and_is_an_ordinary_safetensors_file(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    stage_file.write(path, Contents(ARRAYS, {"note": "1"}))
    found = stage_file.read(path)
    assert found.notes == {"note": "1"}
    other = safetensors.numpy.load_file(path)
    assert found.arrays.keys() == ARRAYS.keys() == other.keys()
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype == other[name].dtype
        np.testing.assert_array_equal(found.arrays[name], array, strict=True)
        np.testing.assert_array_equal(other[name], array, strict=True)
    with pytest.raises(ValueError, match="read-only"):
        found.arrays["scores"][0] = 1


@pytest.mark.parametrize("keep", [0, 7, 8, 300, -1])
def test_torn_file_is_detected(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.safetensors"
    stage_file.write(path, Contents(ARRAYS))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TornFileError):
        stage_file.read(path)


def test_every_changed_byte_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    stage_file.write(path, Contents({"a": np.arange(3, dtype=np.int8)}, {"n": "x"}))
    whole = path.read_bytes()
    for place in range(len(whole)):
        if whole[place : place + 1] == b" ":  # padding of the header
            continue
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(TornFileError):
            stage_file.read(path)


def test_second_fetch_is_a_hit_and_another_identity_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        found = store.fetch("batches", {"windows": [10, 30]}, lambda _: Contents(ARRAYS))
    np.testing.assert_array_equal(found.arrays["scores"], ARRAYS["scores"])
    store.fetch("batches", {"windows": [10]}, lambda _: Contents(ARRAYS))
    assert store.counts == {"batches": StageCount(hits=1, misses=2)}


def test_lesser_depth_reads_and_greater_depth_continues(tmp_path: Path) -> None:
    store = Store(tmp_path)
    calls: list[int | None] = []

    def build_to(depth: int):  # type: ignore[no-untyped-def]
        def build(before: Contents | None) -> Contents:
            calls.append(None if before is None else len(before.arrays["value"]))
            return ramp(depth)

        return build

    for depth in (5, 3, 5, 8, 1, 8):
        found = store.fetch("model_a", {}, build_to(depth), depth)
        assert len(found.arrays["value"]) >= depth
    assert calls == [None, 5]


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_entry_is_made_again(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    Store(tmp_path).fetch("x", {}, lambda _: Contents(ARRAYS))
    path = only_file(Store(tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3] if damage == "cut" else whole[:-3] + b"abc")
    store = Store(tmp_path)
    found = store.fetch("x", {}, lambda _: Contents(ARRAYS))
    np.testing.assert_array_equal(found.arrays["scores"], ARRAYS["scores"])
    assert store.counts["x"] == StageCount(hits=0, misses=1)
    assert "made again" in caplog.text
    again = stage_file.read(path)
    assert again.notes.keys() == {"stage", "identity", "cost"}
    np.testing.assert_array_equal(again.arrays["scores"], ARRAYS["scores"])


def test_damage_after_a_good_look_is_still_seen(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        store.fetch("x", {}, lambda _: ramp(4))
    path = only_file(store)
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    assert store.fetch("x", {}, lambda _: ramp(4)).arrays["value"][3] == 3


def test_hundred_threads_build_one_file(tmp_path: Path) -> None:
    built = Counter[str]()
    stores = [Store(tmp_path) for _ in range(100)]

    def build(_: Contents | None) -> Contents:
        built["x"] += 1
        time.sleep(0.05)
        return ramp(9)

    def fetch(store: Store) -> None:
        assert len(store.fetch("x", {}, build).arrays["value"]) == 9

    threads = [threading.Thread(target=fetch, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built["x"] == 1
    assert sum(store.counts["x"].hits for store in stores) == 99
    assert store_files(tmp_path) == 1


def test_failed_build_leaves_nothing_and_lets_the_next_one_try(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail(_: Contents | None) -> Contents:
        raise UserError("no such season")

    with pytest.raises(UserError, match="no such season"):
        store.fetch("x", {}, fail)
    assert store_files(tmp_path) == 0
    assert len(store.fetch("x", {}, lambda _: ramp(2)).arrays["value"]) == 2


def test_who_is_refused_waits_for_the_one_who_builds(tmp_path: Path) -> None:
    refusals = []

    @contextmanager
    def refused_twice(key: str) -> Iterator[bool]:
        refusals.append(key)
        if len(refusals) == 2:  # the other process has finished meanwhile
            Store(tmp_path).fetch("x", {}, lambda _: ramp(2))
        yield False

    store = Store(tmp_path, refused_twice)
    assert len(store.fetch("x", {}, lambda _: pytest.fail("built twice")).arrays["value"]) == 2
    assert len(refusals) == 2
    assert store.counts["x"] == StageCount(hits=1, misses=0)


def test_who_waits_can_be_told_to_stop(tmp_path: Path) -> None:
    """The one who builds may be frozen, and a worker that is told to stop has to give back its slot all the same."""

    class Told(Exception):  # noqa: N818
        pass

    def proceed() -> None:
        raise Told

    store = Store(tmp_path, lambda _: nullcontext(False))
    with pytest.raises(Told):
        store.fetch("s", {}, lambda _: pytest.fail("nothing is built"), proceed=proceed)


def test_arbiter_of_one_process_frees_the_key(tmp_path: Path) -> None:
    with in_process("k") as first, in_process("k") as second, in_process("other") as other:
        assert (first, second, other) == (True, False, True)
    with in_process("k") as again:
        assert again


def test_store_that_cannot_be_written_costs_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    (tmp_path / "x").write_text("a file where the stage's folder should be")
    assert len(store.fetch("x", {}, lambda _: ramp(2)).arrays["value"]) == 2
    assert "goes on without it" in caplog.text


def test_store_in_an_impossible_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"paths\.batch_cache .*file/store: cannot be made"):
        Store(tmp_path / "file" / "store")


def used_long_ago(path: Path, hours: float) -> None:
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))


def test_prune_removes_the_longest_unused_and_spares_what_is_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name, hours in (("old", 50.0), ("older", 60.0), ("recent", 0.5)):
        store.fetch("x", {"name": name}, lambda _: ramp(1000))
        newest = max((p for p, _ in store.paths.entries()), key=lambda p: p.stat().st_mtime_ns)
        used_long_ago(newest, hours)
    size = only_size(store)
    removed = prune(store.paths, int(2.5 * size))
    assert [round((time.time() - e.used) / 3600) for e in removed] == [60]
    prune(store.paths, 0)
    assert store_files(tmp_path) == 1
    prune(store.paths, 0, in_use_s=0)
    assert store_files(tmp_path) == 0


def test_a_hit_counts_as_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.fetch("x", {}, lambda _: ramp(10))
    used_long_ago(only_file(store), 50)
    store.fetch("x", {}, lambda _: ramp(10))
    assert prune(store.paths, 0) == []


def test_writing_prunes_beyond_the_limit(tmp_path: Path) -> None:
    store = Store(tmp_path, max_gb=30e-6)
    store.fetch("x", {"n": 1}, lambda _: ramp(5000))
    used_long_ago(only_file(store), 2)
    left_by_a_dead_writer = tmp_path / "x" / ".a.123.tmp"
    left_by_a_dead_writer.write_text("")
    used_long_ago(left_by_a_dead_writer, 30)
    store.fetch("x", {"n": 2}, lambda _: ramp(5000))
    assert store_files(tmp_path) == 1
    assert not left_by_a_dead_writer.exists()


def run_cli(*arguments: str) -> int:
    return command_line.main(parser(), arguments)


def test_cache_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path)
    store.fetch("model_a", {}, lambda _: ramp(10), depth=10)
    store.fetch("batches", {}, lambda _: ramp(10))
    folder = ["--folder", str(tmp_path)]
    assert run_cli("cache", "ls", *folder) == 0
    listed = capsys.readouterr().out
    assert "model_a" in listed
    assert "to 10" in listed
    assert "2 entries" in listed
    path = store.paths.entries("batches")[0][0]
    path.write_bytes(path.read_bytes()[:-1])
    assert run_cli("cache", "verify", *folder) == 0
    assert "2 entries checked, 1 removed" in capsys.readouterr().out
    assert run_cli("cache", "prune", *folder, "--max-gb", "0") == 0
    assert "0 entries removed" in capsys.readouterr().out
    assert run_cli("cache", "prune", *folder, "--max-gb", "0", "--in-use") == 0
    assert "1 entries removed, 0.0 MB left" in capsys.readouterr().out
    assert [run_cli("cache", "prune", *folder, "--max-gb", wrong) for wrong in ("-1", "nan", "inf")] == [2, 2, 2]
    assert run_cli("cache", "ls", "--folder", str(tmp_path / "nowhere")) == 2
    assert "no stage store here" in capsys.readouterr().err


def store_files(root: Path) -> int:
    return len(StorePaths(root).entries())


def only_size(store: Store) -> int:
    return max(path.stat().st_size for path, _ in store.paths.entries())
