"""The content-addressed store of a run's stages, from batches to results, shared by all workers and sweeps.

An entry is named by the SHA-256 of everything that can change it, so a hit needs no questions asked. The surprising
one: a stage has a depth (epochs, rounds, trees) that is not part of its name. Whoever needs less reads a prefix of what
is there; whoever needs more continues it. Nothing is locked by files: an injected arbiter (the database) says who
builds, and a rename publishes.

It is a cache and no more: one that cannot be read or written is said once and done without. Each then builds what it
needs by itself, because nobody could hand anything on.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from truestrength.trainer.contract import disks
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.store import StorePaths
from truestrength.trainer.contract.records.metrics import StageCount
from truestrength.trainer.stages import account, stage_file
from truestrength.trainer.stages.account import Account, EntryCost, Stopwatch
from truestrength.trainer.stages.prune import prune
from truestrength.trainer.stages.stage_file import Contents, TornFileError

Building: TypeAlias = Callable[[str], AbstractContextManager[bool]]
"""Given a key, enters with True for one living holder of the key at a time and with False for everybody else."""

Build: TypeAlias = Callable[[Contents | None], Contents]
"""Makes a stage to the depth asked for, from nothing or from the same stage at a lesser depth."""

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 1.0

_held: set[str] = set()
_held_lock = threading.Lock()


@contextmanager
def in_process(key: str) -> Iterator[bool]:
    """The arbiter where there is no database: right among the threads of one process.

    Two processes may then build the same entry at once, which costs time and nothing else.
    """
    with _held_lock:
        mine = key not in _held
        _held.add(key)
    try:
        yield mine
    finally:
        if mine:
            _held.discard(key)


class Store:
    """Entries on disk, and how often this process found them there."""

    def __init__(self, root: Path, building: Building = in_process, max_gb: float = 20.0) -> None:
        """Open or create the store.

        Raises:
            UserError: when the folder cannot be made, and the file system is not at fault.
        """
        self.paths = StorePaths(root)
        self._lacking = False
        self._said = False
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if not disks.fault(error):
                found = f"paths.batch_cache {root}: cannot be made: {error.strerror}. Set another folder"
                raise UserError(found) from None
            self._do_without(error)
        self.counts: dict[str, StageCount] = {}
        self.account = Account()
        self._building = building
        self._max_bytes = int(max_gb * 1e9)
        self._verified: set[tuple[str, int, int, int]] = set()

    def fetch(
        self,
        stage: str,
        identity: Mapping[str, Any],
        build: Build,
        depth: int = 0,
        proceed: Callable[[], None] = lambda: None,
        *,
        needed: int | None = None,
    ) -> Contents:
        """The stage's contents to at least `depth`, from disk or from `build`.

        Args:
            stage: names the folder and the counts.
            identity: everything that can change the contents, apart from the depth; plain data.
            build: called at most once here, and by one living process at a time per identity.
            depth: epochs, rounds or trees; 0 for a stage that has no such thing.
            proceed: called while somebody else builds, who may take long or be frozen; may raise to stop waiting.
            needed: how much of `depth` the run itself will use: that is what it would have cost alone. None: all.
        """
        wait = _FIRST_WAIT_S
        while (found := self.fetch_unless_busy(stage, identity, build, depth, needed=needed)) is None:
            watch = Stopwatch()
            proceed()
            time.sleep(wait)
            self.account.within = self.account.within.plus(watch.elapsed())
            self.account.waited_seconds += watch.elapsed().seconds
            wait = min(2 * wait, _LONGEST_WAIT_S)
        return found

    def fetch_unless_busy(
        self, stage: str, identity: Mapping[str, Any], build: Build, depth: int = 0, *, needed: int | None = None
    ) -> Contents | None:
        """As `fetch`, but None when somebody else is building it: there may be something better to do than to wait.

        Nobody waits for a store that cannot be written.
        """
        watch = Stopwatch()
        name = digest({"stage": stage, **identity})
        found = self._find(stage, name, identity, build, depth)
        self.account.within = self.account.within.plus(watch.elapsed())
        if found is not None:
            needed = depth if needed is None else needed
            self.account.add(f"{stage}/{name}", account.from_notes(found.notes), needed)
        return found

    def _find(self, stage: str, name: str, identity: Mapping[str, Any], build: Build, depth: int) -> Contents | None:
        if (found := self._open(stage, name, depth)) is not None:
            self._count(stage, hit=True)
            log.info("%s: hit %s", stage, name[:12])
            return found
        with nullcontext(True) if self._lacking else self._building(f"{stage}/{name}") as mine:
            return self._make(stage, name, identity, build, depth) if mine else None

    def _make(self, stage: str, name: str, identity: Mapping[str, Any], build: Build, depth: int) -> Contents:
        # Somebody may have finished between the look and the claim.
        if (found := self._open(stage, name, depth)) is not None:
            self._count(stage, hit=True)
            log.info("%s: hit %s", stage, name[:12])
            return found
        shorter = self._open(stage, name, 0)
        self._count(stage, hit=False)
        log.info("%s: miss %s%s", stage, name[:12], " (continued)" if shorter else "")
        made, cost = self._measured(build, shorter, depth)
        notes = {**made.notes, "stage": stage, "identity": msgspec.json.encode(identity, order="sorted").decode()}
        contents = Contents(made.arrays, {**notes, **account.as_note(cost)})
        if self._write(stage, name, depth, contents):
            # The file's pages are shared with all who read it, and can be taken from memory.
            return self._open(stage, name, depth) or contents
        return contents

    def _measured(self, build: Build, shorter: Contents | None, depth: int) -> tuple[Contents, EntryCost | None]:
        """What `build` makes and what that took; None where the lesser depth that it continues was not measured."""
        asker, self.account = self.account, Account()
        watch = Stopwatch()
        try:
            made = build(shorter)
            inside = self.account
        finally:
            self.account = asker
        own, parts = watch.elapsed().plus(inside.within, -1.0), inside.parts
        asker.waited_seconds += inside.waited_seconds
        if shorter is not None:
            if (before := account.from_notes(shorter.notes)) is None:
                return made, None
            own, parts = own.plus(before.own), {**before.parts, **parts}
        return made, EntryCost(own=own, depth=depth, parts=parts)

    def _open(self, stage: str, name: str, depth: int) -> Contents | None:
        """The deepest entry of at least `depth`. A file that is not what was written is removed."""
        try:
            return self._deepest(stage, name, depth)
        except OSError as error:
            self._do_without(error)
            return None

    def _deepest(self, stage: str, name: str, depth: int) -> Contents | None:
        for path, found in reversed(self.paths.entries(stage, name)):
            if found < depth:
                return None
            try:
                return self._read(path)
            except TornFileError as error:
                log.warning("%s. Removed; it is made again", error)
                path.unlink(missing_ok=True)
            except FileNotFoundError:  # pruned, or replaced by a deeper one
                continue
        return None

    def _read(self, path: Path) -> Contents:
        status = path.stat()
        version = _version(path, status)
        contents = stage_file.read(path, verify=version not in self._verified)
        self._verified.add(version)
        # The time of access says how long an entry was not used; the time of change stays, as part of `version`.
        with suppress(OSError):  # somebody else's file in a shared store, or a read-only one
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
        return contents

    def _write(self, stage: str, name: str, depth: int, contents: Contents) -> bool:
        """Whether it could be written."""
        path = self.paths.entry(stage, name, depth)
        try:
            size = stage_file.write(path, contents)
            log.info("%s: stored %s, %.1f MB", stage, name[:12], size / 1e6)
            self._lacking = False
            self._verified.add(_version(path, path.stat()))
            prune(self.paths, self._max_bytes)
        except OSError as error:
            self._do_without(error)
            return False
        return True

    def _do_without(self, error: OSError) -> None:
        """Go on without what cannot be read or written; later entries are tried again, as there may be room by then."""
        self._lacking = True
        if self._said:
            return
        self._said = True
        root = self.paths.root
        found = disks.fault(error)
        trouble = disks.described(found, root) if found else f"{error.filename or root}: {error.strerror}"
        log.warning("paths.batch_cache %s cannot be used: %s. Work goes on without it, slower", root, trouble)

    def _count(self, stage: str, *, hit: bool) -> None:
        old = self.counts.get(stage, StageCount())
        self.counts[stage] = StageCount(hits=old.hits + hit, misses=old.misses + (not hit))


def _version(path: Path, status: os.stat_result) -> tuple[str, int, int, int]:
    """Another one whenever the file has been replaced or changed."""
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns
