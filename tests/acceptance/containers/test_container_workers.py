"""Workers in containers, started by the launcher's local executor against a PostgreSQL outside."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.places import REPOSITORY

pytestmark = pytest.mark.timeout(1500)


def test_a_sweep_in_docker(engine, place):
    code, said = place.launcher(*place.sweep(2, 2, f"docker:{engine.tag}"))
    assert code == 0, said
    records = place.check_complete(2)
    assert [record["image"] for record in records] == [engine.tag] * 2
    assert [record["image_digest"] for record in records] == [engine.image_id()] * 2
    assert [record["git_commit"] for record in records] == [engine.commit] * 2
    assert place.containers() == []


def test_the_password_is_in_no_argument_and_not_in_inspect(engine, place, until):
    place.configure(epochs=5000)
    with place.start(*place.sweep(1, 1, f"docker:{engine.tag}")) as launcher:
        try:
            until(lambda: any(w.slot is not None for w in place.ledger.workers("s")), 120, "a busy worker")
            password = urlsplit(place.url).password
            assert password not in engine.ask("inspect", *place.containers())
            lines = [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
            assert any(b"trainer\0work" in line for line in lines)
            assert not [line for line in lines if password.encode() in line]
        finally:
            launcher.send_signal(signal.SIGTERM)
            said = launcher.communicate(timeout=100)[0]
    assert launcher.returncode == 130, said
    # Stopped in good order: the worker gave its slot back before its container went.
    assert place.containers() == []
    assert [a.state for a in place.ledger.attempts("s")] == ["released"]


@pytest.mark.parametrize("victim", ["container", "client"])
def test_the_slot_of_a_killed_container_is_run_again(engine, place, until, victim):
    place.configure(epochs=5000)
    with place.start(*place.sweep(1, 1, f"docker:{engine.tag}")) as launcher:
        until(lambda: any(w.slot is not None for w in place.ledger.workers("s")), 120, "a busy worker")
        (name,) = place.containers()
        if victim == "container":
            engine.ask("kill", name)
        else:
            os.kill(client_of(name), signal.SIGKILL)
        until(lambda: len(place.ledger.attempts("s")) == 2, 120, "a second attempt")
        assert name not in place.containers()
        launcher.send_signal(signal.SIGTERM)
        said = launcher.communicate(timeout=100)[0]
    assert place.containers() == [], said
    assert [a.state for a in place.ledger.attempts("s")] == ["dead", "released"]
    assert len({a.run_id for a in place.ledger.attempts("s")}) == 2


def test_dry_run_prints_the_command_and_touches_nothing(engine, place):
    code, said = place.launcher(*place.sweep(1, 1, f"docker:{engine.tag}"), "--dry-run")
    assert code == 0, said
    assert "docker run --rm" in said
    assert f"{engine.tag} /opt/venv/bin/python -m truestrength.trainer work --batch-id s" in said
    assert urlsplit(place.url).password not in said
    assert not place.outputs.root.exists()


def test_a_missing_image_is_said_before_anything_is_submitted(place):
    code, said = place.launcher(*place.sweep(1, 1, "docker:nosuch:1"))
    assert code == 2
    assert "docker has no such image" in said
    assert not place.outputs.root.exists()


def test_a_sweep_in_charliecloud_as_an_unprivileged_user(engine, place):
    """The image as a plain folder and no daemon: as Apptainer would run it, which cannot be had here."""
    image = engine.folder / "charliecloud"
    make_charliecloud_image(engine, image)
    inside = [place.outputs.root, place.folder / ".cache/batches", place.folder / "league"]
    for path in inside:
        (image / path.relative_to("/")).mkdir(parents=True)
    code, said = place.launcher(*place.sweep(1, 1, f"charliecloud:{image}"))
    shutil.rmtree(image)
    assert code == 0, said
    (record,) = place.check_complete(1)
    assert record["image"] == str(image)
    assert record["git_commit"] == engine.commit


def make_charliecloud_image(engine, folder: Path) -> None:
    """As docker/README.md says."""
    script = REPOSITORY / "docker" / "charliecloud_image.sh"
    subprocess.run(["sh", str(script), engine.tag, str(folder)], check=True, env={**os.environ, **engine.environment})


def client_of(name: str) -> int:
    """The pid of the `docker run` that waits for a container."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        if b"--name\0" + name.encode() in read(path):
            return int(path.parent.name)
    raise AssertionError(f"no client of {name}")


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
