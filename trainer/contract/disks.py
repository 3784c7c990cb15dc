"""What a file system does that is no fault of the work that met it: no room, no quota, read-only, broken.

Surprising: Python does not always say which file it was, libraries wrap the error or leave it behind, and `raise … from
None` only hides it. So the whole chain of an error is looked through.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from truestrength.trainer.contract.errors import DiskError

_SAID = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "leaves this user no more room (quota)",
    errno.EROFS: "is read-only",
    errno.EIO: "has errors (input/output error)",
    errno.ESTALE: "is gone (stale handle)",
    errno.ENODEV: "is gone (no such device)",
    errno.ENXIO: "is gone (no such device)",
}


def fault(error: BaseException) -> OSError | None:
    """The disk's fault in an error, or in those that led to it; None when no disk is at fault."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        if isinstance(found, OSError) and found.errno in _SAID:
            return found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return None


def described(fault: OSError, otherwise: Path) -> str:
    """Which file system is at fault, and how, in words that go on.

    Args:
        fault: from `fault`.
        otherwise: what was being written, where the error does not say.
    """
    path = Path(os.fsdecode(fault.filename)) if isinstance(fault.filename, str | bytes) else otherwise
    mount = _mount_of(path)
    return f"the file system {mount} {_SAID[fault.errno or 0]}{_room(mount)}: {path} could not be written or read"


def stopping(fault: OSError, otherwise: Path) -> DiskError:
    """The error that ends a command which met it, and what to do."""
    return DiskError(
        f"{described(fault, otherwise)}. Nothing that was finished is lost: make room, or make it writable "
        "again, and run the same command again"
    )


def _room(mount: Path) -> str:
    try:
        found = os.statvfs(mount)
    except OSError:
        return ""
    size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    return f" ({free / 1e6:.1f} of {size / 1e6:.1f} MB free)" if size else ""


def _mount_of(path: Path) -> Path:
    """Where the file system of a path, which need not exist, is mounted."""
    place = path.absolute()
    while not place.is_mount() and place != place.parent:
        place = place.parent
    return place
