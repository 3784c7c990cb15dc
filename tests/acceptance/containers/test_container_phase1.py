"""All of Phase I by one command, in one container with the embedded database, and by compose with one that stays."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY

pytestmark = pytest.mark.timeout(1500)

SMALL = """
extends: [outputs4_phase1.yaml]
evaluation: {validation: 1, first_day: 120}
training: {max_lists_oof: 4, max_final_batches: 4, n_folds: 2, roster_size: 5, rolling_windows: [5]}
search_spaces:
  phase1: &small
    model_a_epochs: {type: fixed, value: 2}
    model_a.learning_rate: {type: float, low: 0.001, high: 0.01}
    n_estimators_xgb: {type: fixed, value: 2}
    n_estimators_rf: {type: fixed, value: 2}
    rolling_windows: {type: fixed, value: [5]}
  rolling: *small
"""
ARGUMENTS = ["--config", "config/small.yaml", "--n-trials", "1", "--n-jobs", "2"]
# The engine has no network of its own, so both services share the host's.
ON_THE_HOST = """
services:
  database: {{network_mode: host, extra_hosts: ["database:127.0.0.1"]}}
  phase1:
    network_mode: host
    extra_hosts: ["database:127.0.0.1"]
    volumes: ["{small}:/app/config/small.yaml:ro", "{league}/demo:/app/data/demo:ro"]
"""


@pytest.fixture
def folder(engine, tmp_path):
    """A project folder with outputs of the stranger's, and a small configuration."""
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "outputs4").mkdir()
    os.chown(tmp_path / "outputs4", *engine.stranger)
    return tmp_path


def test_one_command_runs_phase1_and_goes_on_after_a_stop(engine, folder):
    mounts = [
        "--volume",
        f"{folder}/outputs4:/app/outputs4",
        "--volume",
        f"{folder}/small.yaml:/app/config/small.yaml:ro",
    ]
    command = ["--shm-size", "1g", *mounts, engine.tag, "phase1", *ARGUMENTS]
    with subprocess.Popen(
        ["docker", "run", "--rm", "--network=host", "--name", "truestrength-test-phase1", *command],
        env={**os.environ, **engine.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as first:
        wait_for_runs(folder, 1, first)
        engine.ask("stop", "--time=100", "truestrength-test-phase1")
        said = first.communicate(timeout=120)[0]
    assert first.returncode == 130, said
    # Stopped in good order: the server too, so that it may be started anywhere.
    assert json.loads((folder / "outputs4/.postgres/server.json").read_text())["host"] == ""
    before = complete(folder)
    assert len(before) < 13

    second = engine.run(*command)
    assert second.returncode == 0, second.stdout + second.stderr
    check_phase1(engine, folder)
    assert before <= complete(folder)


READ_ONLY = ["--read-only", "--tmpfs", "/tmp"]


@pytest.mark.parametrize(
    ("owner", "options"),
    [
        ((501, 20), ["--user", "501:20", *READ_ONLY]),
        ((99, 98), ["--user", "99:98", *READ_ONLY]),
        ((1000, 1000), READ_ONLY),
    ],
)
def test_users_whom_the_image_does_not_know(engine, folder, owner, options):
    """Numbers of people on a Mac, below all that a system gives to people, and of the owner of the mounted folder."""
    outputs = folder / "outputs4"
    os.chown(outputs, *owner)
    mounts = ["--volume", f"{outputs}:/app/outputs4", "--volume", f"{folder}/small.yaml:/app/config/small.yaml:ro"]
    sweep = ["sweep", "--batch-id", "s", "--config", "config/small.yaml", "--n-trials", "1", "--n-jobs", "1"]
    done = engine.run("--shm-size", "1g", *options, *mounts, engine.tag, *sweep)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(complete(folder)) == 1
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in outputs.rglob("*")} == {owner}


def test_compose_keeps_the_database(engine, folder, league):
    (folder / "host.yaml").write_text(ON_THE_HOST.format(small=folder / "small.yaml", league=league))
    up = ["up", "--no-build", "--exit-code-from", "phase1"]
    try:
        done = compose(engine, folder, *up)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        check_phase1(engine, folder)
        assert not (folder / "outputs4/.postgres").exists()
        inspected = engine.ask("inspect", *compose(engine, folder, "ps", "--all", "--quiet").stdout.split())
        assert "postgresql://" not in inspected
        again = compose(engine, folder, *up)
        assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
        assert len(complete(folder)) == 13
        assert len(list(folder.glob("outputs4/sweeps/*/run_*"))) == 13
    finally:
        compose(engine, folder, "down", "--volumes")
    assert "truestrength" not in engine.ask("volume", "ls", "--quiet")


def compose(engine, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The project's compose.yaml, in the folder of the test's."""
    files = ["--file", str(REPOSITORY / "compose.yaml"), "--file", str(folder / "host.yaml")]
    return subprocess.run(
        ["docker-compose", "--project-name", "truestrength", "--project-directory", str(folder), *files, *arguments],
        env={**os.environ, **engine.environment, "TRUESTRENGTH_IMAGE": engine.tag, "ARGS": " ".join(ARGUMENTS)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def wait_for_runs(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while len(complete(folder)) < count:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "no runs"
        time.sleep(0.3)


def complete(folder: Path) -> set[str]:
    """Run folders of complete runs."""
    return {path.parent.name for path in folder.glob("outputs4/sweeps/*/run_*/metrics.json")}


def check_phase1(engine, folder: Path) -> None:
    """Thirteen sweeps with a complete trial each, ids from run_025 on, all files of the folder's owner."""
    sweeps = folder / "outputs4" / "sweeps"
    assert len(list(sweeps.glob("*/sweep_results.csv"))) == 13
    assert (sweeps / "SWEEP_PHASE1_ANALYSIS.md").exists()
    assert len(complete(folder)) == 13
    # The very first run may have been cut off by the stop.
    assert min(path.name for path in sweeps.glob("*/run_*")) == "run_025"
    strangers = [path for path in (folder / "outputs4").rglob("*") if path.lstat().st_uid != engine.stranger[0]]
    assert strangers == []
