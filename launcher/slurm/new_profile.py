"""The text of a commented profile for a cluster that was asked what it has."""

from __future__ import annotations

import json

from truestrength.launcher.slurm.survey import (
    LONGEST_DELAY_S,
    WANTED_CPUS,
    WANTED_GB,
    WANTED_GPU_CPUS,
    WANTED_GPU_GB,
    WANTED_MIN,
    Nodes,
)

WIDTH = 26
"""Columns before a comment."""
KEEP_MB = 1024
"""Of a node's memory, left to its system."""


def profile_text(found: list[Nodes], on: Nodes, accounts: list[str]) -> str:
    """A profile for workers on these nodes, in YAML.

    Args:
        found: All of the cluster's nodes, said in its head.
        on: The nodes that workers run on.
        accounts: Those that the user may charge.
    """
    timeout_min = min(WANTED_MIN, on.limit_min or WANTED_MIN)
    limit = "no limit" if on.limit_min is None else f"{on.limit_min} min at most"
    cpus = min(on.cpus, WANTED_GPU_CPUS if on.gpu else WANTED_CPUS)
    lines = [
        "# Written by `truestrength cluster init` from what the cluster said of itself:",
        *(f"#   {_said(one)}" for one in found),
        "# slurm/README.md explains every key; null leaves a key to the cluster.",
        _line("partition", on.partition, "`sinfo` lists them"),
        _line("account", accounts[0] if len(accounts) == 1 else None, _account_comment(accounts)),
        _line("qos", None, "`sacctmgr show qos` lists them"),
        _line("gres", on.gpu, "one GPU for each worker" if on.gpu else "this partition has no GPUs"),
        _line("cpus", cpus, f"of one worker; also its number of threads. A node has {on.cpus}"),
        _line("mem_gb", _memory_gb(on, cpus), f"of one worker. {_memory_comment(on)}"),
        _line(
            "timeout_min", timeout_min, f"walltime of one worker; the partition: {limit}. Sweeps go on in requeued jobs"
        ),
        _line(
            "signal_delay_s", min(LONGEST_DELAY_S, timeout_min * 30 - 30), "a worker is told to stop so much earlier"
        ),
        _line("array_parallelism", None, "at most so many workers of one sweep at once; null: all --n-jobs"),
        _line("max_tries", 5, "requeues of one worker"),
        "setup: []".ljust(WIDTH) + '# shell lines before the worker, for example ["module load python/3.11"]',
        "finisher:".ljust(WIDTH) + "# the small job after each sweep; it needs no GPU",
        _line("  partition", _without_gpus(found) if on.gpu else None, "null: as the workers"),
        _line("  timeout_min", min(30, timeout_min), ""),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _line(key: str, value: str | int | float | None, comment: str) -> str:
    text = f"{key}: {json.dumps(value)}"
    return f"{text.ljust(WIDTH - 1)} # {comment}" if comment else text


def _said(nodes: Nodes) -> str:
    """One kind of nodes, in words."""
    default = " (default)" if nodes.default else ""
    limit = "no time limit" if nodes.limit_min is None else f"{nodes.limit_min} min"
    closed = "" if nodes.up else ", takes no jobs at present"
    features = "" if nodes.features == "(null)" else f", features {nodes.features}"
    gres = "" if nodes.gres == "(null)" else f", {nodes.gres}"
    memory = f"{nodes.memory_mb / 1024:.1f} GiB" if nodes.memory_mb > 1 else "memory unknown"
    return f"{nodes.partition}{default}: {nodes.n_nodes} x {nodes.cpus} CPUs, {memory}{gres}{features}, {limit}{closed}"


def _account_comment(accounts: list[str]) -> str:
    return f"yours: {', '.join(accounts)}" if accounts else "`sacctmgr show associations user=$USER` lists yours"


def _memory_gb(on: Nodes, cpus: int) -> float | None:
    """A worker's share of a node by its CPUs, at most what a worker needs; None where the node's is not known."""
    share_mb = (on.memory_mb - KEEP_MB) * cpus / on.cpus
    wanted = WANTED_GPU_GB if on.gpu else WANTED_GB
    return None if share_mb < 512 else min(wanted, int(share_mb / 102.4) / 10)


def _memory_comment(on: Nodes) -> str:
    return f"A node has {on.memory_mb / 1024:.1f}" if on.memory_mb > 1 else "SLURM does not know what a node has"


def _without_gpus(found: list[Nodes]) -> str | None:
    """A partition that takes jobs and has no GPUs."""
    with_gpus = {one.partition for one in found if one.gpu}
    plain = [one for one in found if one.up and one.partition not in with_gpus]
    return plain[0].partition if plain else None
