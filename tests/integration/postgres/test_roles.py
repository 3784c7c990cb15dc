"""Who may do what on the embedded server, and servers of older versions, in which everybody was the superuser."""

import json
import secrets
import socket
import socketserver
import struct
import threading
from functools import partial

import psycopg2
import pytest

from truestrength.launcher.database import connections_of_others
from truestrength.launcher.postgres import data_folder, roles, server
from truestrength.launcher.postgres.state import SUPERUSER, ServerState
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import sessions
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.patience import reach
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

ATTRIBUTES = (
    "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = %s"
)
OWNERS = """
    SELECT DISTINCT pg_get_userbyid(owner) FROM (
      SELECT relowner FROM pg_class WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
      UNION SELECT typowner FROM pg_type WHERE typnamespace::regnamespace::text !~ '^(pg_|information_schema)'
      UNION SELECT proowner FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
      UNION SELECT nspowner FROM pg_namespace WHERE nspname = 'truestrength'
      UNION SELECT datdba FROM pg_database WHERE datname = current_database()) AS owned (owner)
"""
FORBIDDEN = [
    "CREATE ROLE somebody",
    "CREATE DATABASE another",
    "ALTER ROLE postgres PASSWORD 'mine'",
    "ALTER ROLE truestrength SUPERUSER",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "ALTER SYSTEM SET fsync = off",
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    server.down(tmp_path)


@pytest.fixture
def older(project, monkeypatch, sweep_spec, outputs):
    """A server as versions before this one made it and left it, running, with a sweep and a study in it."""
    paths = EmbeddedServerPaths.of(project)
    with monkeypatch.context() as before:
        before.setattr(data_folder, "SUPERUSER", "truestrength")
        before.setattr(roles, "settled", lambda _, state: state.url("postgres"))
        write = files.write_secret
        password = secrets.token_urlsafe(24)
        before.setattr(ServerState, "new", lambda: ServerState(password=password, port=free_port()))
        before.setattr(
            files, "write_secret", lambda path, text: write(path, password if path == paths.superuser else text)
        )
        server.up(project)
        paths.superuser.unlink()
        with connected(server.url(project)) as session:
            execute(session, "CREATE DATABASE outputs_older")
    url = ServerState.read(paths.state).url("outputs_older")
    with connected(url) as session:
        assert execute(session, ATTRIBUTES, ["truestrength"]).fetchone()[0] is True
        execute(session, "CREATE DOMAIN odd AS int; CREATE VIEW seen AS SELECT 1; CREATE SEQUENCE alone")
    with Ledger(url, patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        ledger.new_run_id(outputs, 25)
    return url


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def check_roles(project, url):
    """The superuser is another role than the one that owns everything in a database."""
    with connected(server.superuser_url(project)) as session:
        assert execute(session, ATTRIBUTES, ["truestrength"]).fetchone() == (False,) * 5
        found = {name for (name,) in execute(session, "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")}
        assert found == {SUPERUSER, "truestrength"}
    with connected(url) as session:
        assert execute(session, OWNERS).fetchall() == [("truestrength",)]


@pytest.fixture
def check_in_use(sweep_spec, outputs):
    """What is in a database goes on: the sweep, its study, its run ids."""
    return partial(_check_in_use, spec=sweep_spec(), outputs=outputs)


def _check_in_use(url, spec, outputs):
    with Ledger(url, patience_s=5) as ledger:
        ledger.prepare()
        ledger.register(spec, outputs)
        assert ledger.claim(spec.batch_id, ledger.start_worker(spec.batch_id, "here", 1)) is not None
        assert ledger.new_run_id(outputs, 25) == 26
        assert study.load_study(ledger.connection, spec).trials == []


def test_programs_are_a_role_that_owns_its_databases_and_may_nothing_else(project, sweep_spec, outputs):
    programs = server.up(project)
    assert server.select(project, outputs).read_text() != programs
    url = server.url(project)
    with Ledger(url, patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
    check_roles(project, url)
    paths = EmbeddedServerPaths.of(project)
    secret = paths.superuser.read_text()
    assert secret not in url + paths.state.read_text() + paths.url.read_text()
    with connected(url) as session:
        for statement in FORBIDDEN:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                execute(session, statement)
        assert connections_of_others() == 1, "the superuser sees everybody"
    rules = [line.split()[-1] for line in (paths.data / "pg_hba.conf").read_text().splitlines() if line]
    assert set(rules) == {"scram-sha-256"}


def test_a_server_of_an_older_version_is_taken_over(project, older, check_in_use):
    with connected(older) as a_worker_of_then:
        server.up(project)
        with pytest.raises(psycopg2.OperationalError):
            execute(a_worker_of_then, "SELECT 1")
    check_roles(project, older)
    check_in_use(older)
    with connected(older) as session:
        for statement in FORBIDDEN:
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                execute(session, statement)
    server.down(project)
    server.up(project)
    check_roles(project, older)


@pytest.mark.parametrize("step", ["_exchange", "_make_plain", "_hand_over", "_dismiss_deputy", "_set_role", "execute"])
def test_a_take_over_that_was_interrupted_is_done_again(project, older, monkeypatch, step, check_in_use):
    calls, done = [], getattr(roles, step)

    def interrupted(*given):
        calls.append(given)
        if len(calls) == {"_set_role": 3, "execute": 12}.get(step, 1):
            done(*given)
            raise KeyboardInterrupt
        return done(*given)

    with monkeypatch.context() as broken:
        broken.setattr(roles, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            server.up(project)
    server.down(project)
    server.up(project)
    check_roles(project, older)
    check_in_use(older)


def test_a_first_start_that_was_interrupted_is_gone_on_with(project, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(roles, "_make_plain", interrupted)
        with pytest.raises(KeyboardInterrupt):
            server.up(project)
    with connected(server.up(project)):
        pass


def test_a_lost_password_of_the_superuser_is_said(project):
    server.up(project)
    path = EmbeddedServerPaths.of(project).superuser
    kept = path.rename(path.with_suffix(".kept"))
    with pytest.raises(DatabaseError, match=r"superuser: the password .* Put the file back"):
        server.up(project)
    path.write_text("another")
    with pytest.raises(DatabaseError, match=r"superuser: the password .* Put the file back"):
        server.up(project)
    kept.rename(path)
    server.up(project)


class Impostor(socketserver.ThreadingTCPServer):
    """Somebody's program on the server's port. It asks for the password in the clear, or for nothing at all."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port, asks):
        self.heard = []
        self.asks = asks
        super().__init__(("127.0.0.1", port), Guest)


class Guest(socketserver.BaseRequestHandler):
    """One client of the impostor."""

    def handle(self):
        while message := self.request.recv(4096):
            if struct.unpack("!I", message[4:8])[0] in (80877103, 80877104):  # TLS, GSSAPI: no
                self.request.sendall(b"N")
                continue
            self.server.heard.append(message)
            self.request.sendall(struct.pack("!cII", b"R", 8, self.server.asks))


@pytest.mark.parametrize("asks", [3, 0], ids=["in the clear", "not at all"])
def test_whoever_has_the_port_of_a_server_that_crashed_is_sent_no_password(project, outputs, asks):
    server.up(project)
    url = server.select(project, outputs).read_text()
    server.down(project)
    port = int(url_text.parse(url).hosts.rpartition(":")[2])
    with Impostor(port, asks) as impostor:
        threading.Thread(target=impostor.serve_forever, daemon=True).start()
        with pytest.raises(psycopg2.OperationalError, match="authentication method requirement"):
            sessions.connect(url)
        with pytest.raises(DatabaseError, match="No password was sent"):
            reach(url, 60, print)
        with Ledger(url, patience_s=60) as ledger, pytest.raises(DatabaseError, match="another program has its port"):
            ledger.all_progress()
        impostor.shutdown()
    state = json.loads(EmbeddedServerPaths.of(project).state.read_text())
    assert len(impostor.heard) >= 3
    assert all(b"user\0truestrength\0" in message for message in impostor.heard), "greetings, and nothing else"
    assert not any(state["password"].encode() in message for message in impostor.heard)
