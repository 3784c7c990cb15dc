"""Reading SLURM's answers, asking it rarely, and the batch script's last lines; with stand-ins for its commands."""

import os
import subprocess

import pytest

from truestrength.launcher.slurm import environment, programs, queue
from truestrength.launcher.slurm.array_worker import requeue_lines
from truestrength.launcher.slurm.arrays import Slurm, Submission
from truestrength.launcher.slurm.names import JobName
from truestrength.launcher.slurm.programs import LimitReachedError, QueuedJob, SlurmAwayError, SlurmError
from truestrength.launcher.slurm.queue import SlurmWatch
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.outputs import ClusterPaths

QUEUE = """\
12_[2-3,5%2]|12|a.work.3fa9c21b|PENDING|Resources|||2026-11-28T09:30:00|x
12_0|12|a.work.3fa9c21b|RUNNING|None|n1||2026-11-28T08:00:00|x
12_1|12|a.work.3fa9c21b|RUNNING|None|n2||2026-11-28T08:00:00|x
15|15|a.finish.3fa9c21b|PENDING|Dependency||afterany:12_*(unfulfilled)|N/A|y
16|16|a.finish.00000000|PENDING|Dependency||(null)|N/A|somebody else's root
17|17|a notebook|RUNNING|None|n3||2026-11-28T08:00:00|with | in it
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Put a command on PATH that prints and exits as told, and counts how often it was called."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name, prints="", code=0):
        (tmp_path / f"{name}.txt").write_text(prints)
        stream = "" if code == 0 else ">&2"
        seen = f'echo "$*" >> {tmp_path}/{name}.calls\nenv > {tmp_path}/{name}.env\n'
        script = f"#!/bin/sh\n{seen}cat {tmp_path}/{name}.txt {stream}\nexit {code}\n"
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
        calls = tmp_path / f"{name}.calls"
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    return make


def test_one_call_for_all_jobs_and_only_our_own(command):
    calls = command("squeue", QUEUE)
    jobs = queue.own_jobs({"3fa9c21b"})
    work, finish = queue.grouped(jobs)
    assert work.states == {"PENDING": 3, "RUNNING": 2}
    assert [job.job_id for job in queue.of(jobs, "a", "finish")] == ["15"]
    assert (work.reason, finish.reason) == ("Resources", "Dependency")
    assert (work.starts, finish.starts) == ("2026-11-28T09:30:00", "")
    assert programs.waits_for(jobs[-1]) == ["12"]
    assert len(calls()) == 1


def test_the_queue_is_asked_more_seldom_while_nothing_changes(command):
    calls = command("squeue", QUEUE)
    now = 0.0
    watch = SlurmWatch({"3fa9c21b"}, clock=lambda: now)
    for second in range(300):
        now = float(second)
        watch.look()
    # After 5, 10, 20, 40 and then every 60 seconds.
    assert len(calls()) == 8
    command("squeue", QUEUE.replace("PENDING", "RUNNING"))
    for second in range(300, 400):
        now = float(second)
        watch.look()
    assert len(calls()) > 11


def test_a_queue_that_cannot_be_read_keeps_what_was_known(command):
    command("squeue", QUEUE)
    now = 0.0
    watch = SlurmWatch({"3fa9c21b"}, clock=lambda: now)
    known = watch.look()
    calls = command("squeue", "slurm_load_jobs error: Unable to contact slurm controller", 1)
    now = 10.0
    assert watch.look() == known
    assert "Unable to contact" in watch.problem
    assert len(calls()) == 2


def test_accounting_that_is_off_is_no_error(command):
    command("sacct", "Slurm accounting storage is disabled", 1)
    assert programs.ended(["12_3", "12_4"]) == {}


def test_a_requeued_job_has_ended_more_than_once(command):
    calls = command("sacct", "12_0|NODE_FAIL\n12_0|COMPLETED\n12_[1-2]|CANCELLED by 0\n")
    states = programs.ended(["12_0", "12_1", "13"])
    assert states == {"12_0": ["NODE_FAIL", "COMPLETED"], "12_1": ["CANCELLED"], "12_2": ["CANCELLED"]}
    assert len(calls()) == 1
    assert "--jobs=12,13" in calls()[0]


def test_what_may_pass_is_told_from_what_will_not(command):
    command("sbatch", "sbatch: error: invalid partition specified: cpuu", 1)
    with pytest.raises(SlurmError, match="invalid partition") as refused:
        programs.call("sbatch", "x")
    assert not isinstance(refused.value, SlurmAwayError)
    command("sbatch", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", 1)
    with pytest.raises(SlurmAwayError):
        programs.call("sbatch", "x")
    with pytest.raises(SlurmError, match="is this a machine of a SLURM cluster"):
        programs.call("no-such-command")


def test_an_array_is_let_wait_as_a_whole(command):
    calls = command("scontrol")
    job = QueuedJob(
        "20_[0-3]", "20", "b.work.3fa9c21b", "PENDING", "", "", "afterany:5(unfulfilled),afterany:7_*", "N/A", ""
    )
    assert programs.waits_for(job) == ["5", "7"]
    programs.let_wait(job, ["5", "9"])
    assert calls() == ["update JobId=20 Dependency=afterany:5:9"]


@pytest.mark.parametrize(
    ("code", "restarts", "state", "requeued"),
    [
        (85, 0, "RUNNING", True),
        (140, 1, "RUNNING", True),
        (143, 0, "RUNNING", True),
        (85, 3, "RUNNING", False),
        (85, 0, "COMPLETING", False),
        (85, 0, "", False),
        (0, 0, "RUNNING", False),
        (1, 0, "RUNNING", False),
        (137, 0, "RUNNING", False),
    ],
)
def test_the_batch_script_requeues_who_was_told_to_stop(command, code, restarts, state, requeued):
    command("squeue", state)
    calls, cancelled = command("scontrol"), command("scancel", code=1)
    script = "\n".join(["set -e", *requeue_lines(f"(exit {code})", 3)])
    ids = {"SLURM_JOB_ID": "14", "SLURM_ARRAY_JOB_ID": "12", "SLURM_ARRAY_TASK_ID": "1"}
    variables = {**ids, "SLURM_RESTART_COUNT": str(restarts), "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", script], env=variables, capture_output=True, check=False)
    assert done.returncode == code
    assert calls() == (["requeue 12_1"] if requeued else [])
    assert cancelled() == (["--state=PENDING 12"] if code == 0 else [])


def test_a_job_that_is_no_array_leaves_the_queue_as_it_is(command):
    cancelled = command("scancel")
    variables = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "14"}
    script = "\n".join(requeue_lines("true", 3))
    assert subprocess.run(["bash", "-c", script], env=variables, check=False).returncode == 0
    assert cancelled() == []


def test_a_job_that_is_no_array_is_requeued_by_its_id(command):
    command("squeue", "RUNNING")
    calls = command("scontrol")
    script = "\n".join(requeue_lines("(exit 85)", 3))
    variables = {"PATH": os.environ["PATH"], "SLURM_JOB_ID": "14"}
    subprocess.run(["bash", "-c", script], env=variables, capture_output=True, check=False)
    assert calls() == ["requeue 14"]


def test_the_environment_file_names_the_secret_and_does_not_hold_it(tmp_path, monkeypatch):
    monkeypatch.setenv(address.URL_VARIABLE, "postgresql://me:secret@db/sweeps")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("TRUESTRENGTH_LEASE_S", "9")
    paths = ClusterPaths(tmp_path)
    written = environment.write(paths)
    text = written.read_text()
    assert "secret" not in text
    assert "TRUESTRENGTH_LEASE_S=9" in text
    assert written.stat().st_mode & 0o077 == 0
    shown = subprocess.run(
        ["bash", "-c", f". {written}; cat $DATABASE_URL_FILE"], env={}, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "postgresql://me:secret@db/sweeps"
    assert paths.database_url.stat().st_mode & 0o077 == 0


def test_what_completes_a_url_of_the_users_own_goes_with_it(tmp_path, monkeypatch):
    """libpq's variables; those of programs that are named alike stay."""
    monkeypatch.setenv(address.URL_VARIABLE, "postgresql://db/sweeps")
    for name, value in {"PGUSER": "me", "PGSSLROOTCERT": "/site/ca.pem", "PG_BIN": "/opt/pg", "PAGER": "less"}.items():
        monkeypatch.setenv(name, value)
    text = environment.write(ClusterPaths(tmp_path)).read_text()
    assert "export PGUSER=me" in text
    assert "export PGSSLROOTCERT=/site/ca.pem" in text
    assert "PG_BIN" not in text
    assert "PAGER" not in text


def test_a_database_on_the_loopback_is_no_use_to_other_nodes(command):
    command("sinfo", "node1\nnode2\n")
    with pytest.raises(DatabaseError, match="db up --listen") as error:
        environment.check_reachable("postgresql://me:secret@127.0.0.1:5432/sweeps")
    assert "secret" not in str(error.value)
    environment.check_reachable("postgresql://me:secret@login1:5432/sweeps")
    command("sinfo", "127.0.0.1\nlocalhost\n")
    environment.check_reachable("postgresql://me:secret@127.0.0.1:5432/sweeps")


def test_nothing_of_the_user_or_of_an_outer_job_reaches_slurms_commands(command, tmp_path, monkeypatch):
    command("squeue", QUEUE)
    hidden = {"SBATCH_TIMELIMIT": "1", "SQUEUE_STATES": "RUNNING", "SCANCEL_USER": "x", "SLURM_JOB_ID": "7"}
    for name, value in {**hidden, "SBATCH_CLUSTERS": "west", "SLURM_CONF": "/c", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, value)
    programs.queue()
    seen = dict(line.split("=", 1) for line in (tmp_path / "squeue.env").read_text().splitlines())
    slurms = {name: value for name, value in seen.items() if name.startswith(("SLURM_", "SBATCH_", "SQUEUE_", "SCAN"))}
    assert slurms == {"SLURM_CONF": "/c", "SLURM_CLUSTERS": "west", "SLURM_BITSTR_LEN": "0"}
    assert seen["TZ"] == "UTC"


@pytest.mark.parametrize(
    ("answer", "job_id"),
    [
        ("12\n", "12"),
        ("12;west\n", "12"),
        ("sbatch: 3 jobs of yours wait\n12\n", "12"),
        ("12\nsee https://site/help\n", "12"),
        ("Submitted batch job 12\n", None),
        ("", None),
    ],
)
def test_a_jobs_id_stands_on_a_line_of_its_own(command, tmp_path, answer, job_id):
    command("sbatch", answer)
    assert programs.sbatch(tmp_path / "x.sh") == job_id


@pytest.mark.parametrize(
    "said",
    [
        "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
        "accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates …",
    ],
)
def test_a_limit_on_submitted_jobs_is_told_from_a_refusal(command, tmp_path, said):
    command("sbatch", said, 1)
    with pytest.raises(LimitReachedError, match="MaxSubmit"):
        programs.sbatch(tmp_path / "x.sh")
    command("sbatch", "sbatch: error: QOSMaxWallDurationPerJobLimit\nsbatch: error: … (job submit limit, …)", 1)
    with pytest.raises(SlurmError) as refused:
        programs.sbatch(tmp_path / "x.sh")
    assert not isinstance(refused.value, LimitReachedError)


def test_a_cluster_that_is_full_is_told_from_one_that_does_not_answer(command, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "CALL_TIMEOUT_S", 0.5)
    command("sbatch")
    words = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying."
    (tmp_path / "sbatch").write_text(f'#!/bin/sh\necho "{words}" >&2\nexec sleep 5\n')
    with pytest.raises(LimitReachedError, match="temporarily unable to accept job"):
        programs.sbatch(tmp_path / "x.sh")
    (tmp_path / "sbatch").write_text("#!/bin/sh\nexec sleep 5\n")
    with pytest.raises(SlurmAwayError, match="no answer within"):
        programs.sbatch(tmp_path / "x.sh")


def test_a_submission_whose_answer_has_no_id_is_found_by_its_comment(command, tmp_path):
    command("sbatch", "Submitted batch job 9 of 12")
    command("squeue")
    script = tmp_path / "jobs"
    submission = Submission(JobName("a", "work", "3fa9c21b"), 1, script, {"time": 1}, [["true"]])
    with pytest.raises(SlurmError, match="no job with its comment"):
        Slurm("3fa9c21b").submit(submission)
    (tmp_path / "squeue").write_text(
        f'#!/bin/sh\necho "12_[0-1]|12|a.work.3fa9c21b|PENDING|Priority|||N/A|$(ls {script} | tail -n 1)"\n'
    )
    (tmp_path / "squeue").chmod(0o755)
    assert Slurm("3fa9c21b").submit(submission) == "12"


def test_the_functions_and_the_module_settings_of_the_shell_are_passed_on_but_not_what_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv(address.URL_VARIABLE, "postgresql://me:secret@db/sweeps")
    for name, value in {
        "BASH_FUNC_module%%": '() {  echo "loaded $2"\n}',
        "BASH_FUNC_odd name%%": "() {  :\n}",
        "LMOD_PKG": "/opt/it's lmod",
        "MODULESHOME": "/opt/modules",
        "LOADEDMODULES": "gcc/12",
        "BASH_ENV": "/etc/site.sh",
    }.items():
        monkeypatch.setenv(name, value)
    written = environment.write(ClusterPaths(tmp_path))
    script = f'. {written}; module load cuda; bash -c "module load gcc"; echo "$LMOD_PKG $MODULESHOME $BASH_ENV"'
    done = subprocess.run(["bash", "-c", script], env={}, capture_output=True, text=True, check=True)
    assert done.stdout == "loaded cuda\nloaded gcc\n/opt/it's lmod /opt/modules /etc/site.sh\n"
    assert "LOADEDMODULES" not in written.read_text()
