"""The installation: what is missing is found before it starts, and once done it needs no network."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher import installation

WITHOUT_A_NETWORK = {
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_FIND_LINKS": "",
    "PIP_RETRIES": "0",
    "PIP_NO_CACHE_DIR": "1",
    "PYTHONIOENCODING": "ascii",
}


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """What `make install` reads."""
    for name in ("Makefile", "README.md", *installation.MADE_FROM):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "launcher").mkdir()
    for name in ("__init__.py", "installation.py"):
        shutil.copy(REPOSITORY / "launcher" / name, tmp_path / "launcher")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_install(folder):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = ["make", "--no-print-directory", "install", f"PYTHON={sys.executable}"]
    return subprocess.run(
        command, cwd=folder, env={**environment, **WITHOUT_A_NETWORK}, capture_output=True, text=True, check=False
    )


def test_an_installation_that_is_done_needs_no_network(clone):
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/python").symlink_to(sys.executable)
    (clone / ".venv/installed").write_text(installation._wanted())
    for name in installation.MADE_FROM:
        os.utime(clone / name)  # as `git checkout` does
    done = make_install(clone)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("change", ["constraints", "moved", "python", "interpreter"])
def test_it_is_done_anew_after_a_change(clone, change):
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/python").symlink_to(sys.executable)
    (clone / ".venv/installed").write_text(installation._wanted())
    assert installation._installed() == installation._wanted()
    clears = "--clear" in installation._commands()[0]
    assert not clears
    if change == "constraints":
        with (clone / "constraints.txt").open("a") as file:
            file.write("one-more==1\n")
    elif change == "interpreter":
        (clone / ".venv/bin/python").unlink()
        (clone / ".venv/bin/python").symlink_to("/usr/bin/python3.1")
    else:
        old = {"moved": str(clone), "python": "Python 3."}[change]
        stamp = (clone / ".venv/installed").read_text()
        (clone / ".venv/installed").write_text(stamp.replace(old, f"{old}0"))
    assert installation._installed() != installation._wanted()
    clears = "--clear" in installation._commands()[0]
    assert clears == (change != "constraints"), "what was installed there is used, or not at all"


def test_without_a_network_it_says_so_in_few_lines_and_tries_again(clone):
    for _ in range(2):
        done = make_install(clone)
        assert done.returncode == 2
        assert done.stdout.splitlines() == ["installing Python packages into .venv/ (2 GB or more; some minutes, once)"]
        said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert said[-1] == (
            "error: the installation has failed, see above. It needs the network, or a package index that pip is "
            "configured for; the same command tries again"
        )
        assert "Traceback" not in done.stderr
        assert "WARNING" not in done.stderr
        assert not (clone / ".venv/installed").exists()


@pytest.fixture
def refused(clone, capsys):
    """Run it, and give what it says."""

    def run():
        for words in (["check"], []):
            assert installation.main(words) == 2
            printed = capsys.readouterr()
            assert printed.out == "", "nothing was begun"
            assert not (clone / ".venv").exists()
        return printed.err

    return run


def test_a_check_installs_nothing(clone, capsys):
    assert installation.main(["check"]) == 0
    assert capsys.readouterr() == ("", "")
    assert not (clone / ".venv").exists()


def test_missing_python_venv_is_found_before_it_starts(refused, monkeypatch):
    find = installation.importlib.util.find_spec
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda n: None if n == "ensurepip" else find(n))
    assert "apt-get install --yes python{}.{}-venv\n".format(*sys.version_info) in refused()


def test_another_python_is_found_before_it_starts(refused, monkeypatch):
    monkeypatch.setattr(installation, "OLDEST", (3, 15))
    monkeypatch.setattr(installation, "NEWEST", (3, 16))
    this = "{}.{}".format(*sys.version_info)
    assert f"error: Python 3.15 to 3.16 is needed, this is {this}. Name one: make PYTHON=" in refused()


def test_a_full_disk_is_found_before_it_starts(clone, refused, monkeypatch):
    usage = shutil.disk_usage(clone)._replace(free=10**9)
    monkeypatch.setattr(installation.shutil, "disk_usage", lambda _: usage)
    assert "1.0 GB are free, and the packages take 3 GB or more" in refused()
