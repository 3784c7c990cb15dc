"""Keeps the stage store within its size, and says what is in it.

Entries that were not used for longest go first. What was used within the last hour stays even beyond the limit: another
machine may have it mapped into memory, and on a network file system a removed file is gone for its readers too.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.stages import stage_file
from truestrength.trainer.stages.stage_file import TornFileError

log = logging.getLogger(__name__)

IN_USE_S = 3600.0
_LEFTOVER_S = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """A file of the store."""

    path: Path
    stage: str
    depth: int
    size: int
    """Bytes."""
    used: float
    """Seconds since 1970 at the last use."""


def entries(paths: StorePaths) -> list[Entry]:
    """What is in the store, the longest unused first."""
    found = []
    for path, depth in paths.entries():
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        used = max(status.st_atime, status.st_mtime)
        found.append(Entry(path, path.parent.name, depth, status.st_size, used))
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def prune(paths: StorePaths, max_bytes: int, in_use_s: float = IN_USE_S) -> list[Entry]:
    """Remove entries until the store holds at most `max_bytes`, and temporary files that are a day old.

    Returns:
        The removed entries.
    """
    now = time.time()
    found = entries(paths)
    excess = sum(entry.size for entry in found) - max_bytes
    removed = []
    for entry in found:
        if excess <= 0 or now - entry.used < in_use_s:
            break
        try:
            entry.path.unlink(missing_ok=True)
        except OSError:  # somebody else's file in a shared store
            continue
        excess -= entry.size
        removed.append(entry)
    if removed:
        log.info("stage store: removed %d entries, %.1f MB", len(removed), sum(e.size for e in removed) / 1e6)
    for path in paths.leftovers():
        try:
            if now - path.stat().st_mtime > _LEFTOVER_S:
                path.unlink()
        except OSError:
            continue
    return removed


def broken(paths: StorePaths) -> list[tuple[Entry, str]]:
    """Entries whose checksum does not hold, with the reason."""
    found = []
    for entry in entries(paths):
        try:
            stage_file.read(entry.path)
        except FileNotFoundError:
            continue
        except TornFileError as error:
            found.append((entry, str(error)))
    return found
