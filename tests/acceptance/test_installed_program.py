"""The program as `pip install .` leaves it: one name, on the search path, and a sweep in a folder that is no clone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY

PARTS = ("pyproject.toml", "README.md", "launcher", "trainer", "truestrength")
CONFIG = """
training: {max_lists_oof: 20, max_final_batches: 20, n_folds: 2}
search_spaces: {phase1: {max_depth: {type: fixed, value: 3}}}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    for name in PARTS:
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name, **({"symlinks": True} if source.is_dir() else {}))
    words = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(folder), str(folder))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *words], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of the programs of an environment that has the wheel; what it needs is this environment's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    words = ("-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    subprocess.run([sys.executable, *words], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib"))  # its own .pth, the clone's, is not read so
    return folder / "bin"


def test_a_wheel_has_one_name_only(wheel):
    names = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"truestrength"}


def test_the_installed_program_runs_a_sweep_outside_the_clone(installed, tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_URL", "PG", "PYTHON"))
    }

    def truestrength(*words):
        done = subprocess.run(
            [installed / "truestrength", *words], cwd=tmp_path, env=outside, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "Python" in truestrength("--version")
    assert "commit" not in truestrength("--version")
    truestrength("data", "demo", "--into", "league", "--seasons", "5")
    truestrength("sweep", "-c", "c.yaml", "--set", "paths.data=league", "-n", "2", "-j", "1", "--batch-id", "b")
    assert "b" in truestrength("status")
    assert "as of" in truestrength("predict", "--run", "25")
    code = "import truestrength.launcher as found; print(found.__file__)"
    found = subprocess.run([installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert Path(found.stdout).is_relative_to(installed.parent)
    gone = subprocess.run(
        [installed / "python", "-c", "import launcher"], cwd=tmp_path, capture_output=True, check=False
    )
    assert gone.returncode == 1
