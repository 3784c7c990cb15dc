"""Where a process is, so that its death can be known at once instead of after its lease.

A pid means something only within one pid namespace of one boot of one machine: two containers with the same host name
have different processes under one number.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A pid namespace of a boot of a machine; empty where the system does not tell."""

    name: str

    @classmethod
    def here(cls) -> Place:
        """The place of this process."""
        with suppress(OSError):
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return cls(f"{boot}/{Path('/proc/self/ns/pid').readlink()}")
        return cls("")

    def knows_dead(self, other: str, pid: int) -> bool:
        """Whether process `pid` of place `other` is certainly gone. A zombie is; a number in use may be anybody's."""
        if not self.name or other != self.name:
            return False
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return True
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] in {"Z", "X"}
