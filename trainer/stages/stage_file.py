"""One entry of the stage store: a safetensors file with a checksum of everything in it.

Arrays are views of the memory-mapped file, read-only. The checksum stands in the file's own metadata and covers names,
types, shapes and values, so there is no second file that could be missing or of another version.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from truestrength.trainer.contract.files import replacing

Array = npt.NDArray[Any]

_DTYPES: Mapping[str, npt.DTypeLike] = {
    "BOOL": np.bool_,
    "U8": np.uint8,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
    "F64": np.float64,
}
_LENGTH_BYTES = 8


class TornFileError(Exception):
    """A file of the store is not what was written."""


@dataclass(frozen=True)
class Contents:
    """What a stage made: arrays, and notes about them."""

    arrays: Mapping[str, Array]
    notes: Mapping[str, str] = field(default_factory=dict)


def write(path: Path, contents: Contents) -> int:
    """Write `contents`, whole or not at all. Returns the file's size in bytes.

    Raises:
        OSError: it cannot be written.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in contents.arrays.items()}
    notes = {**contents.notes, "sha256": checksum(contents)}
    with replacing(path) as temporary:
        # One key: safetensors writes several in an order that changes, and equal contents should be equal files.
        try:
            save_file(arrays, temporary, metadata={"notes": json.dumps(notes, sort_keys=True)})
        except SafetensorError as error:
            if number := re.search(r"\(os error (\d+)\)", str(error)):
                raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
            raise
        return temporary.stat().st_size


def read(path: Path, verify: bool = True) -> Contents:
    """Map the file into memory and, with `verify`, compare its checksum.

    Raises:
        FileNotFoundError: when there is no such file.
        TornFileError: when it was cut off, changed or is no safetensors file.
    """
    with path.open("rb") as file:
        try:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            header, arrays = _parse(mapped)
            notes = json.loads(header["__metadata__"]["notes"])
            expected = notes.pop("sha256")
        except (ValueError, KeyError, TypeError) as error:
            raise TornFileError(f"{path}: not a whole safetensors file: {error!r}") from None
    contents = Contents(arrays, notes)
    if verify and checksum(contents) != expected:
        raise TornFileError(f"{path}: the checksum differs from the one it was written with")
    return contents


def checksum(contents: Contents) -> str:
    """SHA-256 (hex) of names, types, shapes, values and notes."""
    names = sorted(contents.arrays)
    shapes = [(name, str(contents.arrays[name].dtype), contents.arrays[name].shape) for name in names]
    result = hashlib.sha256(json.dumps([shapes, sorted(contents.notes.items())]).encode())
    for name in names:
        result.update(np.asarray(contents.arrays[name], order="C").data)
    return result.hexdigest()


def _parse(mapped: memoryview) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays of a safetensors file: 8 bytes of header length, JSON, values."""
    start = _LENGTH_BYTES + int.from_bytes(mapped[:_LENGTH_BYTES], "little")
    header = json.loads(bytes(mapped[_LENGTH_BYTES:start]))
    arrays = {}
    end = start
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = (start + offset for offset in entry["data_offsets"])
            values = np.frombuffer(mapped[first:last], dtype=_DTYPES[entry["dtype"]])
            arrays[name] = values.reshape(entry["shape"])
            end = max(end, last)
    if end != len(mapped):
        raise ValueError(f"{len(mapped)} bytes, the header speaks of {end}")
    return header, arrays
