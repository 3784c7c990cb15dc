"""The process that forks workers, with real forks: how each ends, who is killed and why, and what they share."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.small_sweep import SMALL, small_sweep
from truestrength.trainer.contract import fork_requests
from truestrength.trainer.contract.fork_requests import ForkedWorker, ForkRequest
from truestrength.trainer.contract.paths.forks import ForkPaths, worker_job_id, worker_log
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.data.demo import demo

PARENT = """
import os, signal, sys, time
from pathlib import Path
from truestrength.trainer.worker.forks import serve

def nothing():
    pass

def try_out():
    {try_out}

def work(batch_ids):
    Path(os.environ["NAME"]).write_text(f"{{os.getpid()}} {{os.getppid()}}")
    {work}

sys.exit(serve(Path(sys.argv[1]), work, nothing, try_out, first_sign_s=1.5))
"""
PATIENT = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(85)); time.sleep(60)"
HANGS = "time.sleep(60) if 'hangs' in os.environ['NAME'] else None"


@pytest.fixture
def parent(tmp_path):
    """Starts one in a folder of requests, which a launcher holds."""
    paths, started = ForkPaths(tmp_path / "requests"), []
    paths.folder.mkdir()
    lock = fork_requests.hold(paths)

    def start(work="return 7", try_out="pass"):
        text = PARENT.format(work=work, try_out=try_out)
        with (tmp_path / "parent.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-c", text, str(paths.folder)], cwd=tmp_path, stderr=log, env=environment()
                )
            )
        return started[-1]

    start.paths, start.lock, start.requests = paths, lock, 0
    yield start
    lock.close()
    for process in started:
        process.kill()
        process.wait()


def environment():
    return {**os.environ, "SUBMITIT_LOCAL_JOB_ID": "4711"}


def ask(parent, *names, batch_ids=("a", "b"), grace_s=30.0):
    first = 1 + len(list(parent.paths.folder.glob("asked_*")))
    for number in range(first, first + len(names)):
        (parent.paths.folder / f"asked_{number}").touch()
    workers = [ForkedWorker(number, {"NAME": name}) for number, name in enumerate(names, start=first)]
    logs = str(parent.paths.folder)
    fork_requests.ask(parent.paths, parent.requests, ForkRequest(list(batch_ids), workers, logs, grace_s))
    parent.requests += 1


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ends(parent, n):
    return [fork_requests.end(parent.paths, number) for number in range(1, n + 1)]


def pid(tmp_path, name):
    until(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text())
    return int((tmp_path / name).read_text().split()[0])


def gone(number):
    stat = Path(f"/proc/{number}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_it_forks_as_often_as_it_is_asked_and_ends_when_nobody_can_ask_any_more(parent, tmp_path):
    process = parent()
    ask(parent, "x", "y")
    until(lambda: ends(parent, 2) == [7, 7])
    time.sleep(0.3)
    assert process.poll() is None, "it may be asked for more"
    ask(parent, "z")
    until(lambda: ends(parent, 3) == [7, 7, 7])
    assert {int((tmp_path / name).read_text().split()[1]) for name in "xyz"} == {process.pid}
    parent.lock.close()
    assert process.wait(10) == 0


def test_a_killed_child_costs_itself_only_and_says_what_killed_it(parent, tmp_path):
    parent(PATIENT)
    ask(parent, "x", "y")
    os.kill(pid(tmp_path, "x"), signal.SIGKILL)
    until(lambda: ends(parent, 1) == [-signal.SIGKILL])
    assert ends(parent, 2) == [-signal.SIGKILL, None]
    assert not gone(pid(tmp_path, "y"))


def test_a_child_that_hangs_after_the_fork_is_killed_and_said_and_the_others_go_on(parent, tmp_path):
    parent(PATIENT, HANGS)
    ask(parent, "hangs", "lives")
    living = pid(tmp_path, "lives")
    until(lambda: ends(parent, 1) == [-signal.SIGKILL])
    assert not (tmp_path / "hangs").exists(), "it never began to work"
    time.sleep(1.0)
    assert not gone(living)
    assert "worker 1 gave no sign of life in 2 s: it is killed" in (tmp_path / "parent.log").read_text()


def test_told_to_stop_it_tells_its_children_and_kills_the_deaf_ones(parent, tmp_path):
    process = parent(PATIENT.replace("lambda", "signal.SIG_IGN if 'deaf' in os.environ['NAME'] else lambda"))
    ask(parent, "deaf", "hears", grace_s=1.0)
    deaf = pid(tmp_path, "deaf")
    pid(tmp_path, "hears")
    time.sleep(0.2)
    process.terminate()
    assert process.wait(20) == 0
    assert gone(deaf)
    assert ends(parent, 2) == [-signal.SIGKILL, 85]


def test_children_of_a_killed_parent_are_told_to_stop(parent, tmp_path):
    process = parent(PATIENT)
    ask(parent, "x")
    child = pid(tmp_path, "x")
    time.sleep(0.2)
    process.kill()
    until(lambda: gone(child))


def test_where_it_cannot_be_written_how_a_child_ended_all_are_stopped(parent, tmp_path):
    parent.paths.exit_code(1).mkdir()
    process = parent(f"if os.environ['NAME'] == 'ends': return 0\n    {PATIENT}")
    ask(parent, "ends", "y")
    other = pid(tmp_path, "y")
    assert process.wait(20) == 1
    assert gone(other)
    assert "Is a directory" in (tmp_path / "parent.log").read_text()


def test_each_child_has_a_log_and_a_name_of_its_own(parent, tmp_path):
    parent("print(os.environ['SUBMITIT_LOCAL_JOB_ID'], *batch_ids); return 0")
    ask(parent, "x", "y")
    until(lambda: ends(parent, 2) == [0, 0])
    logs = [worker_log(parent.paths.folder, worker_job_id("4711", number)) for number in (1, 2)]
    assert [log.read_text() for log in logs] == ["4711_1 a b\n", "4711_2 a b\n"]


WORKERS = """
import sys, torch
asked = []
torch._C._cuda_getDeviceCount = lambda: asked.append("count") or 0
torch.cuda.is_available = lambda: asked.append("available") or False
from pathlib import Path
from truestrength.trainer.contract.process import use_threads
from truestrength.trainer.worker import libraries
from truestrength.trainer.worker.forks import serve

def load():
    libraries.load()
    assert not asked, asked
    global before
    before = set(sys.modules)

def work(batch_ids):
    code = sys.modules["truestrength.trainer.worker.work"].work(batch_ids, threads=2)
    new = {name for name in set(sys.modules) - before if not name.startswith(("encodings", "importlib"))}
    print("imported:", sorted(new))
    return code

use_threads(2)
sys.exit(serve(Path(sys.argv[1]), work, load, libraries.try_out))
"""


def test_workers_train_with_all_threads_and_import_nothing_more_and_their_parent_asks_for_no_cuda(
    parent, tmp_path, monkeypatch, project_database, ledger
):
    monkeypatch.chdir(tmp_path)
    demo(tmp_path / "league", seed=3, seasons=4)
    (tmp_path / "config.yaml").write_text(SMALL)
    ledger.register(small_sweep(), OutputsRoot(Path("out")))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKERS, str(parent.paths.folder)], stderr=log, env=environment()
        )
    try:
        ask(parent, "x", "y", batch_ids=["small"])
        until(lambda: None not in ends(parent, 2) or process.poll() is not None, 120)
        logs = [worker_log(parent.paths.folder, worker_job_id("4711", number)).read_text() for number in (1, 2)]
        assert ends(parent, 2) == [0, 0], [(tmp_path / "log").read_text(), *logs]
    finally:
        parent.lock.close()
        process.wait(20)
    assert ledger.progress("small").done == 3
    assert {row.job_id for row in ledger.workers("small")} == {"4711_1", "4711_2"}
    imported = [log.splitlines()[-1].removeprefix("imported: ").split() for log in logs]
    assert max(map(len, imported)) <= 5, f"what children import is in none's shared memory: {imported}"
