"""The shells in which completion is tried; in CI, as root, they are installed where they are missing."""

import os
import shutil
import subprocess

import pytest


def need(shell: str) -> str:
    """The path of a shell.

    Skips the test where it is not installed and may not be.
    """
    if not shutil.which(shell):
        if os.environ.get("CI") != "true" or os.geteuid() != 0:
            pytest.skip(f"{shell} is not installed")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], check=True, capture_output=True, timeout=300)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = [*apt, "install", "--yes", "--no-install-recommends", shell]
        subprocess.run(install, env=quiet, check=True, capture_output=True, timeout=900)
    return shutil.which(shell) or shell
