"""The README's first command in fresh clones: as the users, in the folders and shells that people really have.

Every clone installs and runs itself by `make phase1`, two at a time, as somebody's second clone does. Its virtual
environment is its own, and so are the project and PostgreSQL in it; of all other libraries pip installs light wheels.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.light_wheels import make_light_wheels

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users"),
    pytest.mark.timeout(900),
]

REPOSITORY = Path(__file__).parents[3]
ARGUMENTS = "ARGS=--n-trials 1 --n-jobs 1"
SWEEPS = 13
LATIN_1 = "en_US.ISO-8859-1"


@dataclass(frozen=True)
class Case:
    """Who makes a clone, where, and in which shell."""

    uid: int
    umask: int
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


CASES = {
    "root in a closed home": Case(0, 0o022, "truestrength"),
    "root with umask 077, blanks and quotes": Case(0, 0o077, "O'Brien's files, 2026/true strength"),
    "an ordinary user with umask 027, 150 characters and a full shell": Case(
        pwd.getpwnam("nobody").pw_uid,
        0o027,
        "x" * 150,
        {
            "PGSSLMODE": "require",
            "PGSERVICE": "lab",
            "PGHOST": "db.invalid",
            "PGOPTIONS": "-c default_transaction_read_only=on",
            "PGPASSFILE": "/none",
            "LC_ALL": LATIN_1,
            "PYTHONIOENCODING": "latin-1",
        },
    ),
    "a number without a name": Case(54321, 0o022, "truestrength"),
}


@dataclass(frozen=True)
class Clone:
    """A clone and what its first command said."""

    case: Case
    folder: Path
    python: tuple[list[str], str]
    wheels: Path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make in it, as its user."""
        prefix, python = self.python
        foreign = ("DATABASE_URL", "MAKE", "MFLAGS", "PYTEST", "VIRTUAL_ENV", "PYTHONPATH", "CI", "PG")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {
            "HOME": str(home(self.folder)),
            "LOCPATH": str(self.wheels.with_name("locales")),
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
        }
        return subprocess.run(
            [*prefix, "make", f"PYTHON={python}", *arguments],
            cwd=self.folder,
            env={**kept, **own, **self.case.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="latin-1" if "PYTHONIOENCODING" in self.case.environment else "utf-8",
            umask=self.case.umask,
            check=False,
            timeout=500,
        )

    @property
    def sweeps(self) -> Path:
        return self.folder / "outputs4" / "sweeps"

    def runs(self) -> set[str]:
        return {path.parent.name for path in self.sweeps.glob("*/run_*/metrics.json")}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="truestrength-") as name:
        Path(name).chmod(0o755)
        (Path(name) / "locales").mkdir()
        # Where the system has no sources of locales, PYTHONIOENCODING stands for this one.
        latin_1 = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", f"{name}/locales/{LATIN_1}"]
        subprocess.run(latin_1, capture_output=True, check=False)
        yield Path(name)


@pytest.fixture(scope="module")
def wheels(place: Path) -> Path:
    """What pip installs from."""
    return make_light_wheels(place)


@pytest.fixture(scope="module")
def firsts(place: Path, wheels: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Future]]:
    """The first command in the clone of every case that a test asks for, two at a time."""
    asked = {item.callspec.params["case"] for item in request.session.items if "case" in callspec(item)}
    with ThreadPoolExecutor(2) as pool:
        yield {
            name: pool.submit(first, CASES[name], place / str(i), wheels)
            for i, name in enumerate(CASES)
            if name in asked
        }


def callspec(item: pytest.Item) -> dict:
    return item.callspec.params if hasattr(item, "callspec") else {}


def first(case: Case, base: Path, wheels: Path) -> tuple[Clone, subprocess.CompletedProcess[str]]:
    """Clone and run."""
    folder = base / "home" / case.folder
    folder.parent.mkdir(parents=True)
    clone = ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(folder)]
    subprocess.run(clone, umask=case.umask, check=True)
    # What is not committed yet is tested, too.
    changed = ["git", "ls-files", "--modified", "--others", "--exclude-standard"]
    for name in subprocess.check_output(changed, cwd=REPOSITORY, text=True).splitlines():
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    for path in (base / "home", *(base / "home").rglob("*")):
        os.chown(path, case.uid, case.uid, follow_symlinks=False)
    home(folder).chmod(0o700)
    made = Clone(case, folder, python_for(case.uid), wheels)
    return made, made.make("phase1", ARGUMENTS)


def home(folder: Path) -> Path:
    """The closed folder that a clone lies in."""
    return next(parent for parent in folder.parents if parent.name == "home")


def python_for(uid: int) -> tuple[list[str], str]:
    """How to become that user, and a Python of this version that is open to him.

    Where the only one lies in somebody's closed home, the user may read there: that is not what is tested.
    """
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    script = f"import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    own = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
    if uid == 0:
        return [], own
    for python in (own, "/usr/bin/python3"):
        if (
            subprocess.run([*become, "--", "env", python, "-c", script], capture_output=True, check=False).returncode
            == 0
        ):
            return [*become, "--"], python
    return [*become, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"], own


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("case", CASES)
def test_the_first_command(firsts, case):
    clone, done = firsts[case].result()
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Traceback" not in done.stdout
    assert clone.runs() == {f"run_{25 + i:03d}" for i in range(SWEEPS)}
    assert len(list(clone.sweeps.glob("*/run_*/holdout.json"))) == 2
    assert "its data stays in .postgres/" in done.stdout
    assert list((clone.sweeps / "figures").iterdir())
    check_modes(clone)


def check_modes(clone: Clone) -> None:
    """Whatever the umask: the home stays closed, secrets and job files are their owner's only, all is the user's."""
    server = clone.folder / ".postgres"
    assert mode(home(clone.folder)) == 0o700
    assert {name: mode(server / name) for name in ("lock", "alive", "server.json", "current")} == dict.fromkeys(
        ("lock", "alive", "server.json", "current"), 0o600
    )
    assert {mode(path) for path in (server / "urls").iterdir()} == {0o600}
    private = [server / "data", server / "urls", *clone.sweeps.glob("*/jobs")]
    assert {mode(path) for path in private} == {0o700}
    strangers = {path.lstat().st_uid for path in clone.folder.rglob("*") if not path.is_relative_to(server / "data")}
    assert strangers == {clone.case.uid}


@pytest.mark.parametrize("case", ["root with umask 077, blanks and quotes"])
def test_a_clone_that_is_moved(firsts, case):
    """The virtual environment is made anew, the database goes on, and nothing is run twice."""
    clone, done = firsts[case].result()
    assert done.returncode == 0, done.stdout[-6000:]
    moved = Clone(clone.case, clone.folder.with_name("moved"), clone.python, clone.wheels)
    clone.folder.rename(moved.folder)
    again = moved.make("phase1", ARGUMENTS)
    assert again.returncode == 0, again.stdout[-6000:]
    assert moved.runs() == {f"run_{25 + i:03d}" for i in range(SWEEPS)}
    assert str(moved.folder) in (moved.folder / ".venv" / "installed").read_text().splitlines()
    assert "0 running" not in again.stdout
