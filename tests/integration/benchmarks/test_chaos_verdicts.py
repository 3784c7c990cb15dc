"""Each verdict of the chaos sees what it is there for; and what is not as it should be while a round is played."""

import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from benchmarks.chaos import verdicts
from benchmarks.chaos.family import family
from benchmarks.chaos.faults import Strike
from benchmarks.chaos.plan import Fault, Kind
from benchmarks.chaos.reference import Reference, Truth
from benchmarks.chaos.user import User
from tests.support.small_sweep import SMALL, small_sweep
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.ledger import AttemptState
from truestrength.trainer.contract.ledger.optuna_storage import OptunaStorage
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.data.demo import demo


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A league, and a store that the tests share."""
    folder = tmp_path_factory.mktemp("shared")
    demo(folder / "league", seed=3, seasons=4)
    (folder / "cache").mkdir()
    return folder


@pytest.fixture
def finished(tmp_path, monkeypatch, shared, project_database, ledger):
    """A sweep of two trials, its tables, and what its slots have come to."""
    monkeypatch.chdir(tmp_path)
    for name in ("league", "cache"):
        (tmp_path / name).symlink_to(shared / name)
    (tmp_path / "config.yaml").write_text(SMALL)
    spec, outputs = small_sweep(2), OutputsRoot(Path("out"))
    ledger.register(spec, outputs)
    subprocess.run([sys.executable, "-m", "trainer", "work", "--batch-id", "small", "--threads", "1"], check=True)
    write_sweep_results(ledger, "small", outputs)
    truths = {slot.slot: Truth(slot.parameters, slot.objectives) for slot in ledger.slots("small")}
    return spec, outputs, Reference(tmp_path, {(spec.method, spec.phase, spec.target): truths})


def test_every_verdict_finds_what_it_looks_for(ledger, finished):
    spec, outputs, truth = finished
    sweep = outputs.sweep("small")
    first, second = (sweep.run(attempt.run_id) for attempt in ledger.attempts("small"))

    def found(reference=truth):
        given = verdicts.judged(ledger, outputs, [spec], reference)
        assert len(given) == 7
        return {name for name, findings in given.items() if findings}

    def damaged(path, content):
        before = path.read_bytes() if path.exists() else None
        path.write_bytes(content)
        seen = found()
        path.write_bytes(before) if before is not None else path.unlink()
        return seen

    assert found() == set()
    table = sweep.results.read_bytes()
    assert damaged(sweep.results, b"\n".join(table.splitlines()[:2])) == {"exactly the budget"}
    sweep.results.unlink()
    assert found() == {"exactly the budget"}
    sweep.results.write_bytes(table)
    for whole in (first.metrics, first.provenance, first.predictions):
        assert damaged(whole, whole.read_bytes()[:50]) == {"files are whole"}
    assert damaged(first.metrics, second.metrics.read_bytes()) == {"files are whole"}
    assert damaged(sweep.folder / ".sweep_results.csv.0.tmp", b"") == {"no name of an unfinished file"}
    model = next(first.models.iterdir())
    model.rename(first.folder / "elsewhere")
    assert found() == {"files are whole"}
    (first.folder / "elsewhere").rename(model)
    (outputs.root / "runs" / "run_099").mkdir(parents=True)
    assert found() == {"no run id twice"}
    (outputs.root / "runs" / "run_099").rmdir()
    other = Reference(truth.league, {key: {0: slots[1], 1: slots[0]} for key, slots in truth.truths.items()})
    assert found(other) == {"values of the start design are the same to the bit"}


def test_what_the_study_and_the_ledger_leave_open_is_found(ledger, finished):
    spec, outputs, truth = finished

    def tell(session):
        with OptunaStorage().transaction(session) as storage:
            number = storage.get_study_id_from_name("small")
            storage.create_new_trial(number)
            storage.create_new_trial(number, optuna.trial.create_trial(value=0.5))

    ledger.connection.work(tell)
    given = verdicts.judged(ledger, outputs, [spec], truth)
    assert [name for name, findings in given.items() if findings] == [
        "the study agrees with the ledger",
        "nothing is left running",
    ]


def test_a_victim_whose_end_is_another_one_is_found(ledger, finished):
    [attempt, _] = ledger.attempts("small")
    strike = Strike(Fault(Kind.WORKER_KILL, 0.0, 0.0), "worker 7", attempt, frozenset({AttemptState.DEAD}))
    [finding] = verdicts.fates(ledger, [strike])
    assert "complete, expected dead" in finding
    assert list(verdicts.fates(ledger, [Strike(strike.fault, "worker 7", attempt, frozenset({attempt.state}))])) == []


def test_an_exit_code_that_no_fault_accounts_for_ends_the_round(tmp_path):
    class Place:
        folder = tmp_path

    with family(tmp_path, {"PATH": "/usr/bin:/bin"}) as processes:
        user = User(Place, processes, [["sh", "-c", "exit 0"], ["sh", "-c", "echo why; exit $(ls | wc -l)"]])
        user.go_on()
        user.expect({0})
        while user.go_on():
            if user.last:
                user.expect({7})
            time.sleep(0.01)
    assert user.codes == [0, 2]
    [finding] = user.findings
    assert finding == "a launcher ended with 2, expected 7: why\n"


def test_orphans_belong_to_the_family_and_none_is_left(tmp_path):
    with family(tmp_path, {"PATH": "/usr/bin:/bin"}) as processes:
        parent = processes.start(["sh", "-c", "setsid sleep 600 & setsid sleep 0.1 &"], tmp_path / "log")
        assert parent.wait() == 0
        [(orphan, words)] = processes.left_after(2).items()
        assert words == "sleep 600"
    assert not Path(f"/proc/{orphan}").exists()
