"""The submitted callable with real processes: it passes on stops, kills what does not stop, and leaves no orphans."""

import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import submitit

from tests.support.forked import forked
from tests.support.gpus import smi
from truestrength.launcher.jobs.worker_job import WorkerJob, start_tethered
from truestrength.launcher.local.executors import LocalExecutor
from truestrength.launcher.trainer_commands import work
from truestrength.trainer.contract.errors import UserError

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
from truestrength.launcher.jobs.worker_job import WorkerJob
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


@pytest.fixture
def local():
    """Makes executors whose workers are text; nothing of them is left."""
    made = []

    def executor(n_jobs, text="", words=None, **settings):
        made.append(LocalExecutor(n_jobs, words or (lambda *_: forked(text)), **settings))
        return made[-1]

    yield executor
    for each in made:
        each.end()


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


def test_an_arrays_workers_get_their_share_of_the_machine_and_ignore_the_terminals_interrupt(tmp_path, local):
    worker = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(85))
seen = [os.environ["OMP_NUM_THREADS"], *sys.argv[1:], str(signal.getsignal(signal.SIGINT))]
Path(f"{os.getpid()}.seen").write_text(" ".join(seen))
time.sleep(60)
"""

    def words(batch_id, threads, later):
        return forked(worker, str(threads), batch_id, *later)

    array = local(1000, words=words).submit(["a", "b"], 2, tmp_path / "jobs")
    until(lambda: len(list(tmp_path.glob("*.seen"))) == 2)
    until(lambda: all(p.read_text() for p in tmp_path.glob("*.seen")))
    assert {p.read_text() for p in tmp_path.glob("*.seen")} == {f"1 1 a b {signal.SIG_IGN}"}
    assert array.alive() == 2
    assert len({log.parent for log in array.logs}) == 1
    array.stop()
    until(lambda: not array.alive())
    assert array.exit_codes() == [85, 85]


def test_a_second_submission_has_a_folder_of_its_own(tmp_path, local):
    executor = local(1, "raise SystemExit(7)")
    arrays = [executor.submit(["a"], 1, tmp_path / "jobs") for _ in range(2)]
    until(lambda: not any(array.alive() for array in arrays))
    assert [array.exit_codes() for array in arrays] == [[7], [7]]
    assert len(list((tmp_path / "jobs").iterdir())) == 2


def test_the_process_that_forks_may_be_started_before_it_is_asked(tmp_path, local):
    executor = local(1, "import os; open('parent', 'w').write(str(os.getppid())); raise SystemExit(7)")
    executor.prepare(["a"], tmp_path / "jobs")
    (prepared,) = (tmp_path / "jobs").iterdir()
    array = executor.submit(["a"], 1, tmp_path / "jobs")
    until(lambda: not array.alive())
    assert array.exit_codes() == [7]
    assert array.job.paths.folder == prepared
    assert list((tmp_path / "jobs").iterdir()) == [prepared]
    again = executor.submit(["b"], 1, tmp_path / "jobs")
    until(lambda: not again.alive())
    assert again.job is array.job


def test_a_process_that_is_never_asked_goes_with_the_launcher(tmp_path, local):
    executor = local(1, words=lambda *_: forked("raise SystemExit(7)"))
    executor.prepare(["a"], tmp_path / "jobs")
    pid = int(executor._job.id)
    executor.end()
    assert gone(pid)


class Payload:
    """A pickle that runs a command where it is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.system, (f"touch '{self.trace}'",)


def test_no_pickle_that_somebody_put_there_is_loaded(tmp_path, local):
    """As when others could write to the folder: in place of the result, before and after the end of a job."""
    trace = tmp_path / "it was loaded"
    planted = pickle.dumps(("success", Payload(trace)))
    executor = local(1, "import time; time.sleep(1); raise SystemExit(7)")
    array = executor.submit(["a"], 1, tmp_path / "jobs")
    result = array.job.log.with_name(f"{array.job.id}_0_result.pkl")
    result.write_bytes(planted)
    until(lambda: array.logs[0] != array.job.log)
    assert (array.alive(), array.exit_codes()) == (1, [])
    until(lambda: not array.alive())
    result.write_bytes(planted)
    assert array.exit_codes() == [7]
    assert not trace.exists()
    pickle.loads(planted)
    assert trace.exists(), "it would have run"


def test_workers_whose_parent_was_killed_have_no_exit_code_and_are_told_to_stop(tmp_path, local):
    array = local(1, STOPS).submit(["a"], 1, tmp_path / "jobs")
    worker = worker_pid()
    parent = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    until(lambda: not array.alive())
    assert array.exit_codes() == [None]
    until(lambda: gone(worker))
    assert Path("told").exists()


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_the_folder_of_jobs_is_closed_whatever_the_umask_and_an_open_one_is_closed(tmp_path, umask, local):
    """The pickle that a job is read from lies in it."""
    jobs = tmp_path / "jobs"
    if not umask:
        jobs.mkdir(mode=0o775)
        jobs.chmod(0o775)
    before = os.umask(umask)
    try:
        array = local(1).submit(["a"], 1, jobs)
    finally:
        os.umask(before)
    until(lambda: not array.alive())
    assert stat.S_IMODE(jobs.stat().st_mode) == 0o700
    (left,) = jobs.glob("*/worker_*.exit_code")
    assert (left.read_text(), stat.S_IMODE(left.stat().st_mode)) == ("0", 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path, local):
    executor = local(1)
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65534, 65534)
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("theirs", "link"):
        with pytest.raises(UserError, match=f"{name}: is a link, or belongs to another user"):
            executor.submit(["a"], 1, tmp_path / name)
    assert list((tmp_path / "theirs").iterdir()) == []


def test_job_files_hold_no_secret(tmp_path, monkeypatch, local):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@host/db")
    executor = local(1)
    array = executor.submit(["a"], 1, tmp_path / "jobs")
    until(lambda: not array.alive())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"sesame" in path.read_bytes()]


def test_the_worker_is_the_trainers_own_command():
    words = ["-m", "truestrength.trainer", "work", "--batch-id", "a", "--batch-id", "b", "--threads", "2"]
    assert work("a", 2, ["b"]) == words
    assert work("a", 2, ["b"], share=False) == [*words, "--no-share"]


def test_a_replacement_gets_the_number_and_the_gpu_of_the_one_that_died(tmp_path, monkeypatch, local):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    script = (
        "import os, sys, time, pathlib; "
        "pathlib.Path(f'gpu_{os.environ[\"CUDA_VISIBLE_DEVICES\"]}').write_text(str(os.getpid())); time.sleep(60)"
    )
    executor = local(3, script)
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


def test_workers_share_gpus_and_have_slices_alone(tmp_path, monkeypatch, local):
    """One GPU is cut into two slices; the other one is shared by two."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    smi(tmp_path, monkeypatch)
    script = (
        "import os, pathlib, time; "
        "pathlib.Path('at_' + os.environ['CUDA_VISIBLE_DEVICES'] + f'_{os.getpid()}').touch(); time.sleep(60)"
    )
    executor = local(4, script, workers_per_gpu=2)
    array = executor.submit(["a"], 4, tmp_path / "jobs")
    try:
        until(lambda: len(list(Path().glob("at_*"))) == 4)
    finally:
        array.stop()
        until(lambda: not array.alive())
    assert sorted(path.name.split("_")[1] for path in Path().glob("at_*")) == ["1", "1", "MIG-1", "MIG-2"]


def _written(name):
    return Path(name).exists() and Path(name).read_text()
