"""Clusters as they are: variables of the user, options, setups that fail, odd paths; on a real SLURM."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY
from tests.support.slurm_queue import LATER, queued, shown
from truestrength.trainer.contract.paths.outputs import OutputsRoot

BATCH = "as_it_is"
ASKED = 'case "$*" in *test-only*) exec $real "$@";; esac'
"""Of a program before sbatch: only submissions are meddled with."""


def put_before(project, tmp_path, name, lines):
    """Put a program before SLURM's own on the search path; `$real` is SLURM's. Returns the search path."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    real = project.slurm.ask("which", name)
    (folder / name).write_text(f"#!/bin/bash\nreal={real}\n{lines}\n")
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def scripts(project):
    return sorted(project.folder.glob("**/submission.sh"))


# K: variables that SLURM's commands read


def test_the_profile_is_all_that_counts(project):
    project.profile(sbatch=LATER)
    before = {
        "SBATCH_JOB_NAME": "lab", "SBATCH_TIMELIMIT": "1", "SBATCH_PARTITION": "low", "SBATCH_EXPORT": "ALL",
        "SBATCH_ARRAY_INX": "0-3", "SQUEUE_STATES": "RUNNING", "SQUEUE_FORMAT": "%i", "SQUEUE_USERS": "nobody",
        "SINFO_FORMAT": "%P", "SCANCEL_STATE": "RUNNING", "SCANCEL_INTERACTIVE": "true", "SACCT_FORMAT": "User",
        "SLURM_JOB_ID": "77", "SLURM_TIME_FORMAT": "%s", "SLURM_JOB_NODELIST": "n3", "SLURM_NTASKS": "3",
        "SLURM_MEM_PER_NODE": "64", "SLURM_CPUS_PER_TASK": "2", "SLURM_EXPORT_ENV": "NONE", "SBATCH_REQUEUE": "0",
        "SBATCH_DEPENDENCY": "singleton", "SQUEUE_FORMAT2": "jobid", "SQUEUE_PARTITION": "low", "SQUEUE_SORT": "-i",
        "SCANCEL_NAME": "lab", "SCANCEL_USER": "nobody", "SCONTROL_ALL": "1", "SLURM_STEP_ID": "0",
    }  # fmt: skip
    project.environment |= before
    project.submit_sweep(BATCH, 4, 2)
    kinds = queued(project)
    assert set(kinds) == {"work", "finish", "analysis"}
    work = shown(project, kinds["work"])
    assert (work["Partition"], work["TimeLimit"], work["ArrayTaskId"]) == ("normal", "00:10:00", "0-1%2")
    project.submit_sweep(BATCH, 4, 2)
    assert queued(project) == kinds
    starts = project.slurm.ask("squeue", "--start", "--noheader", "--format=%S", f"--jobs={kinds['work']}")
    row = next(line for line in project.launcher("status").splitlines() if line.startswith(f"{kinds['work']} "))
    assert "BeginTime" in row
    assert starts.replace("T", " ") in row
    project.launcher("cancel", "--all")
    project.until(lambda: not project.slurm.queue(), 30, "an empty queue")


# L, O, P: what is asked for, and what sbatch answers


@pytest.mark.parametrize(
    ("profile", "memory", "cpus"),
    [
        ({"mem_gb": None, "cpus": None, "finisher": {"mem_gb": None}}, "100M", "1"),
        ({"mem_gb": None, "cpus": 2, "sbatch": {"mem_per_cpu": "150M"}, "finisher": {"mem_gb": None}}, "150M", "2"),
    ],
    ids=["the cluster's default", "mem-per-cpu"],
)
def test_memory_and_cpus_may_be_left_to_the_cluster(project, tmp_path, profile, memory, cpus):
    refusing = 'for f; do grep -q -- "--mem=" "$f" 2> /dev/null && { echo "error: no --mem here" >&2; exit 1; }; done'
    path = put_before(project, tmp_path, "sbatch", f'{refusing}\nexec $real "$@"')
    project.profile(**{**profile, "sbatch": {**LATER, **profile.get("sbatch", {})}})
    project.environment["PATH"] = path
    project.submit_sweep(BATCH, 1, 1)
    kinds = queued(project)
    work, finish = shown(project, kinds["work"]), shown(project, kinds["finish"])
    assert (work["MinMemoryCPU"], work["NumCPUs"]) == (memory, cpus)
    assert finish["MinMemoryCPU"] == memory


def test_memory_may_be_asked_for_by_the_gpu(project):
    project.profile(mem_gb=None, cpus=None, gpus=1, sbatch={**LATER, "mem_per_gpu": "150M"}, finisher={"mem_gb": None})
    project.submit_sweep(BATCH, 1, 1)
    kinds = queued(project)
    work, finish = shown(project, kinds["work"]), shown(project, kinds["finish"])
    assert work["MemPerTres"] == "gres:gpu:150"
    assert "MemPerTres" not in finish
    assert finish["MinMemoryCPU"] == "100M"


@pytest.mark.parametrize(
    "answers",
    [
        'exec $real "$@"',
        f'{ASKED}\necho "Your queued job 1 of 7"; $real "$@"; echo "Thank you"',
        f'{ASKED}\n$real "${{@/--parsable/--no-requeue}}"',
    ],
    ids=["as sbatch", "between other words", "not as it was asked to"],
)
def test_a_jobs_id_is_never_guessed(project, tmp_path, answers):
    project.profile(sbatch={**LATER, "exclusive": False, "nice": 5})
    project.environment["PATH"] = put_before(project, tmp_path, "sbatch", answers)
    printed = project.submit_sweep(BATCH, 1, 1)
    kinds = queued(project)
    row = next(line for line in printed.splitlines() if line.startswith(BATCH) and kinds["work"] in line)
    assert row.split() == [BATCH, kinds["work"], kinds["finish"]]
    assert f"job {kinds['analysis']}, the analysis" in printed
    assert shown(project, kinds["work"])["OverSubscribe"] == "OK"
    assert shown(project, kinds["work"])["Nice"] == "5"


def test_a_cluster_that_renames_jobs_is_refused(project, tmp_path):
    project.profile(sbatch=LATER)
    renamed = f'{ASKED}\nexec $real --job-name=lab "$@"'
    project.environment["PATH"] = put_before(project, tmp_path, "sbatch", renamed)
    with pytest.raises(AssertionError, match="in the queue as 'lab': something on this cluster"):
        project.submit_sweep(BATCH, 1, 1)
    assert project.slurm.queue() == []


def test_what_sbatch_would_refuse_is_found_out_before_anything_is_submitted(project):
    arguments = ["sweep", "--config", "cheap.yaml", "--n-trials", "1", "--n-jobs", "1", "--batch-id", BATCH]
    running = ["--executor", "slurm", "--cluster", "cluster.yaml"]
    for key, said in (
        ({"finisher": {"partition": "cpuu"}}, "the job after it would be refused: sbatch: .*cpuu"),
        ({"mem_gb": 900}, "the array of the first sweep would be refused"),
        ({"sbatch": {"no-such-option": "1"}}, "the array of the first sweep would be refused: .*no-such-option"),
    ):
        project.profile(**key)
        for how in ([], ["--dry-run"]):
            with pytest.raises(AssertionError, match=said):
                project.launcher(*arguments, *running, *how)
    assert not project.ledger.all_progress()
    assert not project.outputs.cluster.folder.exists()
    assert project.slurm.queue() == []


def test_a_dry_run_shows_the_very_scripts(project):
    project.profile(sbatch=LATER)
    project.submit_sweep(BATCH, 2, 2)
    told = project.submit_sweep(BATCH, 2, 2, "--dry-run")
    project.launcher("cancel", "--all")
    assert len(scripts(project)) == 3
    for script in scripts(project):
        lines = script.read_text().splitlines()
        own = [line for line in lines if not line.startswith(("#SBATCH --dependency", "#SBATCH --comment"))]
        for line in own:
            assert line.replace(script.parent.name, "TIME") in told
    assert "to start at" in told


# M, N, R: what a job starts with, and where it lies


def test_a_site_with_modules_and_an_odd_path(project, tmp_path):
    """Functions of the submitter's shell, BASH_ENV, and an outputs root whose name SLURM would read signs in."""
    (tmp_path / "site.sh").write_text("export FROM_THE_SITE=1\n")
    setup = ["module load cuda", 'test "$LOADED$FROM_THE_SITE" = cuda1']
    shared = tmp_path / "%A_shared %N"
    project.profile(setup=setup, mem_gb=None, cpus=None, shared_folder=str(shared))
    function = 'module() { if [ "$1" = load ]; then export LOADED=$2; fi; }; export -f module; exec "$@"'
    odd = project.folder / "100%j_%A_ok it's"
    project.outputs = OutputsRoot(odd)
    command = [
        sys.executable, "-m", "launcher", "sweep", "--config", "cheap.yaml", "--n-trials", "2", "--n-jobs", "2",
        "--batch-id", BATCH, "--executor", "slurm", "--cluster", "cluster.yaml", "--set", f"paths.outputs={odd}",
    ]  # fmt: skip
    environment = {**project.environment, "BASH_ENV": str(tmp_path / "site.sh")}
    submitted = subprocess.run(
        ["bash", "-c", function, "bash", *command],
        cwd=project.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stderr
    project.wait_for_end()
    with project.explained():
        project.check_budget(BATCH, 2)
        assert len(project.outputs.sweep(BATCH).worker_logs()) == 2
        assert len(list(shared.glob("*/*/*_log.out"))) == 4
        assert not [path for path in project.folder.iterdir() if path.name.startswith("100") and path != odd]
    assert "run " in project.launcher("logs", BATCH)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({"setup": ["set -e", "false"]}, "setup failed with exit code 1: false"),
        ({"setup": ["module load no_such_module"]}, "module: command not found"),
        ({"python": "/opt/other/bin/python"}, "/opt/other/bin/python"),
        ({"setup": ["exit 3"]}, "nothing: the log is empty"),
    ],
    ids=["a setup that fails", "no module command", "no such python", "without a word"],
)
def test_when_all_jobs_die_at_their_start_status_says_why(project, profile, said):
    project.profile(**profile, max_tries=1)
    project.submit_sweep(BATCH, 1, 1)
    project.wait_for_end(180)
    status = project.launcher("status")
    assert f"{BATCH}: trials are open, and no job and no worker is left for them" in status
    assert said in status
    told = json.loads(project.launcher("status", "--json"))["ended_early"][BATCH]
    assert said in told["end"]
    finishers = [log.read_text() for log in project.outputs.cluster.jobs.glob("*/*_log.out")]
    assert any("given up with 1 trials open" in log for log in finishers)
    assert not any("Traceback" in log for log in finishers)


# Several workers on one GPU


def test_workers_of_one_task_share_its_gpu(project, tmp_path):
    """The cluster's GPU is a pretended one, and so is what nvidia-smi says of it."""
    smi = tmp_path / "nvidia-smi"
    smi.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: pretended (UUID: GPU-1)" || echo "GPU-1, 2000"\n')
    smi.chmod(0o755)
    project.environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    project.profile(gpus=1, workers_per_gpu=2)
    project.submit_sweep(BATCH, 4, 2)
    project.wait_for_end()
    project.check_budget(BATCH, 4)
    workers = project.ledger.workers(BATCH)
    assert len(workers) == 2
    assert len({worker.job_id for worker in workers}) == 1

    [record, *_] = project.outputs.provenance_files()
    record.write_text(json.dumps({**json.loads(record.read_text()), "gpu_memory_mb": 900.0}))
    project.profile(gpus=1, workers_per_gpu=2, max_tries=1)
    project.submit_sweep("too_much", 2, 2)
    project.wait_for_end()
    assert "2 workers on 0: one has taken 900 MB of a GPU" in project.launcher("status")


# An upgrade while a plan is in the queue


def test_a_plan_in_the_queue_survives_an_upgrade_and_anybody_can_repeat_a_finisher(project):
    project.profile(sbatch=LATER)
    project.submit_sweep(BATCH, 2, 1)
    code = project.folder / "truestrength"
    shutil.copytree(REPOSITORY / "truestrength", code)  # the jobs' working directory comes first
    layout = {
        "launcher.slurm": "launcher.batch",
        "launcher.jobs": "launcher.inside",
        "commands.cluster": "commands.job",
    }
    for path in code.glob("launcher/**/*.py"):
        text = path.read_text()
        for old, new in layout.items():
            text = text.replace(old, new)
        path.write_text(text.replace("every sweep is", "all is"))
    own = code / "launcher"
    (own / "slurm").rename(own / "batch")
    (own / "jobs").rename(own / "inside")
    (own / "commands" / "cluster.py").rename(own / "commands" / "job.py")
    for array_id in queued(project).values():
        project.slurm.ask("scontrol", "update", f"JobId={array_id}", "StartTime=now")
    project.wait_for_end()
    project.check_budget(BATCH, 2)
    logs = [log.read_text() for log in project.outputs.cluster.jobs.glob("*/*_log.out")]
    assert any("all is complete" in log for log in logs)

    # By hand, what the script of the sweep's finisher runs.
    project.outputs.sweep(BATCH).results.unlink()
    [plan] = (project.outputs.cluster.folder / "plans").iterdir()
    project.launcher("finish", str(plan), "--batch-id", BATCH)
    project.check_budget(BATCH, 2)
