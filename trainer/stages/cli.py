"""`python -m trainer cache ls|verify|prune`: the stage store, seen from outside."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

from trainer.contract.config import Config, load_config
from trainer.contract.errors import UserError
from trainer.contract.paths import StorePaths
from trainer.contract.user_paths import path
from trainer.stages.prune import Entry, broken, entries, prune


def add_cache_commands(subparsers: Any) -> None:
    """Add `cache` with its own subcommands to the trainer's command line."""
    cache = subparsers.add_parser("cache", help="the store of all stages, from batches to results", allow_abbrev=False)
    commands = cache.add_subparsers(required=True, metavar="COMMAND")
    for name, handler, text in (
        ("ls", _ls, "list the entries, the longest unused first"),
        ("verify", _verify, "compare every entry with its checksum and remove those that differ"),
        ("prune", _prune, "remove the longest unused entries beyond the size limit"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.add_argument(
            "--config", type=path, metavar="FILE", help="read paths.batch_cache and cache.max_gb from it"
        )
        command.add_argument("--folder", type=path, metavar="DIR", help="the store (default: paths.batch_cache)")
        command.set_defaults(handler=handler)
        if name == "prune":
            command.add_argument("--max-gb", type=float, metavar="GB", help="the limit (default: cache.max_gb)")
            command.add_argument("--in-use", action="store_true", help="remove also what was used in the last hour")


def _ls(args: argparse.Namespace) -> None:
    found = entries(_paths(args))
    now = time.time()
    for entry in found:
        print(f"{_line(entry)}  {_age(now - entry.used)}")  # noqa: T201
    print(f"{len(found)} entries, {sum(e.size for e in found) / 1e6:.1f} MB")  # noqa: T201


def _verify(args: argparse.Namespace) -> None:
    paths = _paths(args)
    n_entries = len(paths.entries())
    bad = broken(paths)
    for entry, reason in bad:
        entry.path.unlink(missing_ok=True)
        print(f"removed: {reason}")  # noqa: T201
    print(f"{n_entries} entries checked, {len(bad)} removed")  # noqa: T201


def _prune(args: argparse.Namespace) -> None:
    paths = _paths(args)
    max_gb = _config(args).cache.max_gb if args.max_gb is None else args.max_gb
    if not 0 <= max_gb < math.inf:
        raise UserError(f"--max-gb {max_gb}: a number of 0 or more is allowed")
    removed = prune(paths, int(max_gb * 1e9), **({"in_use_s": 0.0} if args.in_use else {}))
    for entry in removed:
        print(f"removed: {_line(entry)}")  # noqa: T201
    left = sum(entry.size for entry in entries(paths))
    print(f"{len(removed)} entries removed, {left / 1e6:.1f} MB left (limit {max_gb:g} GB)")  # noqa: T201


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
