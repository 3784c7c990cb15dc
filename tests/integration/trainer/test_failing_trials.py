"""Trials that cannot end well: the worker's own, on a demo league. Each says why, everywhere, and the sweep goes on."""

import csv
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from tests.support.small_sweep import SMALL, small_sweep
from truestrength.launcher.report.analysis import write_analysis
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.ledger import AttemptState, SlotState
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.words import Method
from truestrength.trainer.data.demo import demo
from truestrength.trainer.run.failures import described, is_out_of_memory
from truestrength.trainer.worker.work import work

LARGE = 2_000_000_000
"""Of a layer: more than any machine has memory for."""
FAULTS = {
    "model A diverges": ("model_a.learning_rate", [0.01, 1e15], "loss is not a number in epoch ", 1),
    "model B diverges": ("model_b.learning_rate", [0.1, 1e15], "model b: ", 1),
    "no memory": ("model_a.hidden", [4, LARGE], "out of memory: RuntimeError: ", 3),
}
"""What is varied, a value that works and one that does not, what is said, and how often it is tried."""


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    folder = tmp_path_factory.mktemp("league")
    demo(folder, seed=3, seasons=4)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path, monkeypatch, league, cache, project_database):
    (tmp_path / "league").symlink_to(league)
    (tmp_path / "cache").symlink_to(cache)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_trial_that_cannot_work_says_why_everywhere_and_the_sweep_goes_on(fault, project, ledger):
    key, values, said, tries = FAULTS[fault]
    space = f"{{{key}: {{type: choice, values: {values}}}}}"
    model_a = "model_a: {epochs: 2, hidden: 8, grad_clip: 9.0e+15, weight_decay: 0.0}"  # nothing holds it back
    (project / "config.yaml").write_text(SMALL.replace("model_a: {epochs: 2, hidden: 8}", model_a))
    outputs = OutputsRoot(Path("out"))
    spec = small_sweep(2, [f"search_spaces.phase1={space}", "training.amp=off"])
    ledger.register(msgspec.structs.replace(spec, method=Method.GRID), outputs)
    for _ in range(3):
        if ledger.progress("small").open:
            work(["small"], threads=1)

    done, failed = sorted(ledger.slots("small"), key=lambda slot: slot.state)
    assert (done.state, failed.state) == (SlotState.DONE, SlotState.FAILED), (done.reason, failed.reason)
    attempts = [attempt for attempt in ledger.attempts("small") if attempt.slot == failed.slot]
    assert [attempt.state for attempt in attempts] == [AttemptState.FAILED] * tries
    assert all(said in attempt.reason for attempt in attempts)

    write_sweep_results(ledger, "small", outputs)
    with outputs.sweep("small").results.open() as file:
        rows = {int(row["run_id"]): row for row in csv.DictReader(file)}
    assert [rows[attempt.run_id]["state"] for attempt in attempts] == ["failed"] * tries
    assert all(rows[attempt.run_id]["reason"] == attempt.reason for attempt in attempts)
    assert rows[done.run_id]["reason"] == ""
    write_analysis(ledger, ["small"], outputs, print)
    assert said in outputs.analysis.read_text()


def cuda_without_memory():
    """As PyTorch raises it; only the device is missing here."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


@pytest.mark.parametrize(
    "allocate",
    [lambda: np.empty(10**15), lambda: torch.empty(10**15), lambda: bytearray(10**15), cuda_without_memory],
    ids=["NumPy", "PyTorch", "Python", "CUDA"],
)
def test_whoever_has_no_memory_is_called_so(allocate):
    with pytest.raises((MemoryError, RuntimeError)) as error:
        allocate()
    assert is_out_of_memory(error.value)
    assert described(error.value).startswith("out of memory: ")
    assert not is_out_of_memory(RuntimeError("cuda says no"))
