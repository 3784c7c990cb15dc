"""`db up --listen`: other machines are served with TLS only, and take no other server for ours."""

import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import time
from pathlib import Path

import psycopg2
import pytest

from truestrength.launcher.containers.contained import contained
from truestrength.launcher.containers.settings import container, parse_container
from truestrength.launcher.postgres import encryption, server
from truestrength.launcher.postgres.state import ServerState
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.patience import reach
from truestrength.trainer.contract.database.sessions import connect, connected
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.ledger import Ledger, study
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths


def own_address():
    """An address of this machine's that is not the loopback's; without a network, none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


ADDRESS = own_address()
on_a_network = pytest.mark.skipif(
    ADDRESS is None and os.environ.get("CI") != "true", reason="this machine has the loopback interface only"
)


@pytest.fixture
def project(tmp_path):
    yield tmp_path
    server.down(tmp_path)


@pytest.fixture
def paths(project):
    return EmbeddedServerPaths.of(project)


def door(paths):
    """Host and port for other machines."""
    host, _, port = url_text.parse(ServerState.read(paths.state).url("postgres")).hosts.rpartition(":")
    return host, int(port)


def until(true):
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@on_a_network
def test_programs_on_other_machines_are_served_by_tls(project, paths, outputs, sweep_spec):
    url = server.up(project, listen=ADDRESS)
    assert url_text.parse(url).hosts == f"{ADDRESS}:{door(paths)[1]}"
    with connected(url) as session:
        assert session.info.ssl_in_use
        assert session.info.ssl_attribute("protocol") == "TLSv1.3"
    with Ledger(server.select(project, outputs).read_text(), patience_s=5) as ledger:
        ledger.register(sweep_spec(), outputs)
        assert study.load_study(ledger.connection, sweep_spec()).trials == []
    with connected(ServerState.read(paths.state).local.url("postgres")) as session:
        assert not session.info.ssl_in_use, "this machine's own loopback needs none"
    assert server.up(project, listen=ADDRESS) == server.up(project) == server.url(project)
    assert server.status(project).running


@on_a_network
def test_a_connection_without_tls_is_refused(project, paths):
    url = server.up(project, listen=ADDRESS)
    with pytest.raises(psycopg2.OperationalError, match="takes encrypted connections only"):
        psycopg2.connect(url.replace("sslmode=verify-ca", "sslmode=disable"))
    with socket.socket() as server_itself:
        assert server_itself.connect_ex((ADDRESS, ServerState.read(paths.state).port)), "it listens on the loopback"


@on_a_network
def test_what_stands_before_tls_is_not_taken_for_a_part_of_it(project, paths):
    """A password or a statement that somebody on the way slips in (as in CVE-2021-23214)."""
    server.up(project, listen=ADDRESS)
    with socket.create_connection(door(paths), timeout=10) as client:
        client.sendall(struct.pack("!II", 8, 80877103) + b"SELECT 1")
        assert client.recv(1) == b"S"
        answered = client.recv(100)
        assert answered[:1] in (b"", b"\x15"), "a TLS alert, or the end"


@on_a_network
def test_another_server_is_not_taken_for_ours(project, paths, tmp_path_factory):
    """The right port, the right words, another certificate; and a port that somebody without TLS has."""
    url = server.up(project, listen=ADDRESS)
    other = EmbeddedServerPaths.of(tmp_path_factory.mktemp("other"))
    encryption.make_certificate(other)
    theirs = url.replace(str(paths.certificate), str(other.certificate))
    assert theirs != url
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        connect(theirs)
    with pytest.raises(DatabaseError, match=r"No password was sent: the server there is another one"):
        reach(theirs, 60, print)
    state = ServerState.read(paths.state)
    plain = url.replace(f":{state.tls_port}/", f":{state.port}/").replace(ADDRESS, "127.0.0.1")
    with pytest.raises(psycopg2.OperationalError, match="server does not support SSL, but SSL was required"):
        connect(plain)
    with pytest.raises(DatabaseError, match='root certificate file "/nowhere" does not exist'):
        reach(url.replace(str(paths.certificate), "/nowhere"), 60, print)


@on_a_network
def test_it_ends_with_the_server_and_comes_back_on_the_same_port(project, paths):
    url = server.up(project, listen=ADDRESS)
    certificate = paths.certificate.read_bytes()
    os.kill(int((paths.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    until(lambda: not server.status(project).running and not encryption.runs(paths))
    assert server.up(project) == url
    server.down(project)
    assert not encryption.runs(paths)
    assert "127.0.0.1" in server.up(project), "the next start is for this machine again"
    assert server.up(project, listen=ADDRESS) == url
    assert paths.certificate.read_bytes() == certificate


@on_a_network
def test_when_it_was_killed_alone_the_next_up_starts_it(project, paths):
    url = server.up(project, listen=ADDRESS)
    os.kill(front(paths), signal.SIGKILL)
    until(lambda: not encryption.runs(paths))
    with connected(server.up(project)) as session:
        assert session.info.ssl_in_use
    assert server.url(project) == url


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's becomes another user")
def test_roots_becomes_the_servers_user(project, paths):
    server.up(project, listen=True)
    assert Path(f"/proc/{front(paths)}").stat().st_uid == paths.data.stat().st_uid != 0


def front(paths):
    """The pid of the process that serves other machines."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(paths.certificate).encode() in words:
            return int(process.name)
    raise AssertionError("there is none")


@pytest.mark.parametrize("umask", [0o000, 0o027, 0o077])
def test_modes_whatever_the_umask(project, paths, umask):
    before = os.umask(umask)
    try:
        server.up(project, listen=True)
    finally:
        os.umask(before)
    files = {path for path in paths.folder.iterdir() if path.is_file()}
    assert files >= {paths.superuser, paths.key, paths.certificate, paths.front, paths.front_log, paths.url}
    assert {path.name for path in files if stat.S_IMODE(path.stat().st_mode) != 0o600} == set()
    inside = {path for path in paths.data.iterdir() if not path.is_socket()}  # behind the folder's own mode
    assert {stat.S_IMODE(path.stat().st_mode) for path in inside} <= {0o600, 0o700}
    assert stat.S_IMODE(paths.data.stat().st_mode) == 0o700


def test_without_openssl_it_says_so(project, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "openssl" else which(name))
    with pytest.raises(DatabaseError, match=r"with TLS only, and `openssl`, .* is missing: install it"):
        server.up(project, listen=True)


def test_an_address_of_another_machine(project):
    with pytest.raises(DatabaseError, match=r"--listen 192\.0\.2\.7: .*Name an address of this machine"):
        server.up(project, listen="192.0.2.7")


def test_a_certificate_serves_nodes_whose_clocks_are_wrong(paths):
    encryption.make_certificate(paths)
    dates = subprocess.check_output(
        ["openssl", "x509", "-in", paths.certificate, "-noout", "-startdate", "-enddate"], text=True
    )
    assert "2020" in dates
    assert "2120" in dates


def test_a_worker_in_a_container_sees_the_certificate(tmp_path, monkeypatch):
    """Under its own path, as everything in a container has."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h/db?sslmode=verify-ca&sslrootcert=/some%20where/root.pem")
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    wanted = container(parse_container("docker:image"), Paths(), tmp_path)
    with contained(wanted, ["-m", "trainer"], {}) as launch:
        mounts = [word for word in launch.arguments if word.startswith("type=bind")]
    assert "type=bind,source=/some where/root.pem,target=/some where/root.pem,readonly" in mounts
