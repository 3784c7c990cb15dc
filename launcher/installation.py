"""Installs this project into `.venv`, once, and again after a change: `python3 -m launcher.installation`.

Surprising: it runs before anything is installed, so it uses the standard library only, and it must be readable for a
Python that is too old, which it refuses.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
"""Versions of Python for which every pinned package has a wheel (tests/acceptance/test_wheels.py)."""
VENV = Path(".venv")
STAMP = VENV / "installed"
MADE_FROM = ("pyproject.toml", "constraints.txt")
NEEDED_GB = 3
EXIT_USER_ERROR = 2
_USERS = ("PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")
"""Variables of the user's with which packages would land elsewhere."""


def main(words: Sequence[str] = ()) -> int:
    """Install unless that was done, or with the word `check` only say what is missing. Returns the exit code."""
    wanted = _wanted()
    if _installed() == wanted:
        return 0
    problem = _missing()
    if problem:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
        return EXIT_USER_ERROR
    if list(words) == ["check"]:
        return 0
    print(f"installing Python packages into {VENV}/ (2 GB or more; some minutes, once)", flush=True)  # noqa: T201
    begun = time.monotonic()
    for command in _commands():
        if subprocess.run(command, env=_environment(), check=False).returncode:
            print(  # noqa: T201
                "error: the installation has failed, see above. It needs the network, or a package index that pip is "
                "configured for; the same command tries again",
                file=sys.stderr,
            )
            return EXIT_USER_ERROR
    STAMP.write_text(wanted, encoding="utf-8", errors="surrogateescape")
    print(f"installed in {time.monotonic() - begun:.0f} s", flush=True)  # noqa: T201
    return 0


def _wanted() -> str:
    """What the environment is made from and for: scripts in it know their own path, packages the version of Python."""
    content = b"".join(Path(name).read_bytes() for name in MADE_FROM)
    version = "{}.{}".format(*sys.version_info)
    return f"{hashlib.sha256(content).hexdigest()}\n{Path.cwd()}\nPython {version}\n"


def _installed() -> str:
    if not (VENV / "bin" / "python").exists():  # also when the Python that it points to has gone
        return ""
    try:
        return STAMP.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def _missing() -> str | None:
    """What is missing, and how to get it."""
    version = "{}.{}".format(*sys.version_info)
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        possible = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
        return f"Python {possible} is needed, this is {version}. Name one: make PYTHON=python3.12"
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        sudo = "" if os.geteuid() == 0 else "sudo "
        return (
            f"this Python {version} ({sys.executable}) cannot make virtual environments. Install what it lacks:\n"
            f"  {sudo}apt-get update && {sudo}apt-get install --yes python{version}-venv"
        )
    if not os.access(Path.cwd(), os.W_OK):
        return f"{Path.cwd()}: cannot be written to, and the packages go into its {VENV}/"
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < NEEDED_GB:
        return f"{Path.cwd()}: {free:.1f} GB are free, and the packages take {NEEDED_GB} GB or more"
    return None


def _commands() -> list[list[str]]:
    # The interpreter below an activated environment, which is about to be made anew.
    python = getattr(sys, "_base_executable", None) or sys.executable
    same_place = _installed().splitlines()[1:] == _wanted().splitlines()[1:]
    clear = [] if same_place else ["--clear"]
    quiet = ["--quiet", "--quiet", "--no-input", "--disable-pip-version-check", "--root-user-action", "ignore"]
    wheels = ["--only-binary", ":all:", "--constraint", "constraints.txt"]
    return [
        [python, "-m", "venv", *clear, str(VENV)],
        [str(VENV / "bin" / "python"), "-m", "pip", "install", *quiet, *wheels, "--editable", ".[dev]"],
    ]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _USERS}
    return {**kept, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
