"""What is shown while a plan runs."""

import io
import subprocess
import sys

import msgspec
import pytest
from rich.console import Console
from rich.live import Live

from tests.support.leagues import stub_league
from tests.support.sweep_rows import sweep_progress
from truestrength.launcher.expansion import Budget, expand_sweep
from truestrength.launcher.local import progress as module
from truestrength.launcher.local.progress import LiveDisplay, PlainLines, PlanProgress, display, duration
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.search_space import Fixed
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.words import Objective, Phase, Target


@pytest.fixture
def sweeps(tmp_path):
    stub_league(tmp_path)
    config = Config(search_spaces={Phase.PHASE1: {"max_depth": Fixed(3)}})
    config = msgspec.structs.replace(config, paths=msgspec.structs.replace(config.paths, data=str(tmp_path)))
    words = Words(phase=Phase.PHASE1, objective=Objective.SPEARMAN, listmle_target=Target.FINAL_RANK)
    return [expand_sweep(config, Budget(), words, name).sweeps[0] for name in ("a", "b")]


def test_a_plan_goes_on_when_nobody_reads_any_more():
    script = "from truestrength.launcher.local.progress import PlainLines\nPlainLines().say('a'); input(); PlainLines().say('b'); exit(3)"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"a\n"
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait() == 3
        assert process.stderr.read() == b""


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_time_left_is_the_pace_of_this_launcher_and_not_of_an_earlier_one(sweeps, clock):
    plan = PlanProgress(sweeps)
    plan.see(sweep_progress("a", done=6))
    plan.see(sweep_progress("b"))
    assert plan.seconds_left(plan.slots_left()) is None
    clock.now += 30
    plan.see(sweep_progress("a", done=8, failed=1))
    assert plan.slots_left() == 15
    assert plan.seconds_left(15) == pytest.approx(150)


def test_slots_that_are_not_needed_are_not_waited_for(sweeps, clock, capsys):
    plan = PlanProgress(sweeps)
    plan.see(sweep_progress("a", done=4))
    plan.see(sweep_progress("b"))
    clock.now += 10
    ended = sweep_progress("a", done=5, best=0.9, run=31, reached="goal")
    plan.see(ended)
    assert (plan.slots_left(), plan.total, plan.seconds_left(12)) == (12, 17, pytest.approx(120))
    PlainLines().show(plan, ended, 0)
    assert (
        "5 of 12 trials  best spearman 0.9000 (run_031)  goal reached, 7 not needed  about" in capsys.readouterr().out
    )


def test_plain_lines_are_one_per_change_and_have_no_colours(sweeps, capsys):
    plan, lines = PlanProgress(sweeps), PlainLines()
    states = [
        (sweep_progress("a"), 0),
        (sweep_progress("a", running=2), 2),
        (sweep_progress("a", done=1, running=2, best=0.8123, run=25), 2),
        (sweep_progress("a", done=1, running=1, best=0.8123, run=25), 2),
        (sweep_progress("a", done=11, failed=1, best=0.9, run=31), 0),
    ]
    for now, workers in states:
        plan.see(now)
        lines.show(plan, now, workers)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    first, second, last = out.splitlines()
    assert first.startswith("sweep 1 of 2  a  0 of 12 trials  no value yet")
    assert "1 of 12 trials  best spearman 0.8123 (run_025)  2 running, 2 workers" in second
    assert "11 of 12 trials  1 failed  best spearman 0.9000 (run_031)  finished" in last


def test_the_live_display_shows_sweep_plan_best_and_workers(sweeps, clock):
    screen = Console(file=io.StringIO(), force_terminal=True, width=100)
    plan = PlanProgress(sweeps)
    with Live(console=screen, auto_refresh=False) as live:
        shown = LiveDisplay(live)
        for now in (sweep_progress("b"), sweep_progress("b", done=3, running=2, best=0.8123, run=25)):
            plan.see(now)
            shown.show(plan, now, 2)
            clock.now += 60
        shown.say("[not markup] a message")
        for _ in range(2):
            shown.show(plan, sweep_progress("b", done=12, best=0.9, run=31), 0)
    text = screen.file.getvalue()
    for expected in ["sweep 2 of 2", "3 of 12 trials", "3 of 24 trials", "best spearman 0.8123 (run_025)", "2 workers"]:
        assert expected in text
    assert "[not markup] a message" in text
    assert text.count("sweep 2 of 2  b  12 of 12 trials  best spearman 0.9000 (run_031)  finished") == 1


def test_a_pipe_gets_plain_lines():
    with display() as shown:
        assert isinstance(shown, PlainLines)


def test_durations_are_said_as_people_say_them():
    assert [duration(s) for s in (0.4, 42, 200, 5000, 7500)] == ["0 s", "42 s", "3 min", "83 min", "2 h 05 min"]
