"""Reads one table of a user's file: Parquet, or CSV as text, compressed or not, in whatever encoding it was saved.

What a file is, is told by its first bytes and never by its name. Surprising: column names are given back in capitals,
since the endpoints of the league's API write the same column as TEAM_ID and as Team_ID.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError, suggest

PARQUET = b"PAR1"
COMPRESSED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
ZIP, ZSTANDARD, OLD_EXCEL = b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
EARLIER = "cp1252"
"""The encoding of Western Windows, of which nearly all texts that are not UTF-8 are."""
SEPARATORS = (",", ";", "\t", "|")
EXCELS_LINE = re.compile(r"\"?sep=.\"?\n")
"""Before the header: which separator follows."""
OTHER_FORMS = ((("{", "["), "JSON"), (("<",), "a page of HTML or XML"))
"""Texts that are no CSV, by what they begin with."""
OTHER_NAMES = {"TO": "TOV", "SEASON_YEAR": "SEASON"}
"""What endpoints other than LeagueGameLog call a column."""


def read_table(path: Path, required: Sequence[str], repairs: list[str]) -> pl.DataFrame:
    """Read a table with its column names in capitals; cells of CSV are text.

    Args:
        path: Parquet or CSV, also as gzip, bzip2, xz or a zip of one file.
        required: columns that it must have.
        repairs: gets a line when the text is not UTF-8.

    Raises:
        DataError: when the file cannot be read, is empty or lacks one of the `required` columns.
    """
    try:
        content = _unpacked(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        if content.startswith(PARQUET):
            table = _parquet(content)
        else:
            text = _as_lines(_decoded(content, path, repairs), path)
            table = pl.read_csv(text.encode(), separator=_separator(text), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        # The lines after the first one are advice to programmers.
        said = str(error).partition("\n")[0]
        raise DataError(f"{path}: is neither Parquet nor CSV with a header line: {said}") from None
    table = _in_capitals(_without_empty_rows(table, path, repairs), path)
    for column in required:
        if column not in table.columns:
            close = suggest(column, table.columns).partition("Allowed:")[0].strip()
            found = ", ".join(table.columns)
            raise DataError(f"{path}: column {column} is missing{': ' + close if close else ''}. Found: {found}")
    if table.is_empty():
        raise DataError(f"{path}: has a header and no rows")
    return table


def _parquet(content: bytes) -> pl.DataFrame:
    """Polars panics at some damaged files, with an error that is no Exception."""
    try:
        return pl.read_parquet(io.BytesIO(content))
    except pl.exceptions.PanicException:
        raise pl.exceptions.ComputeError("parquet: the file is damaged") from None


def _unpacked(content: bytes, path: Path) -> bytes:
    """The content of a compressed file; any other as it is."""
    if content.startswith(ZIP):
        content = _only_member(content, path)
    if content.startswith((ZSTANDARD, OLD_EXCEL)):
        what = "compressed by zstd" if content.startswith(ZSTANDARD) else "an Excel workbook"
        raise DataError(f"{path}: is {what}. Save it as CSV or Parquet, plain or as gzip, bzip2, xz or zip")
    for magic, unpack in COMPRESSED.items():
        if content.startswith(magic):
            try:
                return _unpacked(unpack(content), path)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise DataError(f"{path}: is compressed, and damaged: {error}") from None
    return content


def _only_member(content: bytes, path: Path) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
            if "[Content_Types].xml" in names:
                raise DataError(f"{path}: is an Excel workbook. Save the sheet as CSV")
            if len(names) != 1:
                raise DataError(
                    f"{path}: is a zip of {len(names)} files ({', '.join(names[:5])}). Unpack it, or zip one"
                )
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: is a zip that cannot be unpacked: {error}") from None


def _decoded(content: bytes, path: Path, repairs: list[str]) -> str:
    """The text of a CSV file."""
    try:
        if content.startswith(UTF_16):
            return content.decode("utf-16")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"byte 0x{content[error.start]:02x} in line {line}"
    if b"\x00" in content:
        raise DataError(f"{path}: is neither Parquet nor CSV with a header line: it is no text ({found})")
    text = content.decode(EARLIER, errors="replace")
    example = text.splitlines()[line - 1].strip()
    repairs.append(f"{path.name}: is not UTF-8 ({found}); read as Windows-1252, e.g. {example[:80]}")
    return text


def _as_lines(text: str, path: Path) -> str:
    """The text of a CSV file from its header on, with line ends that every reader knows.

    Raises:
        DataError: it is none.
    """
    if "\x00" in text:
        raise DataError(f"{path}: is no text in UTF-8, nor in UTF-16 with a mark: save it as UTF-8")
    for beginnings, what in OTHER_FORMS:
        if text.lstrip().startswith(beginnings):
            raise DataError(f"{path}: is {what}. Save the table as CSV or Parquet")
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    return EXCELS_LINE.sub("", text, count=1) if EXCELS_LINE.match(text) else text


def _separator(text: str) -> str:
    """The one that the header has most of."""
    header = text.partition("\n")[0]
    return max(SEPARATORS, key=header.count)


def _without_empty_rows(table: pl.DataFrame, path: Path, repairs: list[str]) -> pl.DataFrame:
    """Drop rows that hold nothing at all, as spreadsheets leave them at the end."""
    blank = pl.all_horizontal(pl.all().cast(pl.String).str.strip_chars().fill_null("") == "")
    kept = table.filter(~blank) if table.width else table
    if kept.height < table.height:
        repairs.append(f"{path.name}: {table.height - kept.height} rows without anything in them dropped")
    return kept


def _in_capitals(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Column names in capitals, under the names of LeagueGameLog; a name that stands there twice is an error."""
    names = [name.strip().upper() for name in table.columns]
    names = [name if OTHER_NAMES.get(name, name) in names else OTHER_NAMES.get(name, name) for name in names]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        found = [old for old, new in zip(table.columns, names, strict=True) if new == twice[0]]
        raise DataError(
            f"{path}: the column {twice[0]} is there {len(found)} times ({', '.join(found)}). Keep one of them"
        )
    return table.rename(dict(zip(table.columns, names, strict=True)))
