"""Whoever `notify:` names is told once of each end and failure, by whoever comes to it; the trials train nothing."""

import sys
from pathlib import Path

import msgspec
import pytest

from tests.support.receiver import receiving
from tests.support.stub_plans import CONFIG, launch, stub_project
from truestrength.launcher.notification import Notice


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    return stub_project(tmp_path, monkeypatch)


@pytest.fixture
def receiver(project):
    with receiving() as server:
        (project / "config.yaml").write_text(f"{CONFIG}notify: {{url: '{server.url}'}}\n")
        yield server


def test_each_sweep_and_the_plan_are_told_of_once(ledger, receiver):
    assert launch(ledger, ["a", "b"], n_trials=2)[0] == 0
    assert receiver.told() == [("sweep_ended", ["a"]), ("sweep_ended", ["b"]), ("plan_ended", ["a", "b"])]
    assert launch(ledger, ["a", "b"], n_trials=2)[0] == 0
    assert len(receiver.got) == 3, "nothing is new"
    assert launch(ledger, ["a"], n_trials=3)[0] == 0
    assert receiver.told()[3:] == [("sweep_ended", ["a"])], "one sweep is no plan beside it"


def test_what_a_notice_says(ledger, receiver, project):
    launch(ledger, ["a"], n_trials=2, n_jobs=1)
    (got,) = receiver.got
    at = got.pop("at")
    assert at.endswith("+00:00")
    assert got == {
        "id": "a:sweep_ended:2",
        "event": "sweep_ended",
        "text": "a has ended (complete): 2 of 2 trials, spearman 0.5100",
        "ok": True,
        "outputs": str(project / "out"),
        "sweeps": [
            {
                "batch_id": "a",
                "state": "complete",
                "objective": "spearman",
                "target": "final_rank",
                "n_trials": 2,
                "done": 2,
                "failed": 0,
                "best_value": 0.51,
                "best_run": "run_026",
            }
        ],
        "failure": None,
    }
    assert set(got) | {"at"} == set(Notice.__struct_fields__)


def test_a_command_gets_it_on_its_standard_input_without_a_shell(ledger, project):
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    command = msgspec.json.encode([sys.executable, "-c", code, "$HOME; told"]).decode()
    Path("config.yaml").write_text(f"{CONFIG}notify: {{command: {command}}}\n")
    launch(ledger, ["a"], n_trials=1)
    got = msgspec.json.decode(Path("$HOME; told").read_bytes(), type=Notice)
    assert (got.id, got.ok) == ("a:sweep_ended:1", True)
