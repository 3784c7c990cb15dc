"""The image itself: what is in it, as whom it runs, and that it can be stopped."""

import json
import subprocess
import time
import tomllib

import pytest

from tests.support.places import REPOSITORY

pytestmark = pytest.mark.timeout(1500)  # the first test of a session waits for the build


@pytest.fixture
def outputs(engine, tmp_path):
    """A folder of the stranger's."""
    folder = tmp_path / "outputs4"
    folder.mkdir()
    subprocess.run(["chown", ":".join(map(str, engine.stranger)), str(folder)], check=True)
    return folder


def test_it_says_what_it_is(engine):
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    config = json.loads(engine.ask("image", "inspect", "--format", "{{json .Config}}", engine.tag))
    assert config["Labels"]["org.opencontainers.image.version"] == version
    assert config["Labels"]["org.opencontainers.image.revision"] == engine.commit
    assert f"TRUESTRENGTH_COMMIT={engine.commit}" in config["Env"]
    assert f"TRUESTRENGTH_IMAGE=truestrength:{version}" in config["Env"]


def test_nothing_of_the_build_is_left_in_it(engine):
    history = engine.ask("history", "--no-trunc", engine.tag)
    assert "127.0.0.1" not in history
    assert "BEGIN CERT" not in history
    left = "ls /etc/pip.conf /run/secrets/* /opt/venv/bin/pip; command -v gcc cc g++ make git"
    assert engine.run(engine.tag, "sh", "-c", left).stdout.split() == ["/run/secrets/database_url"]
    assert engine.ask("run", "--rm", "--network=host", engine.tag, "sh", "-c", "cat /run/secrets/database_url") == ""


def test_versions_are_the_pinned_ones(engine):
    pinned = dict(line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().split() if "==" in line)
    script = "from importlib.metadata import distributions as d; print(*(f'{p.name}=={p.version}' for p in d()))"
    found = dict(
        entry.split("==")
        for entry in engine.ask("run", "--rm", "--network=host", engine.tag, "python", "-c", script).split()
    )
    assert found["torch"] == f"{pinned['torch']}+cpu"
    others = {name: version for name, version in found.items() if name not in ("torch", "truestrength", "setuptools")}
    assert {name: pinned.get(name) for name in others} == others


def test_it_runs_as_nobody_in_particular(engine, outputs):
    who = ["sh", "-c", "id -u; id -g; echo $USER; grep CapEff /proc/self/status"]
    nothing = "0" * 16
    assert engine.run(engine.tag, *who).stdout.split() == ["10001", "10001", "truestrength", "CapEff:", nothing]
    uid, gid = map(str, engine.stranger)
    expected = [uid, gid, f"uid{uid}", "CapEff:", nothing]
    assert engine.run("--user", f"{uid}:{gid}", engine.tag, *who).stdout.split() == expected
    mounted = ["--volume", f"{outputs}:/app/outputs4"]
    assert engine.run(*mounted, engine.tag, *who).stdout.split() == expected


def test_a_folder_that_cannot_be_written_is_a_clear_error(engine, tmp_path):
    done = engine.run("--user", "4242", "--volume", f"{tmp_path}:/app/outputs4", engine.tag, "phase1")
    assert done.returncode == 2
    assert "error: uid 4242 cannot write to /app/outputs4" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_commands_reach_launcher_trainer_or_a_program(engine):
    assert "truestrength" in engine.run(engine.tag).stdout
    assert "truestrength db" in engine.run(engine.tag, "db", "--help").stdout
    assert "python -m trainer work" in engine.run(engine.tag, "trainer", "work", "--help").stdout
    assert engine.run(engine.tag, "python", "-c", "print(6 * 7)").stdout == "42\n"
    wrong = engine.run(engine.tag, "phase2")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_the_code_is_the_images_whatever_is_mounted(engine, tmp_path):
    for name in ("trainer", "truestrength"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the host has its own')")
    tmp_path.chmod(0o755)
    where = engine.run("--volume", f"{tmp_path}:/p", "--workdir", "/p", engine.tag, "python", "-m", "trainer", "--help")
    assert where.returncode == 0


def test_a_read_only_root_and_an_unnamed_user_can_train(engine):
    script = "import torch, getpass; torch.nn.Linear(2, 1)(torch.ones(1, 2)).backward()"
    script += (
        "; from truestrength.trainer.contract.charts.renderer import svg; svg({'mark': 'point'}); getpass.getuser()"
    )
    done = engine.run("--read-only", "--tmpfs", "/tmp", "--user", "4242", engine.tag, "python", "-c", script)
    assert done.returncode == 0, done.stderr


def test_gpus_are_asked_for_by_the_images_own_variables(engine):
    done = engine.run(
        "--gpus", "all", engine.tag, "sh", "-c", 'echo "$NVIDIA_VISIBLE_DEVICES" "$NVIDIA_DRIVER_CAPABILITIES"'
    )
    assert done.stdout.split() == ["all", "compute,utility"]


def test_sigterm_is_not_lost_while_python_starts(engine):
    name = "truestrength-test-stop"
    script = "import torch, time; time.sleep(120)"
    client = subprocess.Popen(
        [
            "timeout",
            "100",
            "docker",
            "run",
            "--rm",
            "--network=host",
            "--name",
            name,
            engine.tag,
            "python",
            "-c",
            script,
        ],
        env={"PATH": "/usr/bin:/bin", **engine.environment},
    )
    deadline = time.monotonic() + 60
    while engine.docker("inspect", "--format", "{{.State.Running}}", name).stdout.strip() != "true":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engine.ask("kill", "--signal=TERM", name)
    assert client.wait(30) == 143
