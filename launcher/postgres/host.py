"""What the embedded server's start has to know of the machine it is on: ports, file systems, the end of a log."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from truestrength.trainer.contract.database import url as url_text

LOCAL_FILE_SYSTEMS = {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
"""Only processes of this machine can be using a folder on these, and they see each other's locks."""


def usable_port(address: str, port: int) -> int:
    """`port`, or a free one when somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return free_port(address)
    return port


def free_port(address: str) -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def file_system(folder: Path) -> str:
    """The type of the file system that `folder` is on; empty where the system does not tell."""
    found = (Path("/"), "")
    with suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            mount, _, device = line.partition(" - ")
            point = Path(mount.split()[4])
            if folder.resolve().is_relative_to(point) and len(point.parts) >= len(found[0].parts):
                found = (point, device.split()[0])
    return found[1]


def tail(path: Path, size: int = 800) -> str:
    """The end of a log, without passwords; empty when there is none."""
    with suppress(OSError):
        return url_text.redact(path.read_bytes()[-size:].decode(errors="replace")).strip()
    return ""
