"""What a cluster says of itself, for a profile: `sinfo` its partitions, `sacctmgr` the user's accounts.

Surprising: SLURM says 1 MB of a node whose memory nobody configured, and sacctmgr may not work at all.
"""

from __future__ import annotations

import getpass
import re
from typing import NamedTuple

from truestrength.launcher.slurm.programs import SlurmError, call
from truestrength.trainer.contract.errors import ConfigError, suggest

WANTED_CPUS = 4
WANTED_GPU_CPUS = 8
WANTED_GB = 8
WANTED_GPU_GB = 32
WANTED_MIN = 240
SHORTEST_MIN = 2
"""A shorter job would be told to stop as soon as it starts: SLURM's signals come up to 60 s early."""
LONGEST_DELAY_S = 120


class Nodes(NamedTuple):
    """The nodes of one kind in one partition."""

    partition: str
    default: bool
    up: bool
    limit_min: int | None
    """Walltime that the partition allows; None: any."""
    cpus: int
    """Of one node."""
    memory_mb: int
    """Of one node; 1 when nobody configured it."""
    gres: str
    """`gpu:a100:4(S:0-1),shard:8`; `(null)` for none."""
    features: str
    n_nodes: int

    @property
    def gpu(self) -> str | None:
        """One GPU of a node, as `gres` asks for it; None without GPUs.

        >>> Nodes("p", True, True, None, 8, 1, "shard:2,gpu:a100:4(S:0-1)", "", 1).gpu
        'gpu:a100:1'
        """
        found = re.search(r"(?:^|,)(gpu(?::[^:,(]+)?):(\d+)(?=[(,]|$)", self.gres)
        return f"{found.group(1)}:1" if found and int(found.group(2)) else None


def nodes() -> list[Nodes]:
    """The cluster's partitions, one line for each kind of node in them.

    Raises:
        SlurmError: there is no sinfo, or no partition that this user may see.
        SlurmAwayError: the controller does not answer.
    """
    text = call("sinfo", "--noheader", "--exact", "--format=%P|%a|%l|%c|%m|%G|%f|%D")
    found = [_nodes(line.strip().split("|")) for line in text.splitlines() if line.count("|") == 7]
    if not found:
        raise SlurmError("sinfo: lists no partition that you may use: ask whoever runs the cluster")
    return found


def _nodes(row: list[str]) -> Nodes:
    name, state, limit, cpus, memory, gres, features, n_nodes = row
    return Nodes(
        partition=name.removesuffix("*"),
        default=name.endswith("*"),
        up=state == "up",
        limit_min=minutes(limit),
        cpus=int(cpus.rstrip("+")),
        memory_mb=int(memory.rstrip("+")),
        gres=gres,
        features=features,
        n_nodes=int(n_nodes),
    )


def minutes(limit: str) -> int | None:
    """A time limit as SLURM writes it, in whole minutes; None: no limit.

    >>> minutes("2-01:00:30"), minutes("30:00"), minutes("4:00:00"), minutes("infinite")
    (2940, 30, 240, None)
    """
    if not (found := re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", limit)):
        return None
    days, hours, whole, _ = (int(part or 0) for part in found.groups())
    return days * 1440 + hours * 60 + whole


def accounts() -> list[str]:
    """The accounts that this user may charge; none where accounting does not say."""
    try:
        user = getpass.getuser()
        text = call("sacctmgr", "--noheader", "--parsable2", "show", "associations", f"user={user}", "format=Account")
    except (SlurmError, KeyError, OSError):  # also a uid without a name
        return []
    return sorted(set(text.split()))


def chosen(found: list[Nodes], partition: str | None) -> Nodes:
    """The nodes that workers are to run on: of the partition that was asked for, or of the default one.

    Raises:
        ConfigError: there is no such partition, it takes no jobs, or its time is too short for a worker.
    """
    names = sorted({one.partition for one in found})
    if partition is not None and partition not in names:
        raise ConfigError(f"--partition {partition}: no such partition: {suggest(partition, names)}")
    ordered = sorted(found, key=lambda one: (not one.default, not one.up))
    first = next((one for one in ordered if one.partition == partition), ordered[0])
    if not first.up:
        raise ConfigError(f"partition {first.partition} takes no jobs at present: name another with --partition")
    if first.limit_min is not None and first.limit_min < SHORTEST_MIN:
        raise ConfigError(
            f"partition {first.partition} ends jobs after {first.limit_min} min, and a worker needs {SHORTEST_MIN} min "
            f"at least: name another with --partition. There are: {', '.join(names)}"
        )
    same = [one for one in found if one.partition == first.partition]
    return max(same, key=lambda one: (one.gpu is not None, one.n_nodes))
