"""libpq's variables of the user's shell, and a server that lives but takes no connection: it is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.leagues import stub_league
from truestrength.launcher.database import _stop, database_for_command
from truestrength.launcher.postgres import server
from truestrength.launcher.postgres.state import ServerState
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.patience import reach
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, optuna_storage
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

REPOSITORY = Path(__file__).parents[3]
STUB = REPOSITORY / "tests" / "support" / "launcher_stub_main.py"
CONFIG = """
paths: {data: league, outputs: out}
search_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}
"""
SHELL = {
    "PGSERVICE": "lab",
    "PGSERVICEFILE": "/none",
    "PGSYSCONFDIR": "/none",
    "PGSSLMODE": "require",
    "PGSSLROOTCERT": "/none",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "md5",
    "PGREQUIREPEER": "somebody",
    "PGHOST": "db.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "me",
    "PGPASSWORD": "wrong",
    "PGPASSFILE": "/none",
    "PGDATABASE": "mine",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTARGETSESSIONATTRS": "standby",
    "PGMINPROTOCOLVERSION": "latest",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "German, DMY",
    "PGTZ": "Asia/Tokyo",
    "PGDATA": "/none",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder whose embedded server is up."""
    folder = tmp_path_factory.mktemp("shell")
    server.up(folder)
    yield folder
    server.down(folder)


@pytest.fixture
def project(served, monkeypatch):
    """The working directory: a server that is up, with a ledger in the current database."""
    monkeypatch.chdir(served)
    for name in (address.URL_VARIABLE, address.FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    server.up(served)
    with (
        database_for_command(OutputsRoot(served / "out"), print) as url,
        Ledger(url, patience_s=5) as ledger,
    ):
        ledger.prepare()
    return served


@pytest.fixture
def shell(monkeypatch):
    """A shell full of settings; monkeypatch undoes also what the code under test does to them."""
    for name, value in SHELL.items():
        monkeypatch.setenv(name, value)


def postmaster(project):
    return (EmbeddedServerPaths.of(project).data / "postmaster.pid").read_text().split()[0]


def launcher(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "launcher", *words],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("name", SHELL)
def test_each_variable_alone(project, monkeypatch, name):
    monkeypatch.setenv(name, SHELL[name])
    url = server.url(project)
    with connected(url) as session:
        assert execute(session, "SHOW transaction_read_only").fetchone() == ("off",)
        assert execute(session, "SHOW timezone").fetchone() == ("UTC",)
        assert session.encoding == "UTF8"
    assert name not in os.environ


def test_no_command_is_reached_by_them(project, shell):
    """Launcher, ledger and study, with the server up or down; a command that looks leaves the server as it is."""
    before = postmaster(project)
    for words in (["status"], ["db", "status"], ["db", "up"], ["db", "url"], ["cancel", "--all"]):
        done = launcher(*words)
        assert done.returncode == 0, done.stderr
        assert postmaster(project) == before
    with (
        database_for_command(OutputsRoot(project / "out"), print) as url,
        Ledger(url, patience_s=5) as ledger,
    ):
        assert ledger.all_progress() == []
        ledger.connection.work(optuna_storage.make_tables)
    assert postmaster(project) == before
    assert launcher("db", "down").returncode == 0
    done = launcher("status")
    assert done.returncode == 0, done.stderr
    assert "database: stopped" in done.stderr


def test_a_plan_and_its_workers(project, shell):
    """Jobs inherit nothing of it, and `status` in a second shell of the same kind leaves the server as it is."""
    stub_league(project / "league")
    (project / "config.yaml").write_text(CONFIG)
    before = postmaster(project)
    command = [sys.executable, str(STUB), "config.yaml", "2", "1", "a"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "STUB_SECONDS": "0.5"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as plan:
        looked = launcher("status")
        said = plan.communicate(timeout=120)[0]
    assert plan.returncode == 0, said
    assert looked.returncode == 0, looked.stderr
    assert postmaster(project) == before


def test_a_worker_that_is_given_only_the_file(project, monkeypatch):
    """As on a cluster, where the job's shell is another one."""
    with database_for_command(OutputsRoot(project / "out"), print):
        file = os.environ[address.FILE_VARIABLE]
    work = [sys.executable, "-m", "trainer", "work", "--batch-id", "nosuch"]
    environment = {**os.environ, **SHELL, "PYTHONPATH": str(REPOSITORY), address.FILE_VARIABLE: file}
    done = subprocess.run(work, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "nosuch" in done.stderr, "the ledger was asked"


def test_a_url_of_the_users_own_is_completed_by_them(project, monkeypatch):
    url = server.url(project)
    state = ServerState.read(EmbeddedServerPaths.of(project).state)
    own = url.partition("?")[0].replace(f":{state.password}@", "@")
    monkeypatch.setenv("PGPASSWORD", state.password)
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=7MB")
    with connected(own) as session:
        assert execute(session, "SHOW work_mem").fetchone() == ("7MB",)
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(DatabaseError, match=r"SSL.*variables of the environment were used, too: PGOPTIONS, PGPASS"):
        reach(own, 5, print)
    monkeypatch.setenv(address.URL_VARIABLE, own)
    monkeypatch.setenv("PGSSLMODE", "prefer")
    assert launcher("status").returncode == 0


def test_a_server_that_lives_and_refuses_is_left_alone(project):
    """As after its state was restored from a copy, or while all its connections are taken."""
    before = postmaster(project)
    paths = EmbeddedServerPaths.of(project)
    state = ServerState.read(paths.state)
    superuser = url_text.parse(server.superuser_url(project)).password
    with connected(server.superuser_url(project)) as session:
        for role in ("truestrength", "postgres"):
            execute(session, f"ALTER ROLE {role} PASSWORD 'another'")
        for command in (["status"], ["db", "up"], ["status"]):
            done = launcher(*command)
            assert done.returncode == 2
            assert "password authentication failed" in done.stderr
            assert "lives and is left as it is" in done.stderr
            assert "truestrength db down" in done.stderr
        assert _stop().startswith("database: left running, it does not say who uses it")
        assert postmaster(project) == before
        execute(session, f"ALTER ROLE truestrength PASSWORD '{state.password}'")
        execute(session, f"ALTER ROLE postgres PASSWORD '{superuser}'")
    assert launcher("status").returncode == 0
