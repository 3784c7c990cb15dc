"""A PostgreSQL server of the project's own, under `.postgres/`: a real one, with fsync and passwords, from a wheel.

Whether it lives is not read from a pid, which lies after a restart, in containers and for zombies: the server's
processes inherit an open file with a lock on it, and the kernel lets go of that lock when the last of them is gone.
"""

from __future__ import annotations

import fcntl
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec
import psycopg
from psycopg import sql

from launcher.postgres_binaries import Programs, programs_for
from trainer.contract import database, files
from trainer.contract.errors import DatabaseError
from trainer.contract.paths import EmbeddedServerPaths

NAME = "truestrength"
"""Of the role and of the database."""
LOOPBACK = "127.0.0.1"
START_TRIES = 5
MAX_CONNECTIONS = 300
LONGEST_SOCKET_FOLDER = 80


class ServerState(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is remembered from one start to the next."""

    password: str
    port: int
    listen: str = LOOPBACK
    """`listen_addresses`; `*` for all interfaces."""
    host: str = ""
    """Where the server was started last; empty after an orderly stop."""
    boot_id: str = ""
    """Of the machine it was started on; containers on one machine share it."""


@dataclass(frozen=True)
class ServerStatus:
    """What `db status` shows."""

    running: bool
    url: str
    """Without its password; empty when the server is down."""
    data: Path
    log: Path


def up(root: Path, listen: bool | str = False) -> str:
    """Start the project's server unless it runs, and return its URL. Safe for many processes at once.

    Args:
        root: the project folder.
        listen: True for all interfaces, or the address of one, so that other machines can connect.

    Raises:
        DatabaseError: the server cannot be started, and why.
    """
    paths = EmbeddedServerPaths.of(root)
    with _locked(paths):
        state = _state(paths)
        wanted = _wanted(state, listen)
        if _alive(paths):
            if _answers(paths, state) and wanted.listen == state.listen:
                return _publish(paths, state)
            _stop(paths)
        _refuse_if_elsewhere(paths, state)
        programs = programs_for(paths.folder, paths.data)
        if not paths.data.exists():
            _initialise(paths, programs, wanted)
        return _start(paths, programs, wanted)


def down(root: Path) -> bool:
    """Stop the server in good order. Returns whether it ran."""
    paths = EmbeddedServerPaths.of(root)
    if not paths.state.exists():
        return False
    with _locked(paths):
        ran = _alive(paths)
        if ran:
            _stop(paths)
        paths.url.unlink(missing_ok=True)
        _remember(paths, msgspec.structs.replace(_state(paths), host="", boot_id=""))
    return ran


def status(root: Path) -> ServerStatus:
    """Whether the server runs, and where its things lie."""
    paths = EmbeddedServerPaths.of(root)
    if not paths.state.exists():
        return ServerStatus(False, "", paths.data, paths.log)
    with _locked(paths):
        state = _state(paths)
        running = _alive(paths) or (_elsewhere(state) and _answers(paths, state, patience_s=2))
    return ServerStatus(running, database.redact(_url(state)) if running else "", paths.data, paths.log)


def url(root: Path) -> str:
    """The URL with its password.

    Raises:
        DatabaseError: the server is not up.
    """
    if not status(root).running:
        raise DatabaseError("The embedded server is not running. Start it with `python -m launcher db up`.")
    return _url(_state(EmbeddedServerPaths.of(root)))


@contextmanager
def _locked(paths: EmbeddedServerPaths) -> Iterator[None]:
    try:
        if not paths.folder.exists():
            paths.folder.mkdir(parents=True, exist_ok=True)
            # The server may run as another user, who has to pass; the files with the password are closed to it.
            paths.folder.chmod(0o711)
        with paths.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        raise DatabaseError(
            f"{error.filename or paths.folder}: no permission. The embedded server belongs to the user who made it: "
            "run as that user, or remove the .postgres folder to begin anew."
        ) from None


def _state(paths: EmbeddedServerPaths) -> ServerState:
    if paths.state.exists():
        return msgspec.json.decode(paths.state.read_bytes(), type=ServerState)
    if paths.data.exists():
        raise DatabaseError(
            f"{paths.state} is gone, and with it the password of {paths.data}: restore it, or remove both"
        )
    return ServerState(password=secrets.token_urlsafe(24), port=_free_port(LOOPBACK))


def _wanted(state: ServerState, listen: bool | str) -> ServerState:
    if not listen:
        return state
    return msgspec.structs.replace(state, listen="*" if listen is True else listen)


def _remember(paths: EmbeddedServerPaths, state: ServerState) -> None:
    files.write_secret(paths.state, msgspec.json.encode(state).decode())


def _publish(paths: EmbeddedServerPaths, state: ServerState) -> str:
    files.write_secret(paths.url, _url(state))
    return _url(state)


def _url(state: ServerState) -> str:
    address = {LOOPBACK: LOOPBACK, "*": state.host}.get(state.listen, state.listen)
    return f"postgresql://{NAME}:{quote(state.password)}@{address}:{state.port}/{NAME}"


def _alive(paths: EmbeddedServerPaths) -> bool:
    with paths.alive.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _answers(paths: EmbeddedServerPaths, state: ServerState, patience_s: float = 60.0) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            psycopg.connect(_url(state), connect_timeout=database.CONNECT_TIMEOUT_S).close()
        except psycopg.OperationalError as error:
            if not _elsewhere(state) and not _alive(paths):
                return False
            if "refused" in str(error) or time.monotonic() > deadline:
                return False
        else:
            return True
        time.sleep(0.1)


def _elsewhere(state: ServerState) -> bool:
    return bool(state.host) and state.host != socket.gethostname() and state.boot_id != _boot_id()


def _refuse_if_elsewhere(paths: EmbeddedServerPaths, state: ServerState) -> None:
    """Two servers on one data folder destroy it, and no lock is sure to be seen from another machine."""
    if _elsewhere(state):
        raise DatabaseError(
            f"The embedded server was started on {state.host} and never stopped. Stop it there (`python -m launcher db "
            f'down`). If that machine is gone for good, set "host" to "" in {paths.state} and try again.'
        )


def _initialise(paths: EmbeddedServerPaths, programs: Programs, state: ServerState) -> None:
    """Make the data folder beside its place and move it there when it is whole."""
    _remember(paths, state)
    fresh = paths.data.with_name(f"data.{secrets.token_hex(4)}")
    password = paths.data.with_name(f"password.{secrets.token_hex(4)}")
    output = paths.data.with_name("initdb.log")
    try:
        files.write_secret(password, state.password)
        programs.own(password)
        fresh.mkdir(mode=0o700)
        programs.own(fresh)
        made = programs.run(
            "initdb", "--pgdata", str(fresh), "--username", NAME, "--auth", "scram-sha-256", "--pwfile", str(password),
            "--encoding", "UTF8", "--no-locale", output=output,
        )  # fmt: skip
        if made.returncode:
            raise DatabaseError(f"initdb failed: {_tail(output)}")
    finally:
        password.unlink(missing_ok=True)
    with (fresh / "pg_hba.conf").open("a") as rules:
        rules.write("host all all all scram-sha-256\n")
    with (fresh / "postgresql.conf").open("a") as settings:
        settings.write("include 'truestrength.conf'\n")
    fresh.rename(paths.data)


def _start(paths: EmbeddedServerPaths, programs: Programs, state: ServerState) -> str:
    output = paths.data.with_name("start.log")
    for _ in range(START_TRIES):
        state = msgspec.structs.replace(state, host=socket.gethostname(), boot_id=_boot_id(), port=_usable_port(state))
        _remember(paths, state)
        _write_settings(paths, state)
        if _launch(paths, programs, output):
            _create_database(state)
            return _publish(paths, state)
        time.sleep(0.5)
    raise DatabaseError(f"The embedded server does not start: {_tail(output)} {_tail(paths.log)}")


def _launch(paths: EmbeddedServerPaths, programs: Programs, output: Path) -> bool:
    with paths.alive.open("a") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # No process of an earlier server is left, so these speak of a pid that is gone, a zombie, or somebody else.
        for stale in (paths.data / "postmaster.pid", *paths.data.glob(".s.PGSQL.*.lock")):
            stale.unlink(missing_ok=True)
        started = programs.run(
            "pg_ctl", "start", "--wait", "--timeout", "120", "--pgdata", str(paths.data), "--log", str(paths.log),
            output=output, keep_open=[alive.fileno()],
        )  # fmt: skip
    return started.returncode == 0


def _write_settings(paths: EmbeddedServerPaths, state: ServerState) -> None:
    folder = str(paths.data) if len(str(paths.data)) <= LONGEST_SOCKET_FOLDER else ""
    settings: dict[str, str | int] = {
        "listen_addresses": state.listen,
        "port": state.port,
        "unix_socket_directories": folder,
        "max_connections": MAX_CONNECTIONS,
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Dead peers (a node that lost power) are noticed in about a minute, and their locks fall.
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
    }
    lines = [f"{key} = '{str(value).replace(chr(39), chr(39) * 2)}'" for key, value in settings.items()]
    (paths.data / "truestrength.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _create_database(state: ServerState) -> None:
    with psycopg.connect(database.with_database(_url(state), "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
        if not known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))


def _stop(paths: EmbeddedServerPaths) -> None:
    programs = programs_for(paths.folder, paths.data)
    output = paths.data.with_name("stop.log")
    programs.run("pg_ctl", "stop", "--wait", "--mode", "fast", "--pgdata", str(paths.data), output=output)
    deadline = time.monotonic() + 60
    while _alive(paths):
        if time.monotonic() > deadline:
            raise DatabaseError(f"The embedded server does not stop: {_tail(output)} {_tail(paths.log)}")
        time.sleep(0.1)


def _usable_port(state: ServerState) -> int:
    address = {"*": ""}.get(state.listen, state.listen)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, state.port))
        except OSError:
            return _free_port(address)
    return state.port


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _tail(path: Path, size: int = 800) -> str:
    with suppress(OSError):
        return database.redact(path.read_bytes()[-size:].decode(errors="replace")).strip()
    return ""
