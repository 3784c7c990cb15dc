"""What the one-machine cluster is made of, and the files that SLURM reads.

The surprising one: `slurm.conf` is written last and is never written again, so it marks a folder as set up and keeps
its ports from one start to the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import stat
import string
from dataclasses import dataclass
from pathlib import Path

from programs import ClusterError

HERE = Path(__file__).parent
NULL_DEVICE = os.makedev(1, 3)


@dataclass(frozen=True)
class Cluster:
    """What `start` makes; everything lies under `folder` (a short path: unix sockets end at 107 bytes)."""

    folder: Path
    nodes: int = 3
    cpus: int = 2
    """CPUs of each virtual node; all together they may exceed the machine's."""
    memory_mb: int = 4000
    """Memory of each virtual node; one may not exceed the machine's."""
    gpus: int = 1
    """Pretended GPUs of each node (null devices)."""
    accounting: bool = True
    """False: no slurmdbd, so `sacct` fails, as on many small clusters."""
    max_submit: int = 0
    """Jobs that a user may have in the queue, an array's elements each; 0: as many as they like."""
    wckeys: tuple[str, ...] = ()
    """Workload keys that a user may give, the first one theirs by default; none: jobs may have any, or none."""
    max_array_size: int = 1001
    """SLURM's own default; an array's indices end below it."""
    grace_s: int = 30
    """Seconds between the signal of a preemption and the kill, in the partition `low`."""

    @property
    def conf(self) -> Path:
        """What SLURM_CONF has to name for every command."""
        return self.folder / "etc" / "slurm.conf"

    @property
    def node_names(self) -> list[str]:
        """From `n1` on."""
        return [f"n{i}" for i in range(1, self.nodes + 1)]


def known(folder: Path) -> Cluster | None:
    """The cluster that was set up in a folder, if one was."""
    path = folder / "cluster.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text())
    return Cluster(**{**found, "folder": folder, "wckeys": tuple(found["wckeys"])})


def write(cluster: Cluster) -> None:
    """Write every configuration file, unless it has been done."""
    if cluster.conf.exists():
        return
    if len(str(cluster.folder)) > 60:
        raise ClusterError(f"{cluster.folder}: the path is too long for unix sockets, 60 characters are allowed")
    for name in ("etc", "state", "spool", "log", "run", "dev"):
        (cluster.folder / name).mkdir(parents=True, exist_ok=True)
    values = _values(cluster)
    hosts = [f"127.0.0.1 localhost {values['host']}", *(f"127.0.0.1 {node}" for node in cluster.node_names)]
    etc = cluster.folder / "etc"
    (etc / "hosts").write_text("\n".join(hosts) + "\n")
    (etc / "gres.conf").write_text("".join(_gres_line(cluster, gpu) for gpu in range(cluster.gpus)))
    (cluster.folder / "cluster.json").write_text(json.dumps(vars(cluster), default=str))
    for name, mode in (("slurmdbd.conf", 0o600), ("slurm.conf", 0o644)):
        unfinished = etc / f".{name}"
        unfinished.write_text(string.Template((HERE / name).read_text()).substitute(values))
        unfinished.chmod(mode)
        unfinished.replace(etc / name)


def _values(cluster: Cluster) -> dict[str, object]:
    controller_port, accounting_port, *node_ports = _free_ports(2 + cluster.nodes)
    return vars(cluster) | {
        "host": socket.gethostname().partition(".")[0],
        "controller_port": controller_port,
        "accounting_port": accounting_port,
        "first_port": node_ports[0],
        "last_port": node_ports[-1],
        "gres": f"Gres=gpu:pretended:{cluster.gpus}" if cluster.gpus else "",
        "accounting": _accounting_lines(cluster, accounting_port),
        "track_wckey": "yes" if cluster.wckeys else "no",
    }


def _accounting_lines(cluster: Cluster, port: int) -> str:
    if not cluster.accounting:
        return "AccountingStorageType=accounting_storage/none"
    enforced = [*(["limits"] if cluster.max_submit else []), *(["wckeys"] if cluster.wckeys else [])]
    lines = {
        "Type": "accounting_storage/slurmdbd",
        "Host": "127.0.0.1",
        "Port": port,
        "Pass": cluster.folder / "run" / "munge.sock",  # AuthInfo is not used for this connection
        "TRES": "gres/gpu",
        **({"Enforce": ",".join(enforced)} if enforced else {}),
    }
    return "\n".join(f"AccountingStorage{key}={value}" for key, value in lines.items())


def _gres_line(cluster: Cluster, gpu: int) -> str:
    device = cluster.folder / "dev" / f"gpu{gpu}"
    device.unlink(missing_ok=True)
    os.mknod(device, 0o666 | stat.S_IFCHR, NULL_DEVICE)
    return f"NodeName=n[1-{cluster.nodes}] Name=gpu Type=pretended File={device}\n"


def _free_ports(count: int) -> list[int]:
    """A run of `count` loopback ports that nobody listens on: SLURM wants the nodes' ports in one range."""
    for _ in range(200):
        first = 20000 + secrets.randbelow(10000)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise ClusterError(f"found no {count} free ports in a row")
