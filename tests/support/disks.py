"""Small file systems of a test's own, which can be full or read-only: real ones, so root is needed."""

import os
import subprocess
from pathlib import Path

import pytest


class Disk:
    """A tmpfs of a few megabytes."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        folder.mkdir()
        self.folder = folder
        made = _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "none", str(folder))
        if made.returncode:
            if os.environ.get("CI"):
                pytest.fail(f"no file system could be mounted: {made.stderr}")
            pytest.skip(f"needs a root who may mount: {made.stderr.strip()}")

    @property
    def ballast(self) -> Path:
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
