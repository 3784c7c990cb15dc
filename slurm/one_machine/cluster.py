#!/usr/bin/env python3
"""A real SLURM on one machine, for tests: munge, slurmctld, slurmdbd with MariaDB, several virtual nodes on loopback.

Needs root and Debian's packages, neither systemd nor anything in /etc. The surprising one: a virtual node is a pid,
mount and host-name namespace of its own, so killing its first process is a power cut: daemon and tasks go at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import configuration
from configuration import Cluster
from programs import ClusterError, Programs, children, program

PACKAGE_OF = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
NODE = 'mount --bind "$2" /etc/hosts; hostname "$1"; slurmd -D -N "$1" & while :; do wait; sleep 0.2; done'
"""The first process of a virtual node ($1 its name, $2 its hosts file); it reaps what orphans leave."""


def missing_packages() -> list[str]:
    """Debian packages that have to be installed before `start`."""
    return sorted({package for name, package in PACKAGE_OF.items() if not shutil.which(name, path=PATH)})


def install() -> None:
    """Install what is missing from Debian's packages; does nothing when all is there."""
    packages = missing_packages()
    if not packages:
        return
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]
    for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *packages]):
        _run(command, {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, timeout_s=600)


def start(cluster: Cluster) -> None:
    """Start what is not running; returns when every node is idle. Calling it again changes nothing."""
    if os.geteuid() != 0:
        raise ClusterError("the one-machine cluster has to be started by root")
    if packages := missing_packages():
        raise ClusterError(f"missing Debian packages: {' '.join(packages)}; `cluster.py install` installs them")
    configuration.write(cluster)
    _start_munge(cluster)
    if cluster.accounting:
        _start_database(cluster)
        _start_accounting(cluster)
    start_controller(cluster)
    for node in cluster.node_names:
        _start_node(cluster, node)
    states = ["sinfo", "-h", "-N", "-p", "normal", "-o", "%t"]
    Programs(cluster.folder).wait(
        30, "idle nodes", lambda: _ask(cluster, *states).split().count("idle") == cluster.nodes
    )


def stop(cluster: Cluster) -> None:
    """Stop everything that `start` started and that still runs; jobs are killed with their nodes."""
    programs = Programs(cluster.folder)
    for node in cluster.node_names:
        programs.stop(node)
    for name, grace_s in (("slurmctld", 10), ("slurmdbd", 5), ("mariadbd", 10), ("munged", 5)):
        programs.stop(name, signal.SIGTERM, grace_s)


def start_controller(cluster: Cluster) -> None:
    """Start slurmctld unless it runs; it takes up the state that it finds."""
    programs = Programs(cluster.folder)
    programs.spawn("slurmctld", ["slurmctld", "-D"], _environment(cluster))
    programs.wait(30, "slurmctld", lambda: "UP" in _ask(cluster, "scontrol", "ping"))


def kill_controller(cluster: Cluster) -> None:
    """Kill slurmctld (SIGKILL); jobs run on, and commands fail until `start-controller`."""
    Programs(cluster.folder).stop("slurmctld")


def crash(cluster: Cluster, node: str) -> None:
    """Cut a node's power: slurmd and every task on it are gone at once."""
    Programs(cluster.folder).stop(node)


def kill_slurmd(cluster: Cluster, node: str) -> None:
    """Kill a node's daemon only: its tasks run on as orphans while SLURM starts them again elsewhere."""
    if pid := _slurmd(cluster, node):
        os.kill(pid, signal.SIGKILL)


def revive(cluster: Cluster, node: str) -> None:
    """Power a node on again and wait until SLURM gives it work."""
    _start_node(cluster, node)
    with contextlib.suppress(ClusterError):  # SLURM refuses RESUME for a node that came back by itself
        _ask(cluster, "scontrol", "update", f"nodename={node}", "state=RESUME")
    state = ["sinfo", "-h", "-n", node, "-p", "normal", "-o", "%t"]
    ready = ("idle", "mix", "alloc")
    Programs(cluster.folder).wait(30, f"node {node}", lambda: _ask(cluster, *state) in ready)


def _start_node(cluster: Cluster, node: str) -> None:
    programs = Programs(cluster.folder)
    if programs.pid(node) and not _slurmd(cluster, node):
        programs.stop(node)  # it lost its daemon: a power cycle ends the orphans too
    (cluster.folder / "spool" / node).mkdir(parents=True, exist_ok=True)
    namespaces = ["unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child=KILL"]
    first = ["bash", "-c", NODE, "node", node, str(cluster.folder / "etc" / "hosts")]
    programs.spawn(node, [*namespaces, *first], _environment(cluster))


def _slurmd(cluster: Cluster, node: str) -> int | None:
    """Pid (outside the namespace) of a node's daemon: a grandchild of the `unshare` that we started."""
    pid = Programs(cluster.folder).pid(node)
    grandchildren = [grandchild for child in children(pid) for grandchild in children(child)] if pid else []
    return next((pid for pid in grandchildren if program(pid) == "slurmd"), None)


def _start_munge(cluster: Cluster) -> None:
    run = cluster.folder / "run"
    key = run / "munge.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
    files = [f"--key-file={key}", f"--seed-file={run / 'munge.seed'}", f"--pid-file={run / 'munged.own.pid'}"]
    log = f"--log-file={cluster.folder / 'log' / 'munged.log'}"
    command = ["munged", "--foreground", "--force", f"--socket={run / 'munge.sock'}", log, *files]
    programs = Programs(cluster.folder)
    programs.spawn("munged", command, _environment(cluster))
    programs.wait(10, "munged", lambda: bool(_ask(cluster, "munge", "-S", str(run / "munge.sock"), "-n")))


def _start_database(cluster: Cluster) -> None:
    data = cluster.folder / "mysql"
    options = ["--no-defaults", "--user=root", f"--datadir={data}", "--innodb-log-file-size=16M"]
    if not (data / "installed").exists():
        shutil.rmtree(data, ignore_errors=True)
        login = ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root", "--skip-test-db"]
        _ask(cluster, "mariadb-install-db", *options, *login)
        (data / "installed").touch()
    run = cluster.folder / "run"
    local = [f"--socket={run / 'mariadb.sock'}", f"--pid-file={run / 'mariadbd.own.pid'}", "--skip-networking"]
    quick = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--performance-schema=OFF"]
    patient = "--innodb-lock-wait-timeout=900"  # slurmdbd asks for it
    programs = Programs(cluster.folder)
    programs.spawn("mariadbd", ["mariadbd", *options, *local, *quick, patient], _environment(cluster))
    login = ["mariadb", "--no-defaults", "-u", "root", "-S", str(run / "mariadb.sock")]
    programs.wait(30, "mariadbd", lambda: "1" in _ask(cluster, *login, "-e", "select 1"))


def _start_accounting(cluster: Cluster) -> None:
    programs = Programs(cluster.folder)
    programs.spawn("slurmdbd", ["slurmdbd", "-D"], _environment(cluster))
    programs.wait(30, "slurmdbd", lambda: _ask(cluster, "sacctmgr", "-n", "-P", "show", "cluster") is not None)
    if not _ask(cluster, "sacctmgr", "-n", "-P", "show", "cluster", "one"):
        _ask(cluster, "sacctmgr", "-i", "-Q", "add", "cluster", "one")
        if cluster.max_submit:
            limit = f"MaxSubmitJobs={cluster.max_submit}"
            _ask(cluster, "sacctmgr", "-i", "-Q", "modify", "user", "root", "set", limit)
        if cluster.wckeys:
            keys = [f"wckeys={','.join(cluster.wckeys)}", f"defaultwckey={cluster.wckeys[0]}"]
            _ask(cluster, "sacctmgr", "-i", "-Q", "add", "user", "root", "account=root", *keys)


def _environment(cluster: Cluster) -> dict[str, str]:
    mysql = str(cluster.folder / "run" / "mariadb.sock")  # slurmdbd's client library takes it from here only
    return {**os.environ, "PATH": PATH, "SLURM_CONF": str(cluster.conf), "MYSQL_UNIX_PORT": mysql}


def _ask(cluster: Cluster, *command: str) -> str:
    return _run(list(command), _environment(cluster), timeout_s=60)


def _run(command: list[str], environment: dict[str, str], timeout_s: float) -> str:
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=timeout_s)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


ACTIONS = {"start": start, "stop": stop, "kill-controller": kill_controller, "start-controller": start_controller}
NODE_ACTIONS = {"crash": crash, "kill-slurmd": kill_slurmd, "revive": revive}


def main() -> int:
    """Parse, act, and tell what SLURM_CONF has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["install", "missing", *ACTIONS, *NODE_ACTIONS])
    parser.add_argument("node", nargs="?", choices=[f"n{i}" for i in range(1, 100)], metavar="NODE", default="n1")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/slurm1"), help="where everything lies")  # noqa: S108
    parser.add_argument("--nodes", type=int, default=Cluster.nodes, help="at the first start, as the four below")
    parser.add_argument("--max-array-size", type=int, default=Cluster.max_array_size, metavar="N")
    parser.add_argument("--max-submit", type=int, default=Cluster.max_submit, metavar="N", help="jobs of a user")
    parser.add_argument("--wckeys", default="", metavar="KEY,KEY", help="that jobs may have, and no others")
    parser.add_argument("--no-accounting", action="store_true", help="without slurmdbd, so sacct fails")
    given = parser.parse_args()
    cluster = configuration.known(given.folder) or Cluster(
        given.folder,
        nodes=given.nodes,
        accounting=not given.no_accounting,
        max_array_size=given.max_array_size,
        max_submit=given.max_submit,
        wckeys=tuple(filter(None, given.wckeys.split(","))),
    )
    try:
        if given.action == "install":
            install()
        elif given.action == "missing":
            print(" ".join(missing_packages()))  # noqa: T201
        elif given.action in ACTIONS:
            ACTIONS[given.action](cluster)
        else:
            NODE_ACTIONS[given.action](cluster, given.node)
    except ClusterError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    if given.action == "start":
        print(f"export SLURM_CONF={cluster.conf}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
