"""`status`, `logs`, `cancel`, `retry` on a real ledger, with the logs of real workers."""

import importlib.util
import json
import os
import re
import threading
from pathlib import Path

import msgspec
import pytest

from tests.support.leagues import stub_league
from tests.support.places import SUPPORT
from truestrength.launcher.commands import watch
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.local.progress import PlainLines
from truestrength.launcher.local.run_plan import run_plan
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import SweepChangedError
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.sweep.limits import Limits

_module = importlib.util.spec_from_file_location("launcher_stub_main", SUPPORT / "launcher_stub_main.py")
stub = importlib.util.module_from_spec(_module)
_module.loader.exec_module(stub)


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    stub_league(tmp_path / "league")
    spaces = "search_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\n"
    (tmp_path / "config.yaml").write_text(f"paths: {{data: league, outputs: out}}\n{spaces}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def plan(project):
    return stub.stub_plan(Path("config.yaml"), ["a", "b"], 3, 1)


@pytest.fixture
def registered(plan, ledger):
    for spec in plan.sweeps:
        ledger.register(spec, plan.outputs)
    return ledger


@pytest.fixture
def finished(plan, ledger):
    executor = LocalExecutor(1, stub.stub_command)
    assert run_plan(plan, ledger, executor, PlainLines(), stub.NoReports()) == 0
    return ledger


def launcher(*words):
    return command_line.main(parser(), words)


def test_status_of_sweeps_and_workers_for_people_and_programs(registered, plan, capsys):
    worker = registered.start_worker("a", "here", os.getpid(), "77")
    done = registered.claim("a", worker)
    registered.begin(done, {"max_depth": 3}, 25)
    registered.finish(done, 0.8123, 1.0)
    assert study.tell(registered.connection, registered.spec(done.batch_id))
    plan.outputs.sweep("a").run(25).folder.mkdir(parents=True)
    registered.claim("a", worker)
    registered.cancel("b")
    assert launcher("status") == 0
    sweeps, workers = capsys.readouterr().out.split("\n\n")
    assert sweeps.splitlines()[0] == f"outputs: {plan.outputs.root.absolute()}"
    assert [line.split() for line in sweeps.splitlines()[2:]] == [
        ["a", "1/3", "0", "1", "1", "0.8123", "run_025", "running"],
        ["b", "0/3", "0", "0", "0", "cancelled"],
        ["about", "2", "s", "left,", "with", "1", "worker"],
    ]
    assert workers.splitlines()[1].split()[:6] == [str(worker), "a", "1", "here", str(os.getpid()), "77"]
    assert launcher("status", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [(s["batch_id"], s["done"], s["state"]) for s in data["sweeps"]] == [
        ("a", 1, "running"),
        ("b", 0, "cancelled"),
    ]
    assert [(w["worker_id"], w["slot"]) for w in data["workers"]] == [(worker, 1)]
    assert data.keys() == {
        *("sweeps", "outputs", "jobs", "slurm_problem", "ended_early", "workers", "connections", "eta_s", "next")
    }
    assert (data["sweeps"][0]["eta_s"], data["sweeps"][1]["eta_s"], data["eta_s"]) == (2.0, 0.0, 2.0)
    assert data["next"] == ["python", "-m", "launcher", "status", "--watch"]


def test_status_says_what_is_worth_running_next(registered, plan, capsys):
    def following():
        assert launcher("status", "--json") == 0
        said = json.loads(capsys.readouterr().out)
        return said["next"], said["eta_s"]

    plan.outputs.sweep("a").command.parent.mkdir(parents=True, exist_ok=True)
    plan.outputs.sweep("a").command.write_text("truestrength run mine --set 'paths.data=my league'\n")
    registered.cancel("b")
    assert following() == (["truestrength", "run", "mine", "--set", "paths.data=my league"], None)
    worker = registered.start_worker("a", "here", os.getpid())
    for _ in range(3):
        registered.fail(registered.claim("a", worker), "broken", final=True)
    registered.stop_worker(worker, "no slots left")
    assert following() == (["python", "-m", "launcher", "retry", "a"], 0.0)
    registered.cancel("a")
    registered.forget("a")
    registered.forget("b")
    assert following() == (["python", "-m", "launcher", "plan"], 0.0)


def test_status_words(registered, capsys):
    assert [watch.state(s) for s in registered.all_progress()] == ["waiting", "waiting"]
    worker = registered.start_worker("a", "here", os.getpid())
    registered.fail(registered.claim("a", worker), "broken", final=True)
    registered.stop_worker(worker, "told to stop")
    assert watch.state(registered.progress("a")) == "stopped"
    for _ in range(2):
        registered.fail(registered.claim("a", worker), "broken", final=True)
    assert watch.state(registered.progress("a")) == "failed"


def test_status_names_what_is_not_needed(registered, plan, capsys):
    registered.register(plan.sweeps[0], plan.outputs, limits=Limits(goal=0.8))
    worker = registered.start_worker("a", "here", os.getpid())
    claim = registered.claim("a", worker)
    registered.begin(claim, {"max_depth": 3}, 25)
    registered.finish(claim, 0.8123, 1.0)
    assert study.tell(registered.connection, registered.spec(claim.batch_id))
    registered.stop_worker(worker, "no slots left")
    plan.outputs.sweep("a").run(25).folder.mkdir(parents=True)
    assert launcher("status") == 0
    line = capsys.readouterr().out.splitlines()[2]
    assert line.split() == ["a", "1/3", "0", "0", "0", "0.8123", "run_025", "goal", "reached,", "2", "not", "needed"]
    assert launcher("status", "--json") == 0
    first = json.loads(capsys.readouterr().out)["sweeps"][0]
    assert (first["state"], first["not_needed"], first["goal"]) == ("goal reached, 2 not needed", 2, 0.8)
    assert launcher("cancel", "a") == 0
    assert "nothing to cancel" in capsys.readouterr().out


def test_status_is_watched_until_ctrl_c(registered, monkeypatch, capsys):
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    assert launcher("status", "--watch") == 0
    out = capsys.readouterr().out
    assert out.count("waiting") == 4
    assert "\x1b" not in out


def test_status_of_a_database_without_a_ledger_says_so(project_database, capsys):
    with Ledger(project_database) as ledger:
        ledger.connection.run("DROP SCHEMA truestrength CASCADE", {})
    assert launcher("status") == 2
    assert "The ledger is not in this database" in capsys.readouterr().err


def test_logs_of_a_worker_that_served_two_sweeps(finished, capsys):
    (worker,) = finished.workers("b")
    assert launcher("logs", "b", "--worker", str(worker.worker_id)) == 0
    out = capsys.readouterr().out
    assert out.count("attempt 1 run") == 6
    assert out.startswith(f"==> worker {worker.worker_id}: ")
    assert launcher("logs", "a") == 0
    assert "slot 2 attempt 1" in capsys.readouterr().out


def test_a_process_that_came_back_to_a_sweep_is_shown_once(finished, capsys):
    (worker,) = finished.workers("a")
    again = finished.start_worker("a", worker.host, worker.pid, worker.job_id, 60.0)
    finished.stop_worker(again, "no slots left")
    assert launcher("logs", "a") == 0
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("==> ")]
    assert [head.partition(": ")[0] for head in heads] == [f"==> worker {worker.worker_id}, {again}"]


def test_logs_are_followed_until_the_sweep_has_ended(finished, capsys):
    assert launcher("logs", "a", "--follow") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "attempt 1 run" in line]
    assert len(lines) == 6
    assert all(line.startswith("worker ") for line in lines)


def test_followed_logs_show_what_is_written_meanwhile(finished, plan, ledger, capsys):
    (worker,) = finished.workers("a")
    (log,) = plan.outputs.worker_logs(worker.job_id)
    bigger = stub.stub_plan(Path("config.yaml"), ["a"], 4, 1).sweeps[0]
    ledger.register(bigger, plan.outputs)

    def write():
        with log.open("a") as file:
            file.write("half of a li")
            file.flush()
            file.write("ne\n")
        with Ledger(ledger.url) as own:
            own.cancel("a")

    timer = threading.Timer(0.8, write)
    timer.start()
    assert launcher("logs", "a", "--follow") == 0
    timer.join()
    assert capsys.readouterr().out.splitlines()[-1] == f"worker {worker.worker_id}: half of a line"


def test_logs_of_a_worker_that_died_before_it_reached_the_ledger(plan, ledger, capsys, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "refuse")
    run_plan(plan, ledger, LocalExecutor(1, stub.stub_command), PlainLines(), stub.NoReports())
    capsys.readouterr()
    assert launcher("logs", "b") == 0
    assert "error: the league is not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("logs c", "no such sweep: Allowed: a, b"),
        ("logs a", "a: no worker has written a log"),
        ("logs a --worker 4", "--worker 4: a has no such worker. It has had: none"),
        ("cancel c", "no such sweep: Allowed: a, b"),
        ("retry c", "no such sweep: Allowed: a, b"),
    ],
)
def test_mistakes_are_answered_by_what_there_is(registered, words, expected, capsys):
    assert launcher(*words.split()) == 2
    assert expected in capsys.readouterr().err


def test_cancel_one_or_all_and_take_it_back(registered, capsys):
    assert launcher("cancel", "a") == 0
    assert "a: cancelled with 0 of 3 trials done" in capsys.readouterr().out
    assert [registered.cancelled(name) for name in "ab"] == [True, False]
    assert launcher("cancel", "--all") == 0
    assert "b: cancelled" in capsys.readouterr().out
    assert launcher("cancel", "--all") == 0
    assert "nothing to cancel" in capsys.readouterr().out
    assert launcher("retry", "a") == 0
    assert "cancelled no more" in capsys.readouterr().out
    assert [registered.cancelled(name) for name in "ab"] == [False, True]


def test_forget_frees_a_name_for_another_league(registered, plan, capsys):
    worker = registered.start_worker("a", "here", os.getpid())
    assert launcher("forget", "--all") == 2
    assert "workers are at a: " in capsys.readouterr().err
    registered.stop_worker(worker, "done")
    other = msgspec.structs.replace(plan.sweeps[0], data_fingerprint="another league")
    with pytest.raises(SweepChangedError, match="truestrength forget"):
        registered.register(other, plan.outputs)
    assert launcher("forget", "a") == 0
    assert capsys.readouterr().out == f"a: forgotten; its files stay in {plan.outputs.root.absolute()}\n"
    assert [sweep.batch_id for sweep in registered.all_progress()] == ["b"]
    registered.register(other, plan.outputs)
    assert registered.progress("a").pending == 3


def test_retry_opens_failed_slots_only(registered, capsys):
    worker = registered.start_worker("a", "here", os.getpid())
    registered.fail(registered.claim("a", worker), "broken", final=True)
    assert launcher("retry", "a") == 0
    assert "a: 1 failed slots get new attempts" in capsys.readouterr().out
    assert registered.progress("a").pending == 3
    assert launcher("retry", "a") == 0
    assert "nothing to retry" in capsys.readouterr().out


def test_seen_is_counted_by_the_databases_clock_also_when_all_workers_are_dead(registered, capsys):
    for name in ("a", "b"):
        registered.claim(name, registered.start_worker(name, "testhost", os.getpid()))
    with connected(registered.url) as session:
        execute(session, "UPDATE truestrength.workers SET seen_at = seen_at - interval '1000 s', lease_until = seen_at")
    assert launcher("status") == 0
    seen = [int(found) for found in re.findall(r"(\d+) s ago", capsys.readouterr().out)]
    assert len(seen) == 2
    assert min(seen) >= 1000
    assert launcher("status", "--json") == 0
    assert min(worker["seen_s"] for worker in json.loads(capsys.readouterr().out)["workers"]) >= 1000
