"""Whoever `notify:` names is told once of each end and failure, by whoever comes to it; the trials train nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from tests.support import launcher_stub_main as stub
from tests.support.receiver import receiving
from tests.support.stub_plans import CONFIG, launch, stub_project
from truestrength.launcher import receivers
from truestrength.launcher.notification import Notice, tell_what_is_left
from truestrength.launcher.slurm import finish
from truestrength.launcher.slurm.arrays import Slurm
from truestrength.launcher.slurm.finish import finish_plan, finish_sweep
from truestrength.launcher.slurm.links import PlanEnd, SweepEnd
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.launcher.slurm.site import Site, Sweep
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.ledger import Ledger, notices
from truestrength.trainer.contract.paths.outputs import OutputsRoot


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


def test_a_trial_that_is_given_up_is_told_of_while_the_sweep_goes_on(ledger, receiver, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "fail")
    monkeypatch.setenv("STUB_SECONDS", "0.3")
    assert launch(ledger, ["a"], n_trials=8, n_jobs=1)[0] == 1
    assert receiver.told() == [("trial_failed", ["a"]), ("sweep_ended", ["a"])]
    failed, ended = receiver.got
    assert failed["failure"] == {"slot": 1, "attempts": 3, "run": "run_028", "reason": "slot 1 never works"}
    assert (failed["ok"], failed["text"]) == (False, "a goes on without slot 1: slot 1 never works")
    assert (ended["ok"], ended["sweeps"][0]["state"], ended["sweeps"][0]["failed"]) == (False, "failed", 1)

    monkeypatch.setenv("STUB_MODE", "")
    ledger.retry("a")
    assert launch(ledger, ["a"], n_trials=8, n_jobs=1)[0] == 0
    assert receiver.told()[2:] == [("sweep_ended", ["a"])], "another end is told of, too"
    assert receiver.got[-1]["ok"]


def test_a_sweep_whose_workers_cannot_start_is_told_of(ledger, receiver, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "refuse")
    assert launch(ledger, ["a"], n_jobs=1)[0] == 1
    assert receiver.told() == [("sweep_ended", ["a"])]
    assert not receiver.got[0]["ok"]


@pytest.mark.parametrize("answer", [500, 302])
def test_a_receiver_that_fails_costs_a_line_and_is_told_later(ledger, receiver, answer):
    receiver.answer = answer
    code, lines = launch(ledger, ["a", "b"], n_trials=1)
    assert code == 0
    said = [line for line in lines.text if "could not be told" in line]
    assert said[0] == (
        f"127.0.0.1 could not be told: a has ended (complete): 1 of 1 trial, spearman 0.5000 (it answered {answer})"
    )
    assert (len(said), "s3cret" in "".join(lines.text)) == (3, False)
    receiver.answer = 200
    tell_what_is_left(ledger, pytest.fail, after_s=0)
    assert receiver.got == [], "a minute's rest"
    rested(ledger)
    tell_what_is_left(ledger, pytest.fail)
    assert len(receiver.got) == 3
    rested(ledger)
    tell_what_is_left(ledger, pytest.fail)
    assert len(receiver.got) == 3


def test_a_receiver_that_never_answers_is_left_alone_in_the_end(ledger, receiver, monkeypatch):
    monkeypatch.setattr(receivers, "TIMEOUT_S", 0.3)
    receiver.wait.clear()
    code, lines = launch(ledger, ["a"], n_trials=1)
    assert code == 0
    assert "could not be told: a has ended (complete): 1 of 1 trial, spearman 0.5000 (" in "".join(lines.text)
    said = []
    for _ in range(notices.MOST_TRIES + 3):
        rested(ledger)
        tell_what_is_left(ledger, said.append)
    assert len(said) == notices.MOST_TRIES - 1


def test_a_launcher_that_is_killed_before_it_has_told_is_made_up_for_once(ledger, project):
    """The command kills the launcher that calls it, the first time."""
    code = (
        "import os, pathlib, sys\n"
        "if not pathlib.Path('killed').exists():\n"
        "    pathlib.Path('killed').touch(); os.kill(os.getppid(), 9); sys.exit(1)\n"
        "open('told', 'a').write(sys.stdin.read() + '\\n')"
    )
    command = msgspec.json.encode([sys.executable, "-c", code]).decode()
    Path("config.yaml").write_text(f"{CONFIG}notify: {{command: {command}}}\n")
    launcher = [sys.executable, stub.__file__, "config.yaml", "1", "1", "a"]
    assert subprocess.run(launcher, check=False, capture_output=True, timeout=60).returncode == -9
    status = [sys.executable, "-m", "truestrength", "status"]
    for told in (0, 1, 1):
        subprocess.run(status, check=True, capture_output=True, timeout=60)
        found = Path("told").read_text().splitlines() if Path("told").exists() else []
        assert [msgspec.json.decode(line)["id"] for line in found] == ["a:sweep_ended:1"] * told
        rested(ledger)


def test_the_databases_password_is_in_no_notice(ledger, receiver, project_database, monkeypatch):
    register_failed(ledger, "a", f"cannot reach {project_database}")
    tell_what_is_left(ledger, pytest.fail)
    (body,) = receiver.bodies
    password = url_text.parse(project_database).password
    assert password
    assert password.encode() not in body
    assert b"***" in body


def test_of_many_that_look_at_once_one_tells(ledger, receiver, project_database):
    register_failed(ledger, "a", "no reason")

    def look():
        with Ledger(project_database) as own:
            tell_what_is_left(own, pytest.fail)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(look) for _ in range(8)]:
            done.result()
    assert receiver.told() == [("trial_failed", ["a"])]


def test_a_forgotten_sweep_is_told_of_anew_and_nobody_of_one_without_a_receiver(ledger, receiver, project):
    launch(ledger, ["a", "b"], n_trials=1)
    ledger.forget("a")
    launch(ledger, ["a", "b"], n_trials=1)
    assert receiver.told()[3:] == [("sweep_ended", ["a"]), ("plan_ended", ["a", "b"])]
    (project / "config.yaml").write_text(CONFIG)
    launch(ledger, ["a"], n_trials=2)
    rested(ledger)
    tell_what_is_left(ledger, pytest.fail)
    assert len(receiver.got) == 5


def test_no_secret_of_the_receiver_is_in_the_sweeps_spec(ledger, receiver):
    launch(ledger, ["a"], n_trials=1)
    assert "s3cret" not in str(ledger.spec("a"))


def register_failed(ledger, batch_id, reason):
    """A sweep with one trial given up and one open, and its receiver."""
    plan = stub.stub_plan(Path("config.yaml"), [batch_id], 2, 1)
    (spec,) = plan.sweeps
    ledger.register(spec, plan.outputs)
    notices.put_receivers(ledger.connection, [batch_id], plan.config.notify)
    claim = ledger.claim(batch_id, ledger.start_worker(batch_id, "here", 1))
    ledger.fail(claim, reason, final=True)


def rested(ledger):
    """As if ten minutes had gone by."""
    with connected(ledger.url) as session:
        execute(session, "UPDATE truestrength.notices SET not_before = not_before - interval '10 min'")
        execute(session, "UPDATE truestrength.attempts SET finished_at = finished_at - interval '10 min'")


def test_slurms_finishers_tell_where_there_is_no_launcher(ledger, receiver):
    """The sweeps are complete, so neither of them asks SLURM anything."""
    plan = stub.stub_plan(Path("config.yaml"), ["a", "b"], 1, 1)
    for spec in plan.sweeps:
        ledger.register(spec, plan.outputs)
    notices.put_receivers(ledger.connection, plan.batch_ids, plan.config.notify)
    assert stub_worker(["a", "b"]) == 0
    sweeps = tuple(Sweep(name, 1) for name in plan.batch_ids)
    profile = ClusterProfile(timeout_min=60)
    site = Site(profile, OutputsRoot(Path("out")), "0", "plan", sweeps, sequential=True, python=sys.executable)
    for _ in range(2):  # a finisher may run twice
        finish_sweep(site, Slurm("0", None), ledger, SweepEnd("a", 1, 0))
        assert receiver.told() == [("sweep_ended", ["a"])]
    finish_plan(site, Slurm("0", None), ledger, PlanEnd(again=False))
    # That of `b` is lost.
    assert receiver.told()[1:] == [("sweep_ended", ["b"]), ("plan_ended", ["a", "b"])]


def test_a_sweep_that_slurm_gives_up_is_told_of_and_one_that_goes_on_is_not(ledger, receiver):
    register_failed(ledger, "a", "no reason")
    site = Site(
        ClusterProfile(timeout_min=60), OutputsRoot(Path("out")), "0", "plan", (Sweep("a", 1),), True, sys.executable
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(finish, "end_sweep", lambda *_: 0)  # as it does where it has submitted another array
        finish_sweep(site, Slurm("0", None), ledger, SweepEnd("a", 2, 1))
    assert receiver.told() == [("trial_failed", ["a"])]
    finish_sweep(site, Slurm("0", None), ledger, SweepEnd("a", 1, 1))
    assert receiver.told()[1:] == [("sweep_ended", ["a"])]


def stub_worker(batch_ids):
    return subprocess.run([sys.executable, *stub.stub_command(batch_ids[0], 1, batch_ids[1:])], check=False).returncode
