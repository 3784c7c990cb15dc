"""What a stage's name is made of: its inputs, its settings, and the code and libraries that make it.

The surprising one: the source files themselves are part of the name, so nobody has to remember to raise a version, and
an edited model never reads what the old one made.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from truestrength import trainer

_PACKAGE = Path(trainer.__file__).parent


@cache
def code(*modules: str) -> str:
    """SHA-256 (hex) of source files, named from the package's folder ("models/losses.py"; a folder means all in it).

    >>> code("models/losses.py") == code("models/losses.py") != code("models/forest.py")
    True
    """
    result = hashlib.sha256()
    for module in modules:
        path = _PACKAGE / module
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            result.update(file.relative_to(_PACKAGE).as_posix().encode())
            result.update(file.read_bytes())
    return result.hexdigest()


def digest_of(*arrays: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of arrays: types, shapes and values."""
    result = hashlib.sha256()
    for array in arrays:
        result.update(f"{array.dtype} {array.shape}".encode())
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


@cache
def libraries(*names: str) -> dict[str, str]:
    """Installed versions, found without importing anything."""
    return {name: metadata.version(name) for name in names}
