"""The watch over passwords, under which every acceptance test runs: what it must see, and what it must let pass."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.password_watch import ALLOWED, Watch, watching

PASSWORD = "sesame-" + "x" * 20
OTHER = "superuser-" + "y" * 20
SLEEP = "import sys; sys.stdin.read()"


@pytest.fixture
def place():
    """A folder that the session's own watch does not look into, with a server's secrets in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        for pattern in ALLOWED:
            path = Path(name) / pattern.replace("*/", "project/", 1).replace("*", "outputs_1")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(f"postgresql://truestrength:{PASSWORD}@127.0.0.1:1/x")
        (folder / ".postgres/server.json").write_text(json.dumps({"password": PASSWORD, "port": 1}))
        (folder / ".postgres/superuser").write_text(OTHER)
        yield folder


@pytest.fixture
def watch(place):
    with watching(Watch(place)) as started:
        assert started.findings() == [], "the secret files themselves"
        yield started


@pytest.mark.parametrize("password", [PASSWORD, OTHER])
@pytest.mark.parametrize("name", ["sweeps/b/worker_log.out", "results.csv", ".postgres/url2", "url", "a/url"])
def test_a_password_in_any_other_file_is_seen(place, watch, name, password):
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(b"\0" * 100_000 + password.encode())
    assert watch.findings() == [f"in {path}"]


def test_a_secret_file_that_others_may_open_is_seen(place, watch):
    for pattern in ALLOWED:
        path = next(place.parent.glob(pattern.removeprefix("*/").join(("project/", ""))))
        path.chmod(0o640)
        assert watch.findings() == [f"in {path}, which others may open: mode 640"]
        path.chmod(0o600)
        assert watch.findings() == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_password_that_a_command_prints_is_seen(watch, stream):
    code = f"import sys; sys.{stream}.write('sesame-' + 'x' * 20)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert watch.findings() == ["printed by a process"]


def test_a_password_on_a_command_line_is_seen_also_when_the_process_has_gone(watch):
    with subprocess.Popen([sys.executable, "-c", SLEEP, f"--url={PASSWORD}"], stdin=subprocess.PIPE) as process:
        while not watch._seen:
            pass
        process.stdin.close()
    (found,) = watch.findings()
    assert found.startswith(f"in the command line of process {process.pid}: ")
    assert PASSWORD not in found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user's")
def test_an_environment_is_its_owners_only(watch):
    variables = {**os.environ, "DATABASE_URL": PASSWORD}
    command = ["/bin/sleep", "60"]
    with (
        subprocess.Popen(command, env=variables) as own,
        subprocess.Popen(command, env=variables, user=65534) as theirs,
    ):
        found = watch.findings()
        own.kill()
        theirs.kill()
    assert len(found) == 1
    assert f"environment, which another user may read, of process {theirs.pid}" in found[0]
