"""A reader's clone: this work tree, installed, with a configuration that is cheap to run."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.places import CONFIG, REPOSITORY

CHEAP = {
    "paths:\n": "training: {max_lists_oof: 12, max_final_batches: 12, n_folds: 2}\nmodel_a: {epochs: 2}\n\npaths:\n",
    "low: 14, high: 26": "low: 2, high: 4",
    "low: 200, high: 300": "low: 5, high: 12",
    "low: 150, high: 230": "low: 5, high: 12",
    "[spearman, ndcg4, ndcg16, ndcg20, playoff_spearman, rank_rmse]": "[spearman]",
}
"""What Phase I's configuration says -> what it says in the clone."""
OWN = ("DATABASE_URL", "PG", "VIRTUAL_ENV", "PYTHON", "XDG_", "TRUESTRENGTH", "PYTEST", "MAKE", "MFLAGS", "GIT_")
"""Beginnings of the variables that a reader has not set."""


def clone(folder: Path) -> Path:
    """Make a clone below `folder`, whose `origin` is a repository of its own."""
    origin, made = folder / "origin.git", folder / "truestrength"
    _git(folder, "clone", "--quiet", "--bare", str(REPOSITORY), str(origin))
    _git(folder, "clone", "--quiet", str(origin), str(made))
    _git(made, "checkout", "--quiet", "-B", "main")
    _take_along(made)
    config = made / CONFIG.relative_to(REPOSITORY)
    text = config.read_text(encoding="utf-8")
    for said, cheap in CHEAP.items():
        assert text.count(said) == 1, said
        text = text.replace(said, cheap)
    config.write_text(text, encoding="utf-8")
    for key, value in (("user.name", "A reader"), ("user.email", "reader@example.org")):
        _git(made, "config", key, value)
    _git(made, "add", "--all")
    _git(made, "commit", "--quiet", "--message", "Cheap")
    _git(made, "push", "--quiet", "--force", "--set-upstream", "origin", "main")
    _install(made)
    return made


def environment(home: Path) -> dict[str, str]:
    """The variables of a reader who has set none of ours, and activates the clone's environment first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return {**kept, "HOME": str(home), "COLUMNS": "200"}


def _take_along(made: Path) -> None:
    """What is changed and not committed yet is read, too."""
    asked = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
    for name in subprocess.check_output(asked, cwd=REPOSITORY, text=True).splitlines():
        (made / name).unlink(missing_ok=True)
        if (REPOSITORY / name).exists():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, made / name, follow_symlinks=False)


def _install(made: Path) -> None:
    """As `make install` does, but the libraries are this environment's, which another test installs for real."""
    venv = made / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    packages = venv / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    (packages / "reader.pth").write_text(f"{made}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    program = venv / "bin" / "truestrength"
    call = "import sys\nfrom truestrength.__main__ import main\nsys.exit(main())\n"
    program.write_text(f"#!{venv}/bin/python\n{call}", encoding="utf-8")
    program.chmod(0o755)
    stamp = "from launcher import installation; installation.STAMP.write_text(installation._wanted())"
    base = getattr(sys, "_base_executable", None) or sys.executable
    subprocess.run([base, "-c", stamp], cwd=made, check=True)


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)
