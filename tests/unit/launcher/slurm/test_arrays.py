"""The batch scripts of workers and finishers: what they ask for, how they start, what they run."""

import os
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest

from truestrength.launcher.slurm import arrays as slurm_arrays
from truestrength.launcher.slurm.batch_script import batch_script, environment_lines, setup_lines
from truestrength.launcher.slurm.names import JobName
from truestrength.launcher.slurm.profile import ClusterProfile, Finisher
from truestrength.launcher.slurm.site import Site, Sweep
from truestrength.trainer.contract.paths.outputs import OutputsRoot

ALWAYS = {
    "--export=NIL", "--kill-on-invalid-dep=yes", "--nodes=1", "--ntasks-per-node=1", "--open-mode=append", "--requeue",
}  # fmt: skip
"""What every job is given, whatever the profile says."""


@pytest.fixture
def site(tmp_path):
    def make(**keys):
        profile = ClusterProfile(**{"timeout_min": 60, **keys})
        outputs = OutputsRoot(tmp_path)
        return Site(profile, outputs, "3fa9c21b", "plan-1", (Sweep("s", 4),), True, "/venv/bin/python")

    return make


def worker(site, size=1):
    [array] = slurm_arrays.workers(site, "s", size, [], 1000)
    return array


def finisher(site, after=()):
    return slurm_arrays.finisher(site, JobName("s", "finish", site.token), ["--batch-id", "s"], after)


def asked(submission):
    """The options of the script but for those that name it and those that every job is given."""
    lines = submission.script(submission.jobs / "now").splitlines()
    options = {word for line in lines if line.startswith("#SBATCH ") for word in shlex.split(line)[1:]}
    own = ("--job-name=", "--comment=", "--output=", "--signal=")
    assert options >= ALWAYS
    return {option for option in options - ALWAYS if not option.startswith(own)}


def test_an_array_over_the_clusters_limit_is_split(site):
    arrays = slurm_arrays.workers(site(array_parallelism=5), "s", 10, ["7", "8"], 4)
    assert [array.size for array in arrays] == [4, 4, 2]
    assert [array.options["array"] for array in arrays] == ["0-3%2", "0-3%2", "0-1%1"]
    assert {array.options["dependency"] for array in arrays} == {"afterany:7:8"}
    assert slurm_arrays.workers(site(), "s", 0, [], 4) == []


def test_what_a_profile_leaves_out_is_left_to_the_cluster(site):
    assert asked(worker(site())) == {"--time=60"}
    assert asked(finisher(site())) == {"--time=30"}
    assert "--cpus-per-task" not in worker(site()).script(site().outputs.root)
    assert asked(finisher(site(finisher=Finisher(timeout_min=None)))) == set()


def test_what_a_profile_says_is_asked_for(site):
    made = site(cpus=3, mem_gb=1.5, gpus=2, constraint="a b", sbatch={"exclusive": True, "nice": 5, "wckey": False})
    assert asked(worker(made)) == {
        "--time=60", "--cpus-per-task=3", "--mem=1536M", "--gpus-per-node=2", "--constraint=a b", "--exclusive",
        "--nice=5",
    }  # fmt: skip
    assert "srun --unbuffered --cpus-per-task=3 /venv/bin/python -u -m launcher worker" in "\n".join(
        worker(made).parts[-1]
    )


def test_workers_that_share_a_gpu_are_tasks_of_one_job(site):
    made = site(gpus=1, workers_per_gpu=3, mem_gb=2, cpus=4, array_parallelism=6)
    first, second = slurm_arrays.workers(made, "s", 10, [], 3)
    assert (first.size, second.size) == (3, 1)
    assert first.options["array"] == "0-2%1"
    assert {"--gpus-per-node=1", "--mem=6144M", "--cpus-per-task=4"} <= set(asked_of(first))
    assert "--ntasks-per-node=3" in asked_of(first)
    assert "srun --unbuffered --ntasks=3 --cpus-per-task=4 " in first.parts[-1][1]


def asked_of(submission):
    lines = submission.script(submission.jobs / "now").splitlines()
    return [word for line in lines if line.startswith("#SBATCH ") for word in shlex.split(line)[1:]]


@pytest.mark.parametrize("option", ["mem-per-cpu", "mem_per_cpu", "mem-per-gpu"])
def test_memory_by_cpu_or_gpu_takes_the_place_of_the_nodes(site, option):
    named = f"--{option.replace('_', '-')}=1G"
    assert asked(worker(site(sbatch={option: "1G"}))) == {"--time=60", named}


def test_a_finisher_needs_no_gpu_and_takes_what_is_not_said_from_the_workers(site):
    gpus = {"gpus": 2, "mem-per-gpu": "8G", "cpus_per_gpu": 4, "gpu-bind": "closest", "mem-per-cpu": "2G", "nice": 1}
    made = site(partition="gpu", qos="short", gres="gpu:1", sbatch=gpus)
    assert asked(finisher(made)) == {"--partition=gpu", "--qos=short", "--time=30", "--mem-per-cpu=2G", "--nice=1"}
    own = Finisher(partition="cpu", mem_gb=2, cpus=1, timeout_min=5)
    assert asked(finisher(site(partition="gpu", sbatch=gpus, finisher=own), ["7"])) == {
        "--partition=cpu", "--mem=2048M", "--cpus-per-task=1", "--time=5", "--nice=1", "--dependency=afterany:7",
    }  # fmt: skip


def test_a_percent_sign_in_a_path_is_a_plain_one(site, tmp_path):
    odd = replace(site(), outputs=OutputsRoot(tmp_path / "100%j_%A_ok"))
    script = worker(odd, size=2).script(odd.outputs.sweep("s").jobs / "now")
    assert "/100%%j_%%A_ok/sweeps/s/jobs/now/%A_%a_0_log.out" in script
    assert "/100%j_%A_ok/.cluster/plans/plan-1.json" in script


def test_a_workers_threads_are_its_jobs_cpus(site, monkeypatch):
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    assert slurm_arrays.worker_job(site(), "s").words[-2:] == ("--threads", "1")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "6")
    assert slurm_arrays.worker_job(site(), "s").words[-2:] == ("--threads", "6")
    assert slurm_arrays.worker_job(site(cpus=3), "s").words[-2:] == ("--threads", "3")


def test_sbatch_takes_a_backslash_for_an_escape(site):
    assert "#SBATCH --comment='a\\\\b c'" in batch_script({"comment": "a\\b c"}).splitlines()


# What the scripts do, run by the shell that SLURM would run them by


def run(script, **variables):
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (["set -e", "false"], 1, "setup failed with exit code 1: false"),
        (["no-such-module load cuda"], 127, "no-such-module: command not found"),
        (["(exit 85)"], 85, "setup failed with exit code 85: (exit 85)"),
        (["A='it is'; export A", "[ \"$A\" = 'it is' ]", "false || true"], 0, ""),
        (["if true; then\n  B=1\nfi", "test $B = 1", "# a remark"], 0, ""),
    ],
)
def test_a_setup_line_that_fails_ends_the_job_and_is_named(lines, code, said):
    done = run(batch_script({}, setup_lines(lines), ["echo the worker runs"]))
    assert done.returncode == code
    assert said in done.stderr
    assert ("the worker runs" in done.stdout) == (code == 0)


def test_a_node_that_cannot_read_the_environment_says_so(tmp_path):
    done = run(batch_script({}, environment_lines(tmp_path / "not here"), ["echo the worker runs"]))
    assert done.returncode == 1
    assert f"this node cannot read {tmp_path}/not here" in done.stderr
    assert "the worker runs" not in done.stdout


def finisher_run(made, tmp_path):
    """Run a finisher's script up to what the launcher prints."""
    made.outputs.cluster.folder.mkdir(parents=True)
    made.outputs.cluster.environment.write_text("")
    return run(finisher(made).script(tmp_path))


def test_a_finisher_does_not_need_what_the_workers_profile_says(site, tmp_path):
    broken = replace(site(python="/opt/other/bin/python", setup=("set -e", "false")), python=sys.executable)
    done = finisher_run(broken, tmp_path)
    assert done.returncode == 2
    assert "plan-1.json: No such file or directory" in done.stderr


def test_a_finisher_has_the_workers_setup_where_all_of_it_works(site, tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "set up: $A$B"\nexit 1\n')
    python.chmod(0o755)
    made = replace(site(setup=("set -e", "export A=1", "export B=2")), python=str(python))
    done = finisher_run(made, tmp_path)
    assert (done.returncode, done.stdout) == (1, "set up: 12\n")
    made.outputs.cluster.environment.unlink()
    made.outputs.cluster.folder.rmdir()
    done = finisher_run(replace(made, profile=site(setup=("export A=1", "exit 3")).profile), tmp_path)
    assert (done.returncode, done.stdout) == (1, "set up: \n")


def test_a_finisher_takes_the_profiles_python_where_the_login_nodes_is_not_there(site, tmp_path):
    done = finisher_run(replace(site(python=sys.executable), python="/only/on/login/python"), tmp_path)
    assert done.returncode == 2
    assert "plan-1.json: No such file or directory" in done.stderr


@pytest.mark.parametrize(("code", "requeued"), [(75, True), (0, False), (1, False), (2, False)])
def test_a_finisher_without_room_goes_back_into_the_queue(site, tmp_path, code, requeued):
    python, scontrol = tmp_path / "python", tmp_path / "scontrol"
    python.write_text(f"#!/bin/sh\nexit {code}\n")
    scontrol.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n')
    for program in (python, scontrol):
        program.chmod(0o755)
    made = replace(site(), python=str(python))
    made.outputs.cluster.folder.mkdir(parents=True)
    made.outputs.cluster.environment.write_text(f"PATH={tmp_path}:$PATH\n")
    done = run(finisher(made).script(tmp_path), SLURM_JOB_ID="14")
    assert done.returncode == code
    calls = tmp_path / "calls"
    assert (calls.read_text() if calls.exists() else "") == ("requeue 14\n" if requeued else "")
