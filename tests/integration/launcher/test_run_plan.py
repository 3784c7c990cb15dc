"""Whole plans over a real ledger and submitit's real LocalExecutor; only the trials train nothing."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support import launcher_stub_main as stub
from tests.support.stub_plans import CONFIG, Lines, launch, stub_project
from truestrength.launcher.local import run_plan as plans
from truestrength.launcher.local.executors import DebugExecutor, LocalExecutor
from truestrength.launcher.local.run_plan import WrittenReports, run_plan
from truestrength.launcher.postgres import server
from truestrength.launcher.report import sweep_files
from truestrength.trainer.contract.errors import SweepChangedError, UserError
from truestrength.trainer.contract.ledger import AttemptState, Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.limits import Limits


@pytest.fixture
def project(tmp_path, monkeypatch, project_database):
    return stub_project(tmp_path, monkeypatch)


@pytest.fixture
def outputs(project):
    return OutputsRoot(Path("out"))


def submissions(outputs):
    return sorted(p for p in outputs.sweeps.glob("*/jobs/*"))


def run_ids(ledger, batch_id):
    return [row.run_id for row in ledger.attempts(batch_id) if row.state is AttemptState.COMPLETE]


def wait_until(true, seconds=30):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_plan_runs_in_order_by_one_array_and_is_not_run_again(ledger, outputs):
    code, lines = launch(ledger, ["b", "a"], written=True)
    assert code == 0
    assert sorted(run_ids(ledger, "b") + run_ids(ledger, "a")) == list(range(25, 33))
    assert max(run_ids(ledger, "b")) < min(run_ids(ledger, "a"))
    assert [s.parent.parent.name for s in submissions(outputs)] == ["b"]
    assert max(lines.workers) == 2
    assert [len(outputs.sweep(name).results.read_text().splitlines()) for name in "ab"] == [5, 5]
    assert outputs.analysis.exists()
    assert all(not worker.live for name in "ab" for worker in ledger.workers(name))

    before = {p: p.stat().st_mtime_ns for p in outputs.root.rglob("*") if p.is_file()}
    assert launch(ledger, ["b", "a"], written=True)[0] == 0
    assert {p: p.stat().st_mtime_ns for p in outputs.root.rglob("*") if p.is_file()} == before

    outputs.sweep("a").importances.unlink()
    code, lines = launch(ledger, ["b", "a"])
    assert (code, lines.reports) == (0, ["a", (True, True)])
    assert len(submissions(outputs)) == 1


@pytest.mark.parametrize("hours", [-1000, 1000])
def test_tables_tell_what_they_were_made_from_whatever_the_clocks_say(ledger, outputs, hours):
    """Files that were copied, touched or checked out, and a database whose clock is behind or ahead."""
    assert launch(ledger, ["a"], n_trials=2, written=True)[0] == 0
    then = time.time() + hours * 3600
    tables = [path for path in outputs.sweeps.rglob("*") if path.is_file() and path.suffix != ".svg"]
    for path in tables:
        os.utime(path, (then, then))
    assert launch(ledger, ["a"], n_trials=2, written=True)[0] == 0
    assert {path.stat().st_mtime for path in tables} == {then}, "all is told, so nothing is written again"

    # One more trial, and a launcher that dies before it can tell of it.
    assert launch(ledger, ["a"], n_trials=3)[0] == 0
    for path in tables:
        os.utime(path, (then, then))
    assert launch(ledger, ["a"], n_trials=3, written=True)[0] == 0
    assert len(outputs.sweep("a").results.read_text().splitlines()) == 4
    assert "All 1 sweeps are complete: 3 trials." in outputs.analysis.read_text()


def test_a_plan_whose_held_out_season_could_not_be_read_is_not_whole(ledger, outputs, monkeypatch):
    """The sweeps are complete; the league is gone when the season is read, and there again at the next try."""
    plan = stub.stub_plan(Path("config.yaml"), ["a"], 2, 1)
    lines = Lines()
    executor = LocalExecutor(1, stub.stub_command)
    reports = WrittenReports(plan, ledger, lines.say, whole=True)
    assert run_plan(plan, ledger, executor, lines, reports) == 1
    said = "\n".join(lines.text)
    assert "the held-out season could not be read for run_0" in said
    assert "The held-out season is not read for every target, see above" in said
    assert outputs.analysis.exists()
    assert run_plan(plan, ledger, executor, lines, WrittenReports(plan, ledger, lines.say)) == 0


def test_plots_rest_while_sweeps_are_still_to_come_and_the_end_draws_them(project, ledger, outputs):
    assert launch(ledger, ["a"], n_trials=2)[0] == 0
    plan = stub.stub_plan(project / "config.yaml", ["a", "still_open"], 2, 1)
    for spec in plan.sweeps:
        ledger.register(spec, plan.outputs)
    reports = WrittenReports(plan, ledger, print)
    reports.sweep("a")
    assert outputs.analysis.exists()
    assert not outputs.figures.exists()
    outputs.analysis.unlink()
    reports.sweep("still_open")
    assert not outputs.analysis.exists(), "the last sweep leaves it to the end"
    reports.end(changed=True, complete=False)
    assert f"{outputs.figures.name}/trials_spearman.svg" in outputs.analysis.read_text()
    assert (outputs.figures / "trials_spearman.svg").exists()


def test_between_sweeps_the_analysis_takes_a_small_part_of_the_time_only(project, ledger, outputs, monkeypatch):
    """Each one takes a second here; a sweep ends every five seconds, and another is always to come."""
    assert launch(ledger, ["a"], n_trials=2)[0] == 0
    plan = stub.stub_plan(project / "config.yaml", ["a", "still_open"], 2, 1)
    for spec in plan.sweeps:
        ledger.register(spec, plan.outputs)
    now, written = 0.0, []

    def analyse(*_, **__):
        nonlocal now
        now += 1
        written.append(now)

    monkeypatch.setattr(plans, "analyse", analyse)
    monkeypatch.setattr(plans.time, "monotonic", lambda: now)
    reports = WrittenReports(plan, ledger, print)
    for _ in range(20):
        reports.sweep("a")
        now += 5
    assert written == [1.0, 22.0, 43.0, 64.0, 85.0]


@pytest.mark.parametrize("lost", ["analysis", "page", "held out"])
def test_what_was_cut_off_at_the_end_is_written_by_the_same_command(ledger, outputs, lost):
    launch(ledger, ["a", "b"], n_trials=2, written=True)
    if lost in {"analysis", "page"}:
        getattr(outputs, lost).unlink()
    else:  # the held-out season was read, and the launcher died before it could tell of it
        [run, *_] = outputs.sweep("a").folder.glob("run_*")
        time.sleep(0.01)
        (run / "holdout.json").write_text("{}")
    cut_off = time.time()
    assert launch(ledger, ["a", "b"], n_trials=2, written=True)[0] == 0
    assert outputs.analysis.stat().st_mtime > cut_off
    assert outputs.page.stat().st_mtime > cut_off
    before = outputs.analysis.stat().st_mtime_ns
    assert launch(ledger, ["a", "b"], n_trials=2, written=True)[0] == 0
    assert outputs.analysis.stat().st_mtime_ns == before


def test_a_larger_budget_adds_trials_and_repeats_none(ledger, outputs):
    launch(ledger, ["a"], n_trials=2)
    first = run_ids(ledger, "a")
    assert launch(ledger, ["a"], n_trials=5)[0] == 0
    assert len(run_ids(ledger, "a")) == 5
    assert set(first) < set(run_ids(ledger, "a"))


def test_a_goal_ends_the_sweeps_early_and_none_goes_on_to_the_exact_budget(ledger, outputs):
    """A trial's value is 0.5 and a hundredth of its slot."""
    code, lines = launch(ledger, ["a", "b"], n_trials=12, written=True, limits=Limits(goal=0.52))
    assert code == 0
    for name in ("a", "b"):
        now = ledger.progress(name)
        assert now.standing == "goal reached"
        assert now.done + now.not_needed == 12
        assert 3 <= now.done <= 4
        rows = list(csv.DictReader(outputs.sweep(name).results.read_text().splitlines()))
        assert Counter(row["state"] for row in rows) == {"complete": now.done, "not needed": now.not_needed}
    summary = lines.text[-1]
    assert summary.count(f"goal reached, {now.not_needed} not needed") >= 1
    report = outputs.analysis.read_text()
    assert "All 2 sweeps are complete" in report
    assert "more were not needed: a limit" in report
    before = {p: p.stat().st_mtime_ns for p in outputs.root.rglob("*") if p.is_file()}
    assert launch(ledger, ["a", "b"], n_trials=12, written=True, limits=Limits(goal=0.52))[0] == 0
    assert {p: p.stat().st_mtime_ns for p in outputs.root.rglob("*") if p.is_file()} == before

    first = run_ids(ledger, "a")
    assert launch(ledger, ["a"], n_trials=12, written=True)[0] == 0
    assert len(run_ids(ledger, "a")) == 12
    assert set(first) < set(run_ids(ledger, "a"))
    assert "not needed" not in outputs.sweep("a").results.read_text()


def test_time_that_is_up_lets_running_trials_end_and_more_time_goes_on(ledger, outputs, monkeypatch):
    monkeypatch.setenv("STUB_SECONDS", "0.3")
    code, lines = launch(ledger, ["a"], n_trials=40, limits=Limits(max_minutes=0.02))
    assert code == 0
    now = ledger.progress("a")
    assert (now.standing, now.running, now.done + now.not_needed) == ("time is up", 0, 40)
    assert now.not_needed > 20
    assert {row.state for row in ledger.attempts("a")} == {AttemptState.COMPLETE}
    assert lines.reports == ["a", (True, True)]
    assert launch(ledger, ["a"], n_trials=40, limits=Limits(max_minutes=0.02))[0] == 0
    assert ledger.progress("a").done == now.done
    assert launch(ledger, ["a"], n_trials=40, limits=Limits(max_minutes=now.worked_minutes + 0.01))[0] == 0
    assert now.done < ledger.progress("a").done < 40
    monkeypatch.setenv("STUB_SECONDS", "0.05")
    assert launch(ledger, ["a"], n_trials=40)[0] == 0
    assert len(run_ids(ledger, "a")) == 40


def test_a_killed_worker_is_replaced_and_the_budget_is_exact(ledger, outputs, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "die")
    code, _ = launch(ledger, ["a"], n_jobs=1)
    assert code == 0
    states = [row.state for row in ledger.attempts("a")]
    assert states.count(AttemptState.COMPLETE) == 4
    assert states.count(AttemptState.DEAD) == 1
    [dead] = [row for row in ledger.attempts("a") if row.state is AttemptState.DEAD]
    assert dead.reason == "worker stopped: killed by SIGKILL"
    assert len(submissions(outputs)) == 2


def test_workers_that_refuse_are_not_tried_for_ever_and_their_word_is_shown(ledger, outputs, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "refuse")
    code, lines = launch(ledger, ["a"])
    assert code == 1
    assert "error: the league is not there" in "\n".join(lines.text)
    assert len(submissions(outputs)) == 1
    monkeypatch.delenv("STUB_MODE")
    assert launch(ledger, ["a"])[0] == 0


def test_failed_slots_are_named_with_reason_and_log_and_do_not_stop_the_next_sweep(ledger, outputs, monkeypatch):
    monkeypatch.setenv("STUB_MODE", "fail")
    code, lines = launch(ledger, ["a", "b"])
    assert code == 1
    assert ledger.progress("b").done == 3
    told = next(text for text in lines.text if text.startswith("a: 1 of 4 slots failed"))
    last = [row for row in ledger.attempts("a") if row.slot == 1][-1]
    assert "slot 1, 3 attempts: slot 1 never works" in told
    assert str(outputs.sweep("a").run(last.run_id).log) in told
    monkeypatch.delenv("STUB_MODE")
    ledger.retry("a")
    assert launch(ledger, ["a"])[0] == 0
    assert len(run_ids(ledger, "a")) == 4


def test_another_configuration_under_the_same_name_is_refused_before_anything_runs(ledger, outputs):
    launch(ledger, ["b"])
    Path("config.yaml").write_text(CONFIG + "model_a: {hidden: 16}\n")
    with pytest.raises(SweepChangedError, match="hidden"):
        launch(ledger, ["a", "b"])
    assert ledger.progress("a").pending == 4
    assert len(submissions(outputs)) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device."),
        (ValueError("what nobody foresaw"), "ValueError: what nobody foresaw"),
    ],
)
def test_tables_that_cannot_be_written_do_not_stop_the_next_sweep(ledger, outputs, monkeypatch, error, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sweep_files, "write_sweep_results", fail)
    monkeypatch.setattr(plans, "conclude", fail)
    code, lines = launch(ledger, ["a", "b"], n_trials=1, written=True)
    assert code == 1
    assert [ledger.progress(name).complete for name in "ab"] == [True, True]
    text = "\n".join(lines.text)
    for what in ("a: its tables", "b: its tables", "the analysis"):
        assert f"{what} could not be written:" in text
    assert text.count(said) == 3
    assert text.count("`truestrength report` writes everything") == 3


def test_a_second_launcher_is_refused(ledger, project_database, outputs):
    with (
        Ledger(project_database) as other,
        other.building("launcher:a"),
        pytest.raises(UserError, match="another launcher is running the sweep a"),
    ):
        launch(ledger, ["b", "a"])
    assert launch(ledger, ["b", "a"])[0] == 0


def test_a_debug_worker_runs_in_the_foreground(ledger, outputs, capfd):
    code, _ = launch(ledger, ["a"], n_jobs=1, executor=DebugExecutor(stub.stub_command))
    assert code == 0
    assert "slot 3 attempt 1" in capfd.readouterr().out
    assert submissions(outputs) == []


@pytest.fixture
def launcher(project, monkeypatch):
    """Starts launchers as processes of their own, and sees to it that none is left."""
    monkeypatch.setenv("STUB_SECONDS", "0.5")
    started = []

    def start(*batch_ids, n_trials=6):
        with Path("launcher.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, stub.__file__, "config.yaml", str(n_trials), "2", *batch_ids],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def has_begun(ledger):
    ledger.prepare()
    return ledger.all_progress()


def living(ledger, batch_id):
    return [w for w in ledger.workers(batch_id) if Path(f"/proc/{w.pid}").exists()]


def test_ctrl_c_gives_back_the_slots_and_the_same_command_goes_on(launcher, ledger, outputs):
    process = launcher("a")
    wait_until(lambda: has_begun(ledger) and ledger.progress("a").running == 2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert ledger.progress("a").running == 0
    assert living(ledger, "a") == []
    assert {row.state for row in ledger.attempts("a")} <= {AttemptState.COMPLETE, AttemptState.RELEASED}
    assert "stopping 2 workers" in Path("launcher.log").read_text()
    assert launcher("a").wait(60) == 0
    assert len(run_ids(ledger, "a")) == 6


def test_orphans_of_a_killed_launcher_go_on_and_the_next_one_joins_them(launcher, ledger, outputs):
    process = launcher("a")
    wait_until(lambda: has_begun(ledger) and ledger.progress("a").running == 2)
    process.kill()
    process.wait()
    assert len(living(ledger, "a")) == 2
    assert launcher("a").wait(60) == 0
    assert len(submissions(outputs)) == 1
    assert len(ledger.workers("a")) == 2
    states = [row.state for row in ledger.attempts("a")]
    assert states == [AttemptState.COMPLETE] * 6


def test_a_database_that_is_away_for_a_moment_costs_a_pause(launcher, project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", server.up(project))
    try:
        with Ledger(os.environ["DATABASE_URL"], patience_s=30) as ledger:
            process = launcher("a")
            wait_until(lambda: has_begun(ledger) and ledger.progress("a").running == 2)
            server.down(project)
            server.up(project)
            assert process.wait(60) == 0
            assert len(run_ids(ledger, "a")) == 6
    finally:
        server.down(project)


def test_cancelling_stops_the_workers_and_the_same_command_goes_on(launcher, ledger, outputs):
    process = launcher("a")
    wait_until(lambda: has_begun(ledger) and ledger.progress("a").running == 2)
    ledger.cancel("a")
    assert process.wait(60) == 1
    assert living(ledger, "a") == []
    assert ledger.progress("a").open
    assert launcher("a").wait(60) == 0
    assert len(run_ids(ledger, "a")) == 6
