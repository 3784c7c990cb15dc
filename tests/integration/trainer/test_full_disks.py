"""Kind V: a full or read-only disk is nobody's fault. The store is done without; the outputs disk ends the worker."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.disks import Disk
from tests.support.small_sweep import SMALL, small_sweep
from truestrength.trainer.contract.ledger import AttemptState
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.data.demo import demo


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    folder = tmp_path_factory.mktemp("league")
    demo(folder, seed=3, seasons=4)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, league, project_database):
    (tmp_path / "league").symlink_to(league)
    (tmp_path / "config.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk", 4)
    yield made
    made.close()


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=400
    )


def work():
    return run("trainer", "work", "--batch-id", "small", "--threads", 1)


def register(ledger, **paths):
    changes = [f"paths.{name}={path}" for name, path in paths.items()]
    spec = small_sweep(overrides=changes)
    ledger.register(spec, OutputsRoot(Path(spec.config.paths.outputs)))


@pytest.mark.parametrize("fault", ["full", "small", "read-only", "read-only from the start"])
def test_without_a_usable_store_the_sweep_goes_on_and_it_is_said_once(project, ledger, disk, fault):
    store = disk.folder / "store"
    if fault != "read-only from the start":
        store.mkdir()
    if fault == "full":
        disk.fill()
    elif fault != "small":
        disk.lock()
    else:
        (disk.folder / "most").write_bytes(b"\0" * 3_900_000)
    register(ledger, batch_cache=store)
    done = work()
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    how = "is read-only" if "read-only" in fault else "is full"
    said = [line for line in done.stderr.splitlines() if "cannot be used" in line]
    assert len(said) == 1
    assert f"paths.batch_cache {store} cannot be used: the file system {disk.folder} {how}" in said[0]
    assert {row.state for row in ledger.attempts("small")} == {AttemptState.COMPLETE}
    assert ledger.progress("small").done == 3


def test_values_are_the_same_without_a_store(project, ledger, disk):
    values = {}
    for kind, store in (("with", project / "cache"), ("without", disk.folder / "store")):
        ledger.forget("small")
        register(ledger, batch_cache=store, outputs=project / kind)
        assert work().returncode == 0
        values[kind] = [(row.slot, row.parameters, row.value) for row in ledger.attempts("small")]
        disk.lock()
    disk.unlock()
    assert values["with"] == values["without"]


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_full_outputs_disk_costs_no_trial_and_the_same_command_finishes_later(project, ledger, disk, fault):
    outputs = disk.folder / "out"
    register(ledger, outputs=outputs)
    disk.fill() if fault == "full" else disk.lock()
    stopped = work()
    assert stopped.returncode == 2, stopped.stderr
    how = "is read-only" if fault == "read-only" else "is full"
    assert f"error: the file system {disk.folder} {how}" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert {row.state for row in ledger.attempts("small")} == {AttemptState.RELEASED}
    (worker,) = ledger.workers("small")
    assert how in worker.reason
    assert (ledger.progress("small").pending, ledger.progress("small").failed) == (3, 0)

    disk.empty() if fault == "full" else disk.unlock()
    assert work().returncode == 0
    assert ledger.progress("small").done == 3


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_the_launcher_ends_in_good_order_and_the_same_command_finishes_later(project, ledger, disk, fault):
    outputs = disk.folder / "out"
    command = ["launcher", "sweep", "--config", "config.yaml", "--set", f"paths.outputs={outputs}"]
    command += ["--batch-id", "small", "--n-trials", "1", "--n-jobs", "1"]
    outputs.mkdir()
    disk.fill() if fault == "full" else disk.lock()
    stopped = run(*command)
    assert stopped.returncode == 2, stopped.stdout + stopped.stderr
    both = stopped.stdout + stopped.stderr
    assert f"the file system {disk.folder} {'is read-only' if fault == 'read-only' else 'is full'}" in both
    assert "Traceback" not in both

    disk.empty() if fault == "full" else disk.unlock()
    finished = run(*command)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert ledger.progress("small").done == 1


@pytest.mark.parametrize(
    ("left_kib", "code"),
    [
        pytest.param(0, 2, id="full before it begins"),
        pytest.param(100, 1, id="full when a run writes its folder"),
    ],
)
def test_a_disk_that_fills_up_in_the_middle_of_a_sweep(project, ledger, disk, left_kib, code):
    outputs = disk.folder / "out"
    command = ["launcher", "sweep", "--config", "config.yaml", "--set", f"paths.outputs={outputs}"]
    command += ["--batch-id", "small", "--n-jobs", "1", "--n-trials"]
    assert run(*command, "1").returncode == 0
    room = disk.folder / "room"
    room.write_bytes(bytes(left_kib << 10))
    disk.fill()
    room.unlink()
    stopped = run(*command, "2")
    both = stopped.stdout + stopped.stderr
    assert stopped.returncode == code, both
    assert f"the file system {disk.folder} is full" in both
    assert "Traceback" not in both
    disk.empty()
    finished = run(*command, "2")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (ledger.progress("small").done, ledger.progress("small").failed) == (2, 0)
