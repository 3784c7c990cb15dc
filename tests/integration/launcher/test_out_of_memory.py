"""A trial that takes more memory than there is: the kernel kills its workers for real, in a small control group."""

from pathlib import Path

import pytest

from tests.support.memory import little_memory
from tests.support.stub_plans import launch, stub_project
from truestrength.launcher.local.crew import OUT_OF_MEMORY
from truestrength.trainer.contract.ledger import AttemptState, SlotState
from truestrength.trainer.contract.paths.outputs import OutputsRoot


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_trial_that_the_kernel_kills_fails_with_its_reason_and_the_sweep_goes_on(
    tmp_path, monkeypatch, project_database, ledger, n_jobs
):
    stub_project(tmp_path, monkeypatch)
    monkeypatch.setenv("STUB_MODE", "eat")
    with little_memory(64) as group:
        monkeypatch.setenv("STUB_CGROUP", str(group))
        code, lines = launch(ledger, ["a"], n_jobs=n_jobs, written=True)
    assert code == 1
    assert [slot.state for slot in ledger.slots("a")] == [SlotState.DONE, SlotState.FAILED, *[SlotState.DONE] * 2]
    eaten = [(row.state, row.reason) for row in ledger.attempts("a") if row.slot == 1]
    assert set(eaten) == {(AttemptState.FAILED, OUT_OF_MEMORY)}
    # A worker that has just started may take the slot of the dead one before the launcher knows what it died of.
    assert 3 <= len(eaten) <= 2 + n_jobs
    assert [w.reason for w in ledger.workers("a")].count(OUT_OF_MEMORY) == len(eaten)
    outputs = OutputsRoot(Path("out"))
    assert OUT_OF_MEMORY in outputs.sweep("a").results.read_text()
    assert "out of memory" in outputs.analysis.read_text()
    assert "1 of 4 slots failed" in "\n".join(lines.text)
