"""A database for every outputs root on the embedded server: equal names side by side, two launchers, one that moves."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.leagues import stub_league
from tests.support.places import REPOSITORY, SUPPORT
from truestrength.launcher.commands.parser import parser as launcher_parser
from truestrength.launcher.database import database_for_command
from truestrength.launcher.plan import Plan, PlannedSweep
from truestrength.launcher.postgres import databases
from truestrength.launcher.postgres import server as embedded_postgres
from truestrength.launcher.slurm import environment, run_plan
from truestrength.launcher.slurm.links import Placement
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.outputs_root import outputs_id
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

STUB = SUPPORT / "launcher_stub_main.py"
BATCH = "phase1_spearman_final_rank"
TEMPLATE = """
paths: {{data: {data}, outputs: {outputs}}}
search_spaces: {{phase1: {{max_depth: {{type: int, low: 3, high: 5}}}}}}
"""
SELECT = """
import sys
from pathlib import Path
from truestrength.launcher.postgres import server
from truestrength.trainer.contract.paths.outputs import OutputsRoot
for folder in sys.argv[2:]:
    print(server.select(Path(sys.argv[1]), OutputsRoot(Path(folder))).read_text())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A project folder whose server is up; tests have outputs roots of their own in it."""
    project = tmp_path_factory.mktemp("roots")
    embedded_postgres.up(project)
    yield project
    embedded_postgres.down(project)


@pytest.fixture
def project(server, monkeypatch):
    monkeypatch.chdir(server)
    monkeypatch.delenv(address.URL_VARIABLE, raising=False)
    monkeypatch.delenv(address.FILE_VARIABLE, raising=False)
    return server


@pytest.fixture
def paths(project):
    return EmbeddedServerPaths.of(project)


@pytest.fixture
def root(tmp_path):
    return lambda name: OutputsRoot(tmp_path / name)


@pytest.fixture
def registered(project, root, sweep_spec):
    """Register a sweep of the one name in a root, for a league of the root's own."""

    def make(name):
        outputs = root(name)
        spec = sweep_spec({"paths.outputs": str(outputs.root)}, data_fingerprint=f"league of {name}")
        with database_for_command(outputs, print) as url, Ledger(url, patience_s=20) as ledger:
            ledger.register(spec, outputs)
        return outputs

    return make


def launcher(*words):
    return command_line.main(launcher_parser(), words)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def name_of(url):
    with connected(url) as connection:
        return execute(connection, "SELECT current_database()").fetchone()[0]


def test_two_roots_have_sweeps_of_the_same_name(registered, project, paths):
    roots = [registered("demo"), registered("nba")]
    files = [paths.root_url(f"outputs_{outputs_id(outputs)}") for outputs in roots]
    assert name_of(files[0].read_text()) != name_of(files[1].read_text())
    found = []
    for file in files:
        with Ledger(file.read_text(), patience_s=20) as ledger:
            found.append(ledger.spec(BATCH).data_fingerprint)
    assert found == ["league of demo", "league of nba"]
    assert {mode(path) for path in (*files, paths.url)} == {0o600}
    assert mode(paths.urls) == 0o700
    assert paths.url.read_text() == files[1].read_text(), "the last one is the current one"
    registered("demo")
    assert paths.url.read_text() == address.database_url() == files[0].read_text()
    assert embedded_postgres.status(project).url == url_text.redact(files[0].read_text())


def test_commands_look_at_the_last_root_or_at_the_one_they_are_given(registered, root, paths, capsys, monkeypatch):
    demo, nba = registered("demo"), registered("nba")
    assert launcher("cancel", "--all", "--outputs", str(demo.root)) == 0
    assert launcher("status") == 0
    assert "waiting" in capsys.readouterr().out
    assert launcher("status", "--outputs", str(demo.root)) == 0
    assert "cancelled" in capsys.readouterr().out
    assert launcher("retry", BATCH, "--outputs", str(demo.root)) == 0
    assert "cancelled no more" in capsys.readouterr().out
    assert launcher("logs", BATCH, "--outputs", str(demo.root)) == 2
    assert f"has written a log in {demo.sweep(BATCH).jobs}" in capsys.readouterr().err
    assert launcher("forget", "--all", "--outputs", str(demo.root)) == 0
    assert capsys.readouterr().out == f"{BATCH}: forgotten; its files stay in {demo.root}\n"
    assert launcher("status") == 0
    seen = capsys.readouterr().out
    assert seen.startswith(f"outputs: {nba.root}\n")
    assert BATCH in seen
    assert launcher("report") == 0
    assert capsys.readouterr().out.splitlines()[0] == str(nba.sweep(BATCH).folder), "of the root that status tells of"
    for words, outputs in (([], nba), (["--outputs", str(demo.root)], demo)):
        assert launcher("db", "url", *words) == 0
        url = capsys.readouterr().out.strip()
        assert url == paths.root_url(f"outputs_{outputs_id(outputs)}").read_text()
        assert launcher("db", "url", "--sqlalchemy", *words) == 0
        assert capsys.readouterr().out.strip() == url.replace("postgresql:", "postgresql+psycopg2:")

    known = set(paths.urls.iterdir())
    for words in (["status"], ["forget", BATCH], ["cancel", BATCH], ["retry", BATCH], ["logs", BATCH], ["db", "url"]):
        assert launcher(*words, "--outputs", str(root("typo").root)) == 2
        assert "typo: the embedded server has no database of this outputs root" in capsys.readouterr().err
    assert launcher("report", "--outputs", str(root("typo").root)) == 2
    assert "no sweep has run in it" in capsys.readouterr().err
    assert not root("typo").root.exists()
    assert set(paths.urls.iterdir()) == known
    monkeypatch.setenv(address.FILE_VARIABLE, str(paths.url))
    for words in (["status"], ["db", "url"]):
        assert launcher(*words, "--outputs", str(demo.root)) == 2
        assert "DATABASE_URL_FILE names the database" in capsys.readouterr().err


def test_both_files_are_right_when_the_server_has_moved(registered, project, paths):
    names = [f"outputs_{outputs_id(registered(name))}" for name in ("demo", "nba")]
    before = [paths.root_url(name).read_text() for name in names]
    embedded_postgres.down(project)
    assert not paths.url.exists()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", urlsplit(before[0]).port))
        other.listen()
        url = embedded_postgres.up(project)
    after = [paths.root_url(name).read_text() for name in names]
    assert urlsplit(after[0]).port == urlsplit(after[1]).port != urlsplit(before[0]).port
    assert [name_of(text) for text in after] == names
    assert {mode(paths.root_url(name)) for name in names} == {0o600}
    assert url == paths.url.read_text() == after[1], "the current one is so still"


def test_files_follow_the_servers_databases(registered, project, paths):
    kept, gone = (f"outputs_{outputs_id(registered(name))}" for name in ("kept", "gone"))
    url = paths.root_url(kept).read_text()
    paths.root_url(kept).unlink()
    with connected(embedded_postgres.superuser_url(project)) as connection:
        execute(connection, f"DROP DATABASE {gone}")
    assert name_of(embedded_postgres.up(project)) == "truestrength", "the current one is gone"
    assert paths.root_url(kept).read_text() == url
    assert not paths.root_url(gone).exists()


def test_a_root_that_was_copied_removed_or_moved(registered, root, project):
    first = registered("first")
    shutil.copytree(first.root, root("copy").root)
    with database_for_command(root("copy"), print) as url, Ledger(url, patience_s=20) as ledger:
        assert ledger.spec(BATCH).data_fingerprint == "league of first", "a copy is the same root"
    shutil.rmtree(first.root)
    with database_for_command(first, print) as anew:
        assert name_of(anew) != name_of(url)
    first.identity.write_text("../../etc\n")
    with pytest.raises(DatabaseError, match="expected letters and digits"), database_for_command(first, print):
        pass


def test_jobs_of_a_cluster_read_the_file_of_their_root(registered, root, paths, sweep_spec, monkeypatch):
    demo, submitted = root("demo"), []
    monkeypatch.setattr(environment, "check_reachable", lambda _: None)
    monkeypatch.setattr(run_plan, "check", lambda _: [])
    monkeypatch.setattr(run_plan, "submit_plan", lambda *given: submitted.append(given) or Placement(last="7"))
    spec = sweep_spec({"paths.outputs": str(demo.root)})
    options = run_plan.Options(REPOSITORY / "slurm" / "profiles" / "one_machine.yaml")
    assert "job 7, the analysis" in run_plan.run(Plan((PlannedSweep(spec, 1),), spec.config), options)
    registered("nba")
    own = paths.root_url(f"outputs_{outputs_id(demo)}")
    assert f"export DATABASE_URL_FILE={own}\n" in demo.cluster.environment.read_text()
    [(_, ledger)] = submitted
    assert ledger.url == own.read_text()
    with pytest.raises(DatabaseError, match="No database for jobs"):
        environment.write(demo.cluster)


def test_many_make_the_same_database_at_once(project, paths):
    """Without the launcher's lock, as from machines that do not see it: the server decides."""
    url = embedded_postgres.superuser_url(project)
    names = [f"outputs_race{i}" for i in range(4)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: databases.create(url, name), names * 8))
    with connected(url) as connection:
        found = execute(connection, "SELECT datname FROM pg_database WHERE datname ^@ 'outputs_race'").fetchall()
    assert sorted(name for (name,) in found) == names


def test_many_launchers_select_their_roots_at_once(project, root, paths):
    folders = [str(root(name).root) for name in ("one", "two")]

    def select(order):
        command = [sys.executable, "-c", SELECT, str(project), *order]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    with ThreadPoolExecutor(6) as pool:
        urls = list(pool.map(select, [folders, folders[::-1]] * 3))
    assert {frozenset(pair) for pair in urls} == {frozenset(urls[0])}
    assert [name_of(url) for url in urls[0]] == [f"outputs_{outputs_id(root(name))}" for name in ("one", "two")]
    assert paths.url.read_text() in urls[0]


def test_a_second_launcher_runs_on_another_root_meanwhile(project, tmp_path, root, paths, monkeypatch):
    """Same sweep, other league, other root. The second makes its database the current one under the first."""
    monkeypatch.setenv("STUB_SECONDS", "0.5")
    first = start_launcher(tmp_path, root("demo"), 8)
    second = None
    try:
        file = wait_for(lambda: address.root_url_file(project, root("demo")), first)
        with Ledger(file.read_text(), patience_s=20) as ledger:
            ledger.prepare()
            wait_for(lambda: ledger.all_progress() and ledger.progress("a").running == 2, first)
            for worker in ledger.workers("a"):
                variables = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
                assert f"DATABASE_URL_FILE={file}".encode() in variables
                assert not [variable for variable in variables if variable.startswith(b"DATABASE_URL=")]
            second = start_launcher(tmp_path, root("nba"), 2)
            other = wait_for(lambda: address.root_url_file(project, root("nba")), second)
            assert wait_for(lambda: paths.url.read_text() == other.read_text(), second)
            assert first.poll() is None
            done_before = ledger.progress("a").done
            assert (first.wait(120), second.wait(120)) == (0, 0)
            assert done_before < ledger.progress("a").done == 8
        with Ledger(other.read_text(), patience_s=20) as ledger:
            assert ledger.progress("a").done == 2
            assert ledger.spec("a").data_fingerprint == "league of nba"
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.wait()
    assert [len(list(root(name).sweep("a").folder.glob("run_*"))) for name in ("demo", "nba")] == [8, 2]


def start_launcher(folder, outputs, n_trials):
    """A launcher with two stub workers, as a process of its own."""
    name = f"league of {outputs.root.name}"
    league = stub_league(folder / name, fingerprint=name)
    config = folder / f"{outputs.root.name}.yaml"
    config.write_text(TEMPLATE.format(data=league, outputs=outputs.root))
    with (folder / "launchers.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, str(STUB), str(config), str(n_trials), "2", "a"],
            stdout=log,
            stderr=log,
            env={**os.environ},
        )


def wait_for(found, process):
    deadline = time.monotonic() + 60
    while not (value := found()):
        assert process.poll() is None, "it has ended"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value
