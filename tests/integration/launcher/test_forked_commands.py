"""Commands of the trainer that the workers' parent forks at the end of a plan, with the real trainer."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.forked import forked
from truestrength.launcher.beside import Beside
from truestrength.launcher.containers.contained import run_to_end
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.trainer_commands import holdout, noise, work

NO_RUN = holdout([Path("nothing")])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "nothing")  # no worker comes far


@pytest.fixture
def executor(tmp_path):
    """Makes one that has had a worker, whose parent goes on."""
    made = []

    def make(words):
        made.append(LocalExecutor(1, words))
        array = made[-1].submit(["a"], 1, tmp_path / "jobs")
        return made[-1], array

    yield make
    for each in made:
        each.end()


def until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def logs(tmp_path):
    return {path.name for path in (tmp_path / "jobs").rglob("*_log.out")}


def test_a_fork_says_of_a_command_what_a_new_process_would(tmp_path, executor):
    local, _ = executor(work)
    before = logs(tmp_path)
    first = Beside(lambda: local.run(NO_RUN))
    second = Beside(lambda: local.run(noise([Path("nothing")], 5)))
    assert first.result() == "error: --run nothing: no complete run here (no metrics.json)"
    assert first.result() == run_to_end(None, NO_RUN)
    assert second.result() == first.result()
    assert {name.split("_")[1] for name in logs(tmp_path) - before} >= {"2", "3"}, "they were forked"


def test_a_command_that_its_parent_cannot_end_is_done_in_a_new_process(executor):
    local, array = executor(
        lambda *_: forked("import os, time; open('pid', 'w').write(str(os.getppid())); time.sleep(60)")
    )
    until(lambda: Path("pid").exists() and Path("pid").read_text())
    told = Beside(lambda: local.run(NO_RUN))
    time.sleep(0.5)
    os.kill(int(Path("pid").read_text()), signal.SIGKILL)
    assert told.result() == "error: --run nothing: no complete run here (no metrics.json)"
    assert array.alive() == 0


def test_a_command_is_stopped_with_the_launcher_and_not_begun_anew(executor):
    text = "import os, time; f = open(f'pid_{os.getpid()}', 'w'); time.sleep(60 if len(os.listdir()) > 2 else 0)"
    local, array = executor(lambda *_: forked(text))
    until(lambda: not array.alive())
    told = Beside(lambda: local.run(["-m", "trainer", "wait"]))
    until(lambda: len(list(Path().glob("pid_*"))) == 2)
    local.end()
    assert told.result() == "`wait` ended with -15"
    pids = [int(path.name.removeprefix("pid_")) for path in Path().glob("pid_*")]
    assert len(pids) == 2
    until(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in pids))
