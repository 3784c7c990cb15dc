"""Every pinned package has a wheel for each Python that is promised: nobody needs a compiler."""

import os
import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher.installation import NEWEST, OLDEST

VERSIONS = [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]


def pip(*words):
    command = [sys.executable, "-m", "pip", *words, "--disable-pip-version-check", "--only-binary=:all:"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", autouse=True)
def _an_index():
    if os.environ.get("CI") != "true" and pip("index", "versions", "iniconfig").returncode:
        pytest.skip("no package index is in reach")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_pin_has_a_wheel(version, tmp_path):
    pins = (REPOSITORY / "constraints.txt").read_text().splitlines()
    # pip would load all of PyTorch's wheel to say the same.
    (tmp_path / "pins.txt").write_text("\n".join(pin for pin in pins if not pin.startswith("torch==")))
    found = pip(
        "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", "--python-version", version,
        "--target", str(tmp_path / "none"), "--requirement", str(tmp_path / "pins.txt"),
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    torch = next(pin for pin in pins if pin.startswith("torch==")).removeprefix("torch==")
    known = pip("index", "versions", "torch", "--python-version", version)
    assert torch in known.stdout.replace(",", " ").replace("+cpu", "").split(), known.stderr
