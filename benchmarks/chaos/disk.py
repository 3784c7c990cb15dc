"""A small file system that can be full or read-only: a real one, so root is needed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Self

from truestrength.trainer.contract.errors import UserError


class SmallDisk:
    """A tmpfs of a few megabytes."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        """Make the folder and mount the disk there.

        Raises:
            UserError: this user may not mount.
        """
        folder.mkdir()
        self.folder = folder
        made = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "none", str(folder))
        if made.returncode:
            raise UserError(f"no file system can be mounted, which takes root: {made.stderr.strip()}")

    @classmethod
    def mounted(cls, folder: Path) -> Self:
        """One that was made before."""
        disk = cls.__new__(cls)
        disk.folder = folder
        return disk

    @property
    def ballast(self) -> Path:
        """What fills it."""
        return self.folder / "ballast"

    def fill(self) -> None:
        """Leave no byte."""
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass

    def empty(self) -> None:
        """Take the ballast away."""
        self.ballast.unlink()

    def lock(self) -> None:
        """Make it read-only."""
        assert _run("mount", "-o", "remount,ro", str(self.folder)).returncode == 0

    def unlock(self) -> None:
        """Make it writable again."""
        assert _run("mount", "-o", "remount,rw", str(self.folder)).returncode == 0

    def close(self) -> None:
        """Let go of it, also where something still has a file open."""
        _run("umount", "--lazy", str(self.folder))


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)
