"""The container around a worker, as its job starts and ends it; here with a runtime that is a shell script."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from truestrength.launcher.containers.contained import contained, preview, wants_gpus
from truestrength.launcher.containers.settings import SECRET, Container, ContainerSettings, container
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import DatabaseError

URL = "postgresql://me:s3cret@127.0.0.1:5432/sweeps"
WORDS = ["-m", "trainer", "work", "--batch-id", "b"]
DIGEST = "sha256:" + "b" * 64


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (address.URL_VARIABLE, address.FILE_VARIABLE, "CUDA_VISIBLE_DEVICES", "USER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def docker(tmp_path: Path) -> Container:
    """Says its image's digest, and writes down what else it is asked."""
    script = tmp_path / "docker"
    script.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n[ "$2" = inspect ] && echo {DIGEST}\n')
    script.chmod(0o755)
    settings = ContainerSettings(runtime="docker", image="t:1", executable=str(script), env=("TOKEN", "LEVEL=3"))
    return container(settings, Paths(), tmp_path / "project")


def mount_source(arguments: list[str]) -> Path:
    line = next(word for word in arguments if f"target={SECRET}" in word)
    return Path(line.split("source=")[1].split(",")[0])


def test_secret_of_a_variable_is_a_file_for_its_owner_as_long_as_the_worker_runs(
    docker: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(address.URL_VARIABLE, URL)
    with contained(docker, WORDS, {}) as launch:
        secret = mount_source(launch.arguments)
        assert secret.read_text() == URL
        assert secret.stat().st_mode & 0o777 == 0o600
        assert "s3cret" not in " ".join(launch.arguments)
        assert launch.environment[address.URL_VARIABLE] is None
        assert launch.environment[address.FILE_VARIABLE] == str(SECRET)
    assert not secret.exists()


def test_secret_file_of_the_user_is_mounted_as_it_is(
    docker: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(address.FILE_VARIABLE, str(tmp_path / "url"))
    (tmp_path / "url").write_text(URL)
    with contained(docker, WORDS, {}) as launch:
        assert mount_source(launch.arguments) == tmp_path / "url"
    assert (tmp_path / "url").exists()


def test_no_database(docker: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatabaseError, match="neither DATABASE_URL nor"), contained(docker, WORDS, {}):
        pass
    monkeypatch.setenv(address.FILE_VARIABLE, "/nowhere/url")
    with pytest.raises(DatabaseError, match="DATABASE_URL_FILE=/nowhere/url is not there"):
        contained(docker, WORDS, {}).__enter__()


def test_what_a_worker_is_told(docker: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(address.URL_VARIABLE, URL)
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("PYTHONPATH", "/host")
    with contained(docker, WORDS, {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": None}) as launch:
        told = {launch.arguments[i + 1] for i, word in enumerate(launch.arguments) if word == "--env"}
    # What is written out beside its name is no secret: a root caller stays root.
    values = {name: launch.environment[name] for name in told if "=" not in name}
    assert {name for name in told if "=" in name} == ({"TRUESTRENGTH_ROOT=1"} if os.getuid() == 0 else set())
    assert values == {
        "SLURM_ARRAY_JOB_ID": "7",
        "OMP_NUM_THREADS": "2",
        "TOKEN": "t0ken",
        "LEVEL": "3",
        address.FILE_VARIABLE: str(SECRET),
        "TRUESTRENGTH_IMAGE": "t:1",
        "TRUESTRENGTH_IMAGE_DIGEST": DIGEST,
    }


def test_folders_to_write_to_are_made_by_the_caller(docker: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(address.URL_VARIABLE, URL)
    with contained(docker, WORDS, {}):
        assert (docker.workdir / "outputs4").stat().st_uid == os.getuid()
        assert (docker.workdir / ".cache/batches").is_dir()
        assert not (docker.workdir / "data").exists()


def test_a_container_is_removed_by_the_name_it_was_started_with(
    docker: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(address.URL_VARIABLE, URL)
    names = set()
    for _ in range(2):
        with suppress(SystemExit), contained(docker, WORDS, {}) as launch:
            name = launch.arguments[launch.arguments.index("--name") + 1]
            raise SystemExit
        assert (tmp_path / "asked").read_text().splitlines()[-1] == f"rm --force {name}"
        names.add(name)
    assert len(names) == 2


def test_preview_touches_nothing(docker: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    unset = preview(docker, WORDS, {})
    monkeypatch.setenv(address.URL_VARIABLE, URL)
    arguments = preview(docker, WORDS, {})
    assert arguments == unset, "the database of an outputs root is known when the plan is run"
    assert arguments[-5:] == WORDS
    assert "s3cret" not in " ".join(arguments)
    assert not docker.workdir.exists()


def test_gpus(tmp_path: Path) -> None:
    def settings(gpus: str) -> ContainerSettings:
        return ContainerSettings(runtime="docker", image="t", gpus=gpus)

    driver = tmp_path / "nvidiactl"
    assert not wants_gpus(settings("auto"), driver)
    assert wants_gpus(settings("all"), driver)
    driver.touch()
    assert wants_gpus(settings("auto"), driver)
    assert not wants_gpus(settings("none"), driver)
