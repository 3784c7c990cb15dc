"""A small plan on a real SLURM, from the command to the files; and the whole of Phase I, submitted and cancelled."""

import itertools
import json
import os
import stat
from collections import Counter
from urllib.parse import urlsplit

import yaml

SWEEPS = [
    "phase1_spearman_final_rank",
    "phase1_ndcg4_playoff_outcome",
    "phase1_rolling_spearman_playoff_outcome",
]


def test_a_small_plan_runs_in_order_and_leaves_its_files(project):
    printed = project.submit_small_plan("sequential", n_trials=2, n_jobs=2)
    assert "Nothing runs here" in printed
    queue = {job["name"].rpartition(".")[0]: job for job in project.slurm.queue()}
    assert len(queue) == 7
    for before, after in itertools.pairwise(SWEEPS):
        assert queue[f"{before}.work"]["array"] in queue[f"{before}.finish"]["after"]
        assert queue[f"{before}.finish"]["array"] in queue[f"{after}.work"]["after"]

    project.wait_for_slots(SWEEPS[0], 1)
    check_no_process_knows_the_password(project)
    project.wait_for_end()

    for batch_id in SWEEPS:
        project.check_budget(batch_id, 2)
        sweep = project.outputs.sweep(batch_id)
        for path in (sweep.config, sweep.results, sweep.summary, sweep.best_configs, sweep.study, sweep.importances):
            assert path.exists()
    attempts = {batch_id: project.ledger.attempts(batch_id) for batch_id in SWEEPS}
    for before, after in itertools.pairwise(SWEEPS):
        assert max(a.finished_at for a in attempts[before]) < min(a.started_at for a in attempts[after])
    assert sorted(a.run_id for batch_id in SWEEPS for a in attempts[batch_id]) == list(range(25, 31))
    assert all(batch_id in project.outputs.analysis.read_text() for batch_id in SWEEPS)
    # SLURM remembers jobs of sweeps of the same name that ended a while ago.
    mine = {job["name"] for job in queue.values() if job["name"].partition(".")[0] in SWEEPS}
    names = {name: states for name, states in project.slurm.states().items() if name in mine}
    assert len(names) == 6
    assert {state for states in names.values() for state in states} == {"COMPLETED"}
    assert {w.job_id.partition("_")[0] for w in project.ledger.workers(SWEEPS[0])} == {
        queue[f"{SWEEPS[0]}.work"]["array"]
    }
    check_the_password_is_in_one_file(project)

    again = project.submit_small_plan("sequential", n_trials=2, n_jobs=2)
    assert again.count("nothing left to do") == 3
    assert {job["name"].split(".")[1] for job in project.slurm.queue()} <= {"analysis"}


def deadly_sbatch(real, folder):
    """A folder with an sbatch that works, but on its fourth call the launcher dies before it hears of it."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "sbatch").write_text(
        f'#!/bin/sh\ncase "$*" in *test-only*) exec {real} "$@";; esac\n'
        f'echo call >> {folder}/calls\n[ "$(wc -l < {folder}/calls)" -lt 4 ] && exec {real} "$@"\n'
        f'{real} "$@" > /dev/null\nkill -KILL $PPID\n'
    )
    (programs / "sbatch").chmod(0o755)
    return programs


def test_a_submission_that_was_cut_off_is_completed_without_double_jobs(project, tmp_path):
    everything = [
        "phase1", "--config", "cheap.yaml", "--n-trials", "6", "--n-jobs", "6", "--order", "parallel",
        "--executor", "slurm", "--cluster", "cluster.yaml",
    ]  # fmt: skip
    project.profile(partition="cpuu")
    refused = project.try_launcher(*everything)
    assert refused.returncode == 2
    assert "invalid partition specified: cpuu" in refused.stderr
    assert "Traceback" not in refused.stderr
    project.profile()

    programs = deadly_sbatch(project.slurm.ask("which", "sbatch"), tmp_path)
    killed = project.try_launcher(*everything, PATH=f"{programs}:{os.environ['PATH']}")
    assert killed.returncode == -9
    left = {job["array"] for job in project.slurm.queue()}
    assert len(left) == 4

    project.launcher(*everything)
    queue = project.slurm.queue()
    assert left <= {job["array"] for job in queue}
    arrays = Counter(job["name"].split(".")[1] for job in {job["array"]: job for job in queue}.values())
    # The cluster allows four elements: six workers are two arrays.
    assert arrays == {"work": 26, "finish": 13, "analysis": 1}
    workers = Counter(job["name"] for job in queue if ".work." in job["name"])
    assert set(workers.values()) == {6}
    rolling = next(job for job in queue if job["name"].startswith("phase1_rolling") and ".work." in job["name"])
    assert rolling["after"].count("afterany") == 12
    seen = json.loads(project.launcher("status", "--json"))
    assert {sweep["state"] for sweep in seen["sweeps"]} <= {"queued", "running"}
    assert len(seen["jobs"]) == 40
    project.launcher("cancel", "--all")
    project.wait_for_end()
    assert {sweep["state"] for sweep in json.loads(project.launcher("status", "--json"))["sweeps"]} == {"cancelled"}


def test_sweeps_that_end_early_hold_nobody_up_and_go_on_with_other_limits(project):
    early = [
        {"batch_id": "by_goal", "goal": 0.1, "n_trials": 8, "n_jobs": 3},
        {"batch_id": "by_time", "max_minutes": 0.001, "n_trials": 4, "n_jobs": 1, "after": "all", "repeats": 2},
    ]
    text = {"extends": "cheap.yaml", "plans": {"early": early}}
    (project.folder / "early.yaml").write_text(yaml.safe_dump(text))
    project.profile(array_parallelism=1)
    command = ["run", "early", "--config", "early.yaml", "--executor", "slurm", "--cluster", "cluster.yaml"]
    project.launcher(*command, "--no-noise")
    project.wait_for_end()
    seen = {sweep["batch_id"]: sweep for sweep in json.loads(project.launcher("status", "--json"))["sweeps"]}
    for name, standing, budget in (("by_goal", "goal reached", 8), ("by_time", "time is up", 4)):
        done, left = seen[name]["done"], seen[name]["not_needed"]
        assert done >= 1
        assert left >= 1
        assert (done + left, seen[name]["state"]) == (budget, f"{standing}, {left} not needed")
        project.check_budget(name, done)
        assert len(project.ledger.workers(name)) == 1, "those that waited for their turn have left the queue"
    states = {name: found for name, found in project.slurm.states().items() if name.startswith("by_")}
    assert {state for name, found in states.items() if ".finish." in name for state in found} == {"COMPLETED"}
    assert sum(found.count("COMPLETED") for name, found in states.items() if ".work." in name) == 2
    assert "All 2 sweeps are complete" in project.outputs.analysis.read_text()
    assert project.launcher(*command, "--no-noise").count("nothing left to do") == 2
    project.wait_for_end()
    assert "nothing left to do" not in project.launcher(*command, "--goal", "1", "--max-minutes", "60")
    assert {sweep.not_needed for sweep in project.ledger.all_progress()} == {0}
    project.launcher("cancel", "--all")


def check_no_process_knows_the_password(project):
    password = urlsplit(project.ledger.url).password.encode()
    seen = 0
    for _pid, command, variables in project.job_processes():
        seen += 1
        assert password not in command
        assert not [variable for variable in variables if password in variable]
    assert seen >= 3  # batch script, launcher, trainer


def check_the_password_is_in_one_file(project):
    password = urlsplit(project.ledger.url).password.encode()
    own = project.outputs.cluster.database_url
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert stat.S_IMODE(project.outputs.cluster.environment.stat().st_mode) == 0o600
    places = [project.folder, *(project.slurm.folder / name for name in ("state", "spool", "log", "mysql"))]
    files = [path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    assert {path for path in files if password in path.read_bytes()} == {own}
