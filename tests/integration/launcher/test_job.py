"""The submitted callable with real processes: it passes on stops, kills what does not stop, and leaves no orphans."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import submitit

from launcher.jobs.worker_job import WorkerJob, start_tethered
from launcher.local.executors import LocalExecutor
from launcher.trainer_commands import work
from tests.support.gpus import smi

PATIENT = """
import os, signal, sys, time
from pathlib import Path
def told(*_):
    Path("told").write_text("")
    sys.exit(85)
signal.signal(signal.SIGTERM, {handler})
Path("pid").write_text(str(os.getpid()))
time.sleep(60)
"""
STOPS = PATIENT.format(handler="told")
DEAF = PATIENT.format(handler="signal.SIG_IGN")
JOB = """
import sys
from launcher.jobs.worker_job import WorkerJob
sys.exit(WorkerJob(["-c", sys.argv[1]], {}, grace_s=1)())
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def job():
    """Starts a job in a process of its own and waits until its worker runs."""
    started = []

    def start(worker):
        process = subprocess.Popen([sys.executable, "-c", JOB, worker])
        started.append(process)
        return process, worker_pid()

    yield start
    for process in started:
        process.kill()
        process.wait()


def worker_pid():
    path = Path("pid")
    until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


def until(true, seconds=20):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid):
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rpartition(")")[2].split()[0] == "Z"


def test_the_workers_exit_code_is_the_result():
    assert WorkerJob(["-c", "raise SystemExit(3)"], {}, 1)() == 3


def test_the_environment_is_added_and_none_removes():
    os.environ["REMOVED"] = "1"
    code = "import os; raise SystemExit(os.environ['ADDED'] == 'yes' and 'REMOVED' not in os.environ)"
    try:
        assert WorkerJob(["-c", code], {"ADDED": "yes", "REMOVED": None}, 1)() == 1
    finally:
        del os.environ["REMOVED"]


def test_sigterm_is_passed_on_and_the_workers_code_returned(job):
    process, pid = job(STOPS)
    process.terminate()
    assert process.wait(20) == 85
    assert Path("told").exists()
    assert gone(pid)


def test_a_deaf_worker_is_killed_after_the_grace_time(job):
    process, pid = job(DEAF)
    process.terminate()
    assert process.wait(20) == 256 - signal.SIGKILL
    assert gone(pid)


def test_a_worker_does_not_outlive_a_killed_job(job):
    process, pid = job(STOPS)
    process.kill()
    until(lambda: gone(pid))
    assert Path("told").exists()


def test_sigusr2_to_every_process_of_a_step_does_not_kill_the_worker():
    process = start_tethered([sys.executable, "-c", STOPS], {})
    os.kill(worker_pid(), signal.SIGUSR2)
    process.terminate()
    assert process.wait(20) == 85


@pytest.mark.parametrize(("code", "again"), [(85, True), (0, False)], ids=["work is left", "all is done"])
def test_a_job_told_by_submitit_to_stop_comes_back_only_when_work_is_left(tmp_path, code, again):
    worker = f"""
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit({code}))
starts = Path("starts")
starts.open("a").write("x")
Path("pid").write_text(str(os.getpid()))
while len(starts.read_text()) < 2:
    time.sleep(0.05)
"""
    executor = submitit.LocalExecutor(tmp_path / "jobs")
    executor.update_parameters(timeout_min=60, stderr_to_stdout=True)
    submitted = executor.submit(WorkerJob(["-c", worker], {}, 5))
    worker_pid()
    controller = int(submitted.job_id)
    task = int(Path(f"/proc/{controller}/task/{controller}/children").read_text())
    os.kill(task, signal.SIGUSR2)
    until(submitted.done)
    assert submitted.result() == 0
    assert len(Path("starts").read_text()) == (2 if again else 1)


def test_an_arrays_workers_get_their_share_of_the_machine_and_ignore_the_terminals_interrupt(tmp_path):
    worker = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))
seen = [os.environ["OMP_NUM_THREADS"], *sys.argv[1:], str(signal.getsignal(signal.SIGINT))]
Path(f"{os.getpid()}.seen").write_text(" ".join(seen))
time.sleep(60)
"""

    def words(batch_id, threads, later):
        return ["-c", worker, str(threads), batch_id, *later]

    array = LocalExecutor(n_jobs=1000, words=words).submit(["a", "b"], 2, tmp_path / "jobs")
    until(lambda: len(list(tmp_path.glob("*.seen"))) == 2)
    until(lambda: all(p.read_text() for p in tmp_path.glob("*.seen")))
    assert {p.read_text() for p in tmp_path.glob("*.seen")} == {f"1 1 a b {signal.SIG_IGN}"}
    assert array.alive() == 2
    assert len({log.parent for log in array.logs}) == 1
    array.stop()
    until(lambda: not array.alive())
    assert array.exit_codes() == [85, 85]


def test_a_second_submission_has_a_folder_of_its_own(tmp_path):
    executor = LocalExecutor(n_jobs=1, words=lambda *_: ["-c", "raise SystemExit(7)"])
    arrays = [executor.submit(["a"], 1, tmp_path / "jobs") for _ in range(2)]
    until(lambda: not any(array.alive() for array in arrays))
    assert [array.exit_codes() for array in arrays] == [[7], [7]]
    assert len(list((tmp_path / "jobs").iterdir())) == 2


def test_job_files_hold_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@host/db")
    executor = LocalExecutor(n_jobs=1, words=lambda *_: ["-c", ""])
    array = executor.submit(["a"], 1, tmp_path / "jobs")
    until(lambda: not array.alive())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"sesame" in path.read_bytes()]


def test_the_worker_is_the_trainers_own_command():
    words = ["-m", "trainer", "work", "--batch-id", "a", "--batch-id", "b", "--threads", "2"]
    assert work("a", 2, ["b"]) == words
    assert work("a", 2, ["b"], share=False) == [*words, "--no-share"]


def test_a_replacement_gets_the_number_and_the_gpu_of_the_one_that_died(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    script = (
        "import os, sys, time, pathlib; "
        "pathlib.Path(f'gpu_{os.environ[\"CUDA_VISIBLE_DEVICES\"]}').write_text(str(os.getpid())); time.sleep(60)"
    )
    executor = LocalExecutor(3, words=lambda *_: ["-c", script])
    array = executor.submit(["a"], 3, tmp_path / "jobs")
    arrays = [array]
    try:
        until(lambda: all(_written(name) for name in ("gpu_4", "gpu_5", "gpu_6")))
        os.kill(int(Path("gpu_5").read_text()), signal.SIGKILL)
        until(lambda: array.alive() == 2)
        Path("gpu_5").unlink()
        arrays.append(executor.submit(["a"], 1, tmp_path / "jobs"))
        until(lambda: _written("gpu_5"))
    finally:
        for each in arrays:
            each.stop()
        until(lambda: not any(each.alive() for each in arrays))


def test_workers_share_gpus_and_have_slices_alone(tmp_path, monkeypatch):
    """One GPU is cut into two slices; the other one is shared by two."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    smi(tmp_path, monkeypatch)
    script = (
        "import os, pathlib, time; "
        "pathlib.Path('at_' + os.environ['CUDA_VISIBLE_DEVICES'] + f'_{os.getpid()}').touch(); time.sleep(60)"
    )
    executor = LocalExecutor(4, words=lambda *_: ["-c", script], workers_per_gpu=2)
    array = executor.submit(["a"], 4, tmp_path / "jobs")
    try:
        until(lambda: len(list(Path().glob("at_*"))) == 4)
    finally:
        array.stop()
        until(lambda: not array.alive())
    assert sorted(path.name.split("_")[1] for path in Path().glob("at_*")) == ["1", "1", "MIG-1", "MIG-2"]


def _written(name):
    return Path(name).exists() and Path(name).read_text()
