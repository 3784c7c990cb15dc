"""What a job of the cluster starts with: a short, clean environment, and the database's URL by the name of a file.

Surprising: sbatch copies the submitter's whole environment into SLURM's state and into `ps` unless it is told
`--export=NIL`. So jobs get nothing from sbatch, and read a file that only their owner may read.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
from pathlib import Path
from urllib.parse import unquote

from truestrength.launcher.slurm import programs
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.outputs import ClusterPaths

PASSED_ON = (
    "BASH_ENV", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "LOGNAME", "MODULEPATH", "PATH", "SHELL", "SLURM_CONF",
    "SSL_CERT_FILE", "TMPDIR", "TZ", "USER",
)  # fmt: skip
"""Variables of the submitter's that a job needs to find its programs; none of them is a secret."""
PREFIXES_PASSED_ON = ("TRUESTRENGTH_", "LMOD_", "MODULES", "MODULERCFILE")
"""Beside our own: where a site's `module` command is and how it is set up; not what the submitter has loaded."""
FUNCTION = re.compile(r"BASH_FUNC_(.+?)(%%|\(\))$")
"""How bash exports a function, such as `module`: a variable of this name, its value beginning with `() {`."""
LOOPBACK = {"localhost", "127.0.0.1", "::1", ""}


def write(paths: ClusterPaths, more: tuple[str, ...] = ()) -> Path:
    """Write the file that every job reads first; a later submission renews it for all.

    Args:
        paths: Where it goes.
        more: Names of further variables to pass on.

    Raises:
        DatabaseError: the environment names no database.
    """
    wanted = {name for name in os.environ if name in PASSED_ON or name in more or name.startswith(PREFIXES_PASSED_ON)}
    # They complete a URL of the user's own; when the server is the embedded one, there are none left.
    wanted |= set(address.libpq_variables())
    values = {name: os.environ[name] for name in sorted(wanted - {address.URL_VARIABLE})}
    values[address.FILE_VARIABLE] = str(_database_file(paths))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    files.write_secret(paths.environment, "\n".join([*lines, *_functions()]) + "\n")
    return paths.environment


def _functions() -> list[str]:
    """The functions that the submitter's shell exports: on most clusters, `module` is one."""
    found = {match.group(1): value for name, value in os.environ.items() if (match := FUNCTION.fullmatch(name))}
    return [
        f"{name} {value}\nexport -f {name}"
        for name, value in sorted(found.items())
        if value.startswith("() {") and re.fullmatch(r"[\w.:+-]+", name)
    ]


def check_reachable(url: str) -> None:
    """Refuse a database that other machines cannot reach, unless the cluster is this machine alone.

    Raises:
        DatabaseError: the URL names this machine's loopback, and the cluster has other nodes.
    """
    if any(name not in LOOPBACK and not name.startswith("/") for name in map(unquote, url_text.host_names(url))):
        return
    here = {*LOOPBACK, socket.gethostname(), socket.gethostname().partition(".")[0]}
    if others := sorted(programs.node_addresses() - here):
        raise DatabaseError(
            f"{url_text.shown(url)}: only this machine can reach it, and the cluster has nodes elsewhere "
            f"({others[0]}, …). Serve it to them with `truestrength db up --listen`, or from a job: "
            "`sbatch slurm/postgres.sbatch`."
        )


def _database_file(paths: ClusterPaths) -> Path:
    """The file with the URL. The embedded server's own are renewed when the server moves."""
    if os.environ.get(address.URL_VARIABLE):
        files.write_secret(paths.database_url, address.database_url())
        return paths.database_url.absolute()
    if named := os.environ.get(address.FILE_VARIABLE):
        return Path(named).absolute()
    raise DatabaseError(f"No database for jobs: neither {address.URL_VARIABLE} nor {address.FILE_VARIABLE} is set")
