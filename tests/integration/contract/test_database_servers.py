"""Databases as they are: settings of server and role, poolers, standbys, other encodings."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.patience import reach
from truestrength.trainer.contract.database.sessions import SETTINGS, connected, execute
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, study

ODD = {
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "extra_float_digits": "-3",
    "client_encoding": "LATIN1",
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "synchronous_commit": "off",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
}
VALUE = 0.1 + 0.2


@pytest.fixture
def odd_role(database_url, postgres_server):
    """A URL of a role whose sessions are as odd as a role's can be."""
    name = "odd_role_of_tests"
    parts = urlsplit(database_url)
    admin = url_text.with_database(postgres_server, parts.path[1:])
    with connected(admin) as session:
        execute(session, f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'odd'")
        for key, value in ODD.items():
            execute(session, f"ALTER ROLE {name} SET {key} = '{value}'")
    yield f"postgresql://{name}:odd@{parts.hostname}:{parts.port}{parts.path}"
    with connected(admin) as session:
        execute(session, f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        execute(session, f"DROP OWNED BY {name}")
        execute(session, f"DROP ROLE {name}")


def test_settings_of_a_role_do_not_reach_us(odd_role, outputs, sweep_spec):
    with Ledger(odd_role, patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        claim = ledger.claim(sweep_spec().batch_id, ledger.start_worker(sweep_spec().batch_id, "here", 1))
        ledger.begin(claim, {"a\\b": "é'"}, ledger.new_run_id(outputs, 25))
        ledger.finish(claim, VALUE, 1.5, {"spearman": VALUE})
        assert study.tell(ledger.connection, ledger.spec(claim.batch_id))
        (attempt,) = ledger.attempts(sweep_spec().batch_id)
        assert (attempt.value, attempt.parameters, attempt.seconds) == (VALUE, {"a\\b": "é'"}, 1.5)
        assert attempt.finished_at is not None
        for key, value in SETTINGS.items():
            ((found,),) = ledger.connection.work(lambda open_, key=key: execute(open_, f"SHOW {key}").fetchall())
            assert found.partition(",")[0] == value
        assert study.load_study(ledger.connection, sweep_spec()).trials[0].number == 0


@pytest.fixture
def ascii_database(postgres_server):
    """The URL of a database that knows no encoding, as `initdb --encoding SQL_ASCII --no-locale` makes them."""
    name = "ascii_of_tests"
    with connected(postgres_server) as session:
        execute(session, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    yield url_text.with_database(postgres_server, name)
    with connected(postgres_server) as session:
        execute(session, f"DROP DATABASE {name} WITH (FORCE)")


def test_a_server_without_an_encoding_serves(ascii_database, outputs, sweep_spec):
    with Ledger(ascii_database, patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        worker = ledger.start_worker(sweep_spec().batch_id, "hôst", 1)
        assert [row.host for row in ledger.workers(sweep_spec().batch_id)] == ["hôst"]
        assert ledger.claim(sweep_spec().batch_id, worker) is not None


def test_a_server_that_takes_no_writes_is_told_so(database_url, outputs, sweep_spec):
    """As a standby answers, whatever a session asks for."""
    with Ledger(database_url, patience_s=5) as ledger:
        execute(ledger.connection.work(lambda open_: open_), "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        with pytest.raises(DatabaseError, match="takes no writes"):
            ledger.register(sweep_spec(), outputs)


def test_several_hosts_are_tried_and_the_one_that_writes_is_found(database_url, outputs, sweep_spec):
    parts = urlsplit(database_url)
    closed = free_port()
    user = parts.netloc.rpartition("@")[0]
    several = (
        f"postgresql://{user}@127.0.0.1:{closed},127.0.0.1:{parts.port}{parts.path}?target_session_attrs=read-write"
    )
    with Ledger(url_text.normalise(several), patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        assert ledger.progress(sweep_spec().batch_id).n_trials == sweep_spec().n_trials
        assert study.load_study(ledger.connection, sweep_spec()).trials == []


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def listening(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def pgbouncer():
    """The program; where it must be tested, it is installed."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    if not Path(program).exists():
        if not (os.environ.get("CI") and os.getuid() == 0):
            pytest.skip("needs pgbouncer")
        install = [
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
            "-o",
            "DPkg::Lock::Timeout=300",
            "pgbouncer",
        ]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
        subprocess.run([*install, "pgbouncer"], check=True, capture_output=True, env=environment)
    return program


@pytest.fixture
def pooled(tmp_path, database_url):
    """Starts a pgbouncer before the test's database; gives the URL that goes through it."""
    program = pgbouncer()
    started, parts = [], urlsplit(database_url)
    name = parts.path.strip("/")
    # It refuses to run as root.
    account = [] if os.getuid() else ["-u", "nobody"]
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o055)

    def start(mode):
        """A port that was free may be taken by the time it is listened on: then another one is tried."""
        for _ in range(5):
            port = free_port()
            process = subprocess.Popen([program, *account, str(configuration(mode, port))], stderr=subprocess.DEVNULL)
            while process.poll() is None:
                if listening(port):
                    started.append(process)
                    return f"postgresql://me:x@127.0.0.1:{port}/{name}"
                time.sleep(0.1)
        raise AssertionError("pgbouncer does not start")

    def configuration(mode, port):
        ini = tmp_path / f"{port}.ini"
        target = f"host=127.0.0.1 port={parts.port} user={parts.username} password={parts.password}"
        pool = f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}"
        ini.write_text(f"[databases]\n{name} = {target}\n[pgbouncer]\n{pool}\n")
        return ini

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_shares_sessions_is_refused_at_once(pooled, mode):
    url = pooled(mode)
    with pytest.raises(DatabaseError, match="pool_mode = session"):
        reach(url, 5, print)
    began = time.monotonic()
    with Ledger(url, patience_s=60) as ledger, pytest.raises(DatabaseError, match="pool_mode = session"):
        ledger.prepare()
    assert time.monotonic() - began < 50, "no patience with what does not pass"


def test_a_pooler_that_gives_each_client_a_session_serves(pooled, outputs, sweep_spec):
    url = pooled("session")
    reach(url, 5, print)
    with Ledger(url, patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        worker = ledger.start_worker(sweep_spec().batch_id, "here", 1)
        assert ledger.claim(sweep_spec().batch_id, worker) is not None
        with ledger.building("x") as mine, Ledger(url, patience_s=5) as other, other.building("x") as theirs:
            assert (mine, theirs) == (True, False)


def test_what_a_pooler_does_not_know_is_said(pooled):
    with pytest.raises(DatabaseError, match=r"unsupported startup parameter: options.*pooler"):
        reach(pooled("session") + "?options=-c%20work_mem%3D8MB", 5, print)
