"""Makes the embedded server's data folder, and writes its settings.

Passwords are asked for on every connection, from this machine too; the server listens on the loopback interface only.
"""

from __future__ import annotations

import os
import secrets

from truestrength.launcher.postgres.host import tail
from truestrength.launcher.postgres.programs import Programs
from truestrength.launcher.postgres.state import LOOPBACK, SUPERUSER, ServerState
from truestrength.trainer.contract import files
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

SETTINGS = "truestrength.conf"
MAX_CONNECTIONS = 300
"""Of programs and workers; the superuser's are beside them."""
RESERVED = 3
RULES = """local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""
"""Other machines come by `front.py`, which takes TLS only."""
LONGEST_SOCKET_FOLDER = 80
"""A socket's path may have 107 bytes, on some systems 103."""


def initialise(paths: EmbeddedServerPaths, programs: Programs, state: ServerState) -> None:
    """Make the data folder beside its place and move it there when it is whole."""
    state.write(paths.state)
    files.write_secret(paths.superuser, secrets.token_urlsafe(24))
    fresh = paths.data.with_name(f"data.{secrets.token_hex(4)}")
    password = paths.data.with_name(f"password.{secrets.token_hex(4)}")
    output = paths.data.with_name("initdb.log")
    try:
        files.write_secret(password, paths.superuser.read_text(encoding="utf-8"))
        programs.own(password)
        fresh.mkdir(mode=0o700)
        programs.own(fresh)
        made = programs.run(
            "initdb", "--pgdata", str(fresh), "--username", SUPERUSER, "--auth", "scram-sha-256",
            "--pwfile", str(password), "--encoding", "UTF8", "--no-locale", output=output,
        )  # fmt: skip
        if made.returncode:
            raise DatabaseError(f"initdb failed: {tail(output)}")
    finally:
        password.unlink(missing_ok=True)
    with (fresh / "postgresql.conf").open("a") as settings:
        settings.write(f"include '{SETTINGS}'\n")
    fresh.rename(paths.data)


def write_settings(paths: EmbeddedServerPaths, programs: Programs, state: ServerState) -> None:
    """Write the settings of one start, beside PostgreSQL's own file, which includes them; and who may connect how."""
    # A list: between double quotes a comma or a blank is part of a path.
    folder = f'"{paths.data}"' if len(os.fsencode(paths.data)) <= LONGEST_SOCKET_FOLDER else ""
    settings: dict[str, str | int] = {
        "listen_addresses": LOOPBACK,
        "port": state.port,
        "unix_socket_directories": folder,
        "max_connections": MAX_CONNECTIONS + RESERVED,
        "superuser_reserved_connections": RESERVED,
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Dead peers (a node that lost power) are noticed in about a minute, and their locks fall.
        "tcp_keepalives_idle": 30,
        "tcp_keepalives_interval": 10,
        "tcp_keepalives_count": 3,
    }
    lines = [f"{key} = '{str(value).replace(chr(39), chr(39) * 2)}'" for key, value in settings.items()]
    for path, text in ((paths.data / SETTINGS, "\n".join(lines) + "\n"), (paths.data / "pg_hba.conf", RULES)):
        with files.replacing(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(text, encoding="utf-8")
            programs.own(temporary)
