"""A control group with little memory: who takes more in it is killed by the kernel, for real, so root is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def little_memory(megabytes: int) -> Iterator[Path]:
    """The folder of the group; a process goes into it by writing its pid into `cgroup.procs` there."""
    first = (GROUPS / "memory").is_dir()
    group = (GROUPS / "memory" if first else GROUPS) / f"truestrength_{os.getpid()}"
    try:
        group.mkdir()
        limit = group / ("memory.limit_in_bytes" if first else "memory.max")
        limit.write_text(str(megabytes << 20))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        if os.environ.get("CI"):
            pytest.fail(f"no control group of memory: {error}")
        pytest.skip(f"no control group of memory can be made here: {error}")
    try:
        yield group
    finally:
        group.rmdir()
