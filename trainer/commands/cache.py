"""`truestrength cache ls|verify|prune`: the stage store, seen from outside."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.stages.prune import Entry, broken, entries
from truestrength.trainer.stages.prune import prune as prune_store


def ls(args: argparse.Namespace) -> None:
    """`trainer cache ls`."""
    found = entries(_paths(args))
    now = time.time()
    for entry in found:
        say(f"{_line(entry)}  {_age(now - entry.used)}")
    say(f"{len(found)} entries, {sum(e.size for e in found) / 1e6:.1f} MB")


def verify(args: argparse.Namespace) -> None:
    """`trainer cache verify`."""
    paths = _paths(args)
    n_entries = len(paths.entries())
    bad = broken(paths)
    for entry, reason in bad:
        entry.path.unlink(missing_ok=True)
        say(f"removed: {reason}")
    say(f"{n_entries} entries checked, {len(bad)} removed")


def prune(args: argparse.Namespace) -> None:
    """`trainer cache prune`."""
    paths = _paths(args)
    max_gb = _config(args).cache.max_gb if args.max_gb is None else args.max_gb
    if not 0 <= max_gb < math.inf:
        raise UserError(f"--max-gb {max_gb}: a number of 0 or more is allowed")
    removed = prune_store(paths, int(max_gb * 1e9), **({"in_use_s": 0.0} if args.in_use else {}))
    for entry in removed:
        say(f"removed: {_line(entry)}")
    left = sum(entry.size for entry in entries(paths))
    say(f"{len(removed)} entries removed, {left / 1e6:.1f} MB left (limit {max_gb:g} GB)")


def _config(args: argparse.Namespace) -> Config:
    return load_config(args.config) if args.config else Config()


def _paths(args: argparse.Namespace) -> StorePaths:
    folder = args.folder or Path(_config(args).paths.batch_cache)
    if not folder.is_dir():
        raise UserError(f"{folder}: no stage store here. Name one with --folder or --config; the first run makes it")
    return StorePaths(folder)


def _line(entry: Entry) -> str:
    depth = f"to {entry.depth}" if entry.depth else ""
    return f"{entry.stage:10} {entry.path.name[:12]}  {depth:8} {entry.size / 1e6:9.1f} MB"


def _age(seconds: float) -> str:
    """How long ago, in the largest unit that fits.

    >>> _age(59), _age(7300), _age(200000)
    ('59s ago', '2h ago', '2d ago')
    """
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit} ago"
    return f"{int(seconds)}s ago"
