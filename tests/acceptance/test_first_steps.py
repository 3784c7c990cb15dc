"""What a newcomer does, whatever his shell is set to: a plan, and the command that the report prints, word for word.

No database but the embedded one, which the plan starts and stops.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from markupsafe import escape

from tests.support.places import REPOSITORY
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths
from truestrength.trainer.contract.records.metrics import RunMetrics

SMALL = "extends: CONFIG\ntraining: {max_lists_oof: 20, max_final_batches: 20, n_folds: 2}\n"
SPACE = "search_spaces: {phase1: {max_depth: {type: fixed, value: 3}}}\n"
SETTINGS = {
    "PYTHONIOENCODING": "latin-1",
    "LAB": "lab",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a space in its name and a small league."""
    folder = tmp_path_factory.mktemp("first steps")
    config = SMALL.replace("CONFIG", str(REPOSITORY / "config" / "outputs4_phase1.yaml"))
    (folder / "c.yaml").write_text(config + SPACE)
    done = run(folder, "trainer", "data", "demo", "--into", "league", "--seasons", "5")
    assert done.returncode == 0, done.stderr
    return folder


def environment(**more):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "PG"))}
    return {**plain, "HOME": str(Path.home()), **more}


def run(folder, module, *words, **variables):
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, env=environment(**variables)
    )


def sweep(folder, *more, **variables):
    words = ("--n-trials", "2", "--n-jobs", "1", "--config", "c.yaml", "--set", "paths.data=league", *more)
    return run(folder, "launcher", "sweep", *words, **variables)


@pytest.fixture(scope="module")
def finished(project):
    done = sweep(project, "--set", "training.amp=off", "--set", "paths.outputs=$LAB/out", **SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_plan_ends_whatever_the_shell_is_set_to(project, finished):
    assert "database: stopped; its data stays in .postgres/" in finished
    assert "could not be drawn" not in finished
    sweeps = project / "lab/out/sweeps"
    command = (sweeps / "phase1_spearman_final_rank" / "command.txt").read_text()
    assert command.startswith("truestrength sweep --n-trials 2 --n-jobs 1 --config c.yaml")
    assert escape(command.strip()) in (sweeps / "report.html").read_text()
    drawn = {path.stem for path in (project / "lab/out/sweeps/figures").iterdir()}
    assert {"trials_spearman", "rankers_final_rank", "thirds", "title_odds"} <= drawn


def test_the_command_of_the_report_repeats_the_best_run_with_the_server_stopped(project, finished):
    report = (project / "lab/out/sweeps/SWEEP_PHASE1_ANALYSIS.md").read_text()
    repeating = report.partition("## Repeating a run by hand")[2]
    command, _, _ = re.search(r"```sh\n(.+)\n", repeating)[1].partition("  #")
    assert not EmbeddedServerPaths.of(project).url.exists(), "the server is stopped"
    fresh = {"PATH": "/usr/bin:/bin", "HOME": str(project)}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=project, env=fresh, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    again = RunPaths(project / done.stdout.strip())
    first = RunPaths(project / re.search(r"--config (\S+)/config.yaml", command)[1])
    assert again.folder.parent == project / "lab/out/runs"
    one, other = (msgspec.json.decode(run.metrics.read_bytes(), type=RunMetrics) for run in (first, again))
    cost = {"seconds": {}, "cache": {}, "cost": None}
    assert msgspec.structs.replace(one, **cost) == msgspec.structs.replace(other, **cost)
    assert first.predictions.read_bytes() == again.predictions.read_bytes()
    assert not EmbeddedServerPaths.of(project).url.exists(), "no server was started for it"

    more = sweep(project, "--n-trials", "3", "--set", "training.amp=off", "--set", "paths.outputs=$LAB/out", **SETTINGS)
    assert more.returncode == 0, more.stdout + more.stderr
    ids = sorted(path.name for path in (project / "lab/out").rglob("run_*") if path.is_dir())
    assert ids == ["run_025", "run_026", "run_027", "run_028"], "the database goes on behind the run by hand"


def test_plots_that_cannot_be_drawn_are_said_once_and_cost_nothing_else(project):
    figures = project / "plotless" / "sweeps" / "figures"
    figures.parent.mkdir(parents=True)
    figures.write_text("a file in the way")
    done = sweep(project, "--set", "paths.outputs=plotless")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("could not be drawn") == 1
    assert "could not be drawn" in (figures.parent / "SWEEP_PHASE1_ANALYSIS.md").read_text()
    assert (figures.parent / "phase1_spearman_final_rank" / "sweep_results.csv").read_text().count("complete") == 2


def test_the_second_plan_runs_to_its_exact_budget_and_too_little_of_it_is_not_narrowed(project):
    words = ("--config", str(REPOSITORY / "config" / "phase2.yaml"), "--n-trials", "2", "--n-jobs", "2", "--no-noise")
    small = ("paths.data=league", "paths.outputs=second", "training.max_lists_oof=20", "training.max_final_batches=20")
    sets = [word for one in (*small, "training.n_folds=2") for word in ("--set", one)]
    done = run(project, "launcher", "run", "phase2", *words, *sets)
    assert done.returncode == 0, done.stdout + done.stderr
    sweep = "phase2_spearman_final_rank"
    assert re.search(rf"^{sweep} +2/2 +0 .* complete$", done.stdout, re.MULTILINE)
    found = json.loads((project / "second/sweeps" / sweep / "sweep_config.json").read_text())
    assert (found["phase"], found["n_trials"]) == ("phase2", 2)
    more = run(project, "launcher", "narrow", "--from", sweep)
    assert more.returncode == 2
    assert f"{sweep}: has 2 complete trials, and a quartile needs at least 8" in more.stderr
    assert "Traceback" not in more.stderr


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluation.first_day=400", "evaluation.first_day: 400: the season"),
        ("training.n_folds=9", "training.n_folds: 9 folds of whole seasons need 9 training seasons, found 2"),
        ("training.max_lists_oof=3", "training.max_lists_oof: 3: 4 lists are needed"),
        ("evaluation.holdout=[1999-00]", "evaluation.holdout: the league has no season '1999-00'"),
        ("paths.outputs=$UNSET_IN_EVERY_SHELL/out", "the variable UNSET_IN_EVERY_SHELL is not set"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_started(project, tmp_path, override, said):
    (tmp_path / "c.yaml").write_bytes((project / "c.yaml").read_bytes())
    (tmp_path / "league").symlink_to(project / "league")
    done = sweep(tmp_path, "--set", override)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "league"], "nothing was started or made"
    by_hand = run(tmp_path, "trainer", "run", "--config", "c.yaml", "--set", "paths.data=league", "--set", override)
    assert by_hand.returncode == 2
    assert said in by_hand.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "league"]
