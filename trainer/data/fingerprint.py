"""The data fingerprint: SHA-256 over the content of the league's tables.

It reads values, not files: another Parquet version, compression or row-group size gives the same fingerprint.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from hashlib import _Hash


def fingerprint(*tables: pl.DataFrame) -> str:
    """Hash tables (order, column names, types, rows, nulls) to 64 hexadecimal digits."""
    total = hashlib.sha256()
    for table in tables:
        total.update(f"{table.height} rows;".encode())
        for column in table.iter_columns():
            total.update(f"{column.name}:{column.dtype};".encode())
            _add(total, column)
    return total.hexdigest()


def _add(total: _Hash, column: pl.Series) -> None:
    nulls = column.is_null().to_numpy()
    total.update(np.packbits(nulls).tobytes())
    if column.dtype == pl.String:
        cells = column.fill_null("")
        total.update(cells.str.len_bytes().to_numpy().astype("<u4").tobytes())
        total.update("".join(cells).encode())
        return
    numbers = column.to_physical().fill_null(0) if column.dtype != pl.Boolean else column.cast(pl.UInt8).fill_null(0)
    values = numbers.to_numpy()
    total.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes())
