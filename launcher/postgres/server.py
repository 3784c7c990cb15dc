"""A PostgreSQL server of the project's own, under `.postgres/`: a real one, with fsync and passwords, from a wheel.

Whether it lives is not read from a pid, which lies after a restart, in containers and for zombies: the server's
processes inherit an open file with a lock on it, and the kernel lets go of that lock when the last of them is gone.
"""

from __future__ import annotations

import fcntl
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psycopg2

from truestrength.launcher.postgres import data_folder, databases, encryption, host, roles
from truestrength.launcher.postgres.host import tail
from truestrength.launcher.postgres.lock import alive, locked
from truestrength.launcher.postgres.programs import Programs, programs_for
from truestrength.launcher.postgres.state import MAINTENANCE, ServerState
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import address, faults, sessions
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths
from truestrength.trainer.contract.process import Place

START_TRIES = 5
ANSWER_PATIENCE_S = 60.0
DOWN = "The embedded server is not running. Start it with `truestrength db up`."
ENDING_PATIENCE_S = 5.0
SHUTTING_DOWN = "the database system is shutting down"


@dataclass(frozen=True)
class ServerStatus:
    """What `db status` shows."""

    running: bool
    url: str
    """Without its password; empty when the server is down."""
    data: Path
    log: Path


def up(root: Path, listen: bool | str = False) -> str:
    """Start the project's server unless it runs, and return its current URL. Safe for many processes at once.

    Args:
        root: the project folder.
        listen: True for all interfaces, or the address of one, so that other machines can connect.

    Raises:
        DatabaseError: the server cannot be started, and why.
    """
    paths = EmbeddedServerPaths.of(root)
    with locked(paths):
        state = _state(paths)
        wanted = state.listening(listen)
        if _runs_elsewhere(paths, state):
            return databases.publish(paths, state) if _answers(paths, state) else _refuse_elsewhere(paths, state)
        if _serves(paths, state):
            if wanted.listen == state.listen and encryption.runs(paths) == state.listens:
                return databases.publish(paths, state)
            _stop(paths)
        programs = programs_for(paths.folder, paths.data)
        if not paths.data.exists():
            data_folder.initialise(paths, programs, wanted)
        return _start(paths, programs, wanted)


def down(root: Path) -> bool:
    """Stop the server in good order. Returns whether it ran."""
    paths = EmbeddedServerPaths.of(root)
    if not paths.state.exists():
        return False
    with locked(paths):
        state = _state(paths)
        if _runs_elsewhere(paths, state):
            _refuse_elsewhere(paths, state)
        ran = alive(paths)
        if ran:
            _stop(paths)
        paths.url.unlink(missing_ok=True)
        state.stopped().write(paths.state)
    return ran


def status(root: Path) -> ServerStatus:
    """Whether the server runs, and where its things lie."""
    paths = EmbeddedServerPaths.of(root)
    if not paths.state.exists():
        return ServerStatus(False, "", paths.data, paths.log)
    with locked(paths):
        state = _state(paths)
        running = _answers(paths, state) if _runs_elsewhere(paths, state) else alive(paths)
        current = state.url(databases.current(paths))
    return ServerStatus(running, url_text.redact(current) if running else "", paths.data, paths.log)


def select(root: Path, outputs: OutputsRoot) -> Path:
    """Make an outputs root's database the current one of the server, which is up; it is made where it is missing.

    Safe for many processes at once, and quick when it is there.

    Returns:
        The file with its URL, which stays right when the server moves or another root becomes the current one.

    Raises:
        DatabaseError: the database cannot be made.
    """
    paths = EmbeddedServerPaths.of(root)
    name = address.root_database(outputs)
    with locked(paths):
        state = _state(paths)
        databases.create(roles.superuser_url(paths, state), name)
        databases.make_current(paths, state, name)
    return paths.root_url(name)


def url(root: Path, outputs: OutputsRoot | None = None) -> str:
    """The programs' URL with its password, of the current database or of that of an outputs root.

    Raises:
        DatabaseError: the server is not up, or has no database of this root.
    """
    if not status(root).running:
        raise DatabaseError(DOWN)
    if outputs is None:
        paths = EmbeddedServerPaths.of(root)
        return _state(paths).url(databases.current(paths))
    path = address.root_url_file(root, outputs)
    if path is None:
        raise DatabaseError(
            f"{outputs.root}: the embedded server has no database of this outputs root, so no sweep has run in it. "
            f"`truestrength phase1 --set paths.outputs={outputs.root}` makes one."
        )
    return address.read_url(path)


def superuser_url(root: Path) -> str:
    """The URL of the server's superuser, for commands that steer the server itself. No program or worker is given it.

    Raises:
        DatabaseError: the server is not up.
    """
    if not status(root).running:
        raise DatabaseError(DOWN)
    paths = EmbeddedServerPaths.of(root)
    return roles.superuser_url(paths, _state(paths))


def _state(paths: EmbeddedServerPaths) -> ServerState:
    if paths.state.exists():
        return ServerState.read(paths.state)
    if paths.data.exists():
        raise DatabaseError(
            f"{paths.state} is gone, and with it the password of {paths.data}: restore it, or remove both"
        )
    return ServerState.new()


def _serves(paths: EmbeddedServerPaths, state: ServerState) -> bool:
    """Whether the server lives and takes connections; False when the last of its processes is gone.

    One that is starting, recovers from a crash, or is about to end, is waited for. One that was told to end waits for
    its last client, who may wait for the server in turn; so it is ended, which costs its clients a pause.

    Raises:
        DatabaseError: it lives and takes none, for whatever reason. Others may be using it, so it is left alone.
    """
    told = time.monotonic()
    deadline = told + ANSWER_PATIENCE_S
    while alive(paths):
        trouble = _trouble(paths, state.local)
        if trouble is None:
            return True
        if SHUTTING_DOWN in str(trouble) and time.monotonic() > told + ENDING_PATIENCE_S:
            _stop(paths)
            return False
        if time.monotonic() > deadline or not faults.is_passing(trouble):
            raise DatabaseError(
                f"{faults.explain(trouble, state.url(MAINTENANCE))} The embedded server lives and is left as it is; "
                f"{paths.log} may say more, and `truestrength db down` stops it."
            )
        time.sleep(0.1)
    return False


def _answers(paths: EmbeddedServerPaths, state: ServerState) -> bool:
    """Whether a connection can be made, soon: a server that recovers from a crash says that it will take a while."""
    deadline = time.monotonic() + ANSWER_PATIENCE_S
    while trouble := _trouble(paths, state):
        recovers = "starting up" in str(trouble) or "recovery" in str(trouble)
        if not recovers or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _trouble(paths: EmbeddedServerPaths, state: ServerState) -> psycopg2.Error | None:
    """Why no connection can be made; None when one can.

    A start that was interrupted has one of the two roles only.
    """
    found = None
    for url in (state.url(MAINTENANCE), *([roles.superuser_url(paths, state)] if paths.superuser.exists() else [])):
        try:
            sessions.connect(url).close()
        except psycopg2.Error as error:
            found = found or error
        else:
            return None
    return found


def _runs_elsewhere(paths: EmbeddedServerPaths, state: ServerState) -> bool:
    """Whether the server runs, or may run, where this process cannot see its pid: another container or machine.

    Two servers on one data folder destroy it. Containers of one machine see each other's locks; on a shared file
    system another machine's may be invisible.
    """
    if not state.host or state.place in ("", Place.here().name):
        return False
    if alive(paths):
        return True
    another_machine = state.host != socket.gethostname() and not state.started_in_this_boot
    return another_machine and host.file_system(paths.folder) not in host.LOCAL_FILE_SYSTEMS


def _refuse_elsewhere(paths: EmbeddedServerPaths, state: ServerState) -> NoReturn:
    raise DatabaseError(
        f"The embedded server was started on {state.host} and never stopped. Stop it there (`truestrength db "
        f'down`), or if {state.host} is gone for good, set "host" to "" in {paths.state} and try again.'
    )


def _start(paths: EmbeddedServerPaths, programs: Programs, state: ServerState) -> str:
    output = paths.data.with_name("start.log")
    for _ in range(START_TRIES):
        state = state.starting_here()
        with encryption.door(paths, state) as (door, state):
            state.write(paths.state)
            data_folder.write_settings(paths, programs, state)
            started = _launch(paths, programs, output, door.inherited)
            if started:
                door.open(paths, state, programs.way.user)
        if started:
            return databases.publish(paths, state)
        time.sleep(0.5)
    raise DatabaseError(f"The embedded server does not start: {host.tail(output)} {host.tail(paths.log)}")


def _launch(paths: EmbeddedServerPaths, programs: Programs, output: Path, inherited: int) -> bool:
    with files.open_private(paths.alive) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # No process of an earlier server is left, so these speak of a pid that is gone, a zombie, or somebody else.
        for stale in (paths.data / "postmaster.pid", *paths.data.glob(".s.PGSQL.*.lock")):
            stale.unlink(missing_ok=True)
        started = programs.run(
            "pg_ctl", "start", "--wait", "--timeout", "120", "--pgdata", str(paths.data), "--log", str(paths.log),
            output=output, keep_open=[lock.fileno(), inherited],
        )  # fmt: skip
    return started.returncode == 0


def _stop(paths: EmbeddedServerPaths) -> None:
    programs = programs_for(paths.folder, paths.data)
    output = paths.data.with_name("stop.log")
    programs.run("pg_ctl", "stop", "--wait", "--mode", "fast", "--pgdata", str(paths.data), output=output)
    deadline = time.monotonic() + 60
    while alive(paths) or encryption.runs(paths):
        if time.monotonic() > deadline:
            raise DatabaseError(f"The embedded server does not stop: {tail(output)} {tail(paths.log)}")
        time.sleep(0.1)
