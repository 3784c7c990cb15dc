"""What `db up --listen` needs beside the server: a certificate of its own, and the process that speaks TLS with it.

The certificate is made once and signed by itself. Clients take no other one, whatever name or address the server has:
the URLs name its file, which lies beside them on the file system that the nodes share.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from truestrength.launcher.postgres import front
from truestrength.launcher.postgres.state import ServerState
from truestrength.launcher.postgres.user import User
from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

# By `openssl ca`: what `openssl req` makes is valid from this moment on, and refused by a node whose clock is behind.
FROM, UNTIL = "20200101000000Z", "21200101000000Z"
SETTINGS = """
[req]
distinguished_name = name
prompt = no
[name]
CN = truestrength
[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical, CA:FALSE
"""


def make_certificate(paths: EmbeddedServerPaths) -> None:
    """Make key and certificate unless they are there.

    Raises:
        DatabaseError: the program `openssl` is missing or fails.
    """
    if paths.key.exists() and paths.certificate.exists():
        return
    if not shutil.which("openssl"):
        raise DatabaseError(
            "db up --listen: other machines are served with TLS only, and `openssl`, which makes the certificate, is "
            "missing: install it (the package openssl), or set DATABASE_URL to a PostgreSQL server of yours"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "settings").write_text(SETTINGS, encoding="ascii")
        (folder / "index").touch()
        _openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", "key", "-out", "request")  # fmt: skip
        _openssl(folder, "ca", "-batch", "-notext", "-selfsign", "-keyfile", "key", "-in", "request",
                 "-startdate", FROM, "-enddate", UNTIL, "-out", "certificate")  # fmt: skip
        files.write_secret(paths.key, (folder / "key").read_text(encoding="ascii"))
        files.write_secret(paths.certificate, (folder / "certificate").read_text(encoding="ascii"))


@dataclass(frozen=True)
class Door:
    """The way in for other machines: bound before the server starts, opened when it runs."""

    listener: socket.socket | None
    end: int
    inherited: int
    """What the server's processes have to inherit: when the last of them is gone, nobody is let in any more."""

    def open(self, paths: EmbeddedServerPaths, state: ServerState, user: User | None) -> None:
        """Serve other machines, if there is somebody to serve, by a process that is `user` when this one is root's."""
        if not self.listener:
            return
        uid, gid = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
        words = [self.listener.fileno(), self.end, state.port, paths.certificate, paths.key, uid, gid]
        with files.open_private(paths.front) as lock, files.open_private(paths.front_log) as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            started = subprocess.Popen(
                [sys.executable, "-I", front.__file__, *map(str, words)],
                cwd="/",
                env={"PATH": os.defpath},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[self.listener.fileno(), self.end, lock.fileno()],
                start_new_session=True,
            )
        started.returncode = 0  # it outlives this process on purpose


@contextmanager
def door(paths: EmbeddedServerPaths, state: ServerState) -> Iterator[tuple[Door, ServerState]]:
    """A door for a start of the server, and the state with the port that it is at.

    Raises:
        DatabaseError: this machine does not have the address, or no certificate can be made.
    """
    with ExitStack() as closing:
        listener = None
        if state.listens:
            make_certificate(paths)
            listener = closing.enter_context(_listening(state.listen, state.tls_port))
            state = state.with_door(listener.getsockname()[1], paths.certificate)
        end, inherited = os.pipe()
        closing.callback(os.close, end)
        closing.callback(os.close, inherited)
        yield Door(listener, end, inherited), state


def runs(paths: EmbeddedServerPaths) -> bool:
    """Whether other machines are being served."""
    with files.open_private(paths.front) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _listening(address: str, port: int) -> socket.socket:
    """A listening socket at an address, or at all (`*`), on `port` or, where somebody has that, on a free one.

    Raises:
        DatabaseError: this machine does not have the address.
    """
    everywhere = address == "*" and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if everywhere or ":" in address else socket.AF_INET
    where = "" if address == "*" else address
    for wanted in (port, 0):
        try:
            return socket.create_server((where, wanted), family=family, backlog=128, dualstack_ipv6=everywhere)
        except OSError as error:
            found = error
    raise DatabaseError(f"db up --listen {address}: {found.strerror or found}. Name an address of this machine")


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(
        ["openssl", *words, "-config", "settings"],
        cwd=folder, capture_output=True, text=True, errors="replace", check=False, umask=0o077,
    )  # fmt: skip
    if done.returncode:
        raise DatabaseError(f"openssl {words[0]} failed: {' '.join(done.stderr.split())}")
