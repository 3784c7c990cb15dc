"""Small file systems of a test's own, which can be full or read-only: real ones, so root is needed."""

import os
from pathlib import Path

import pytest

from benchmarks.chaos.disk import SmallDisk
from truestrength.trainer.contract.errors import UserError


class Disk(SmallDisk):
    """A tmpfs of a few megabytes; without root the test is skipped."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        try:
            super().__init__(folder, megabytes)
        except UserError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))
