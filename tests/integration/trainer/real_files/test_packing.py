"""How a file is packed: encodings, compression, separators."""

import bz2
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    Logs,
    bring,
    row,
)
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest, load_league


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@row("encodings")
def test_encodings(encoding: str, logs: Logs, tmp_path: Path) -> None:
    tables = (logs[0], logs[1].with_columns(PLAYER_NAME=pl.col("PLAYER_NAME").str.replace("Luka", "Lukás")))
    plain = bring(tmp_path, tables)
    paths = [tmp_path / "team.csv", tmp_path / "player.csv"]
    for path, table in zip(paths, tables, strict=True):
        path.write_bytes(table.write_csv().encode(encoding, errors="replace"))
    found = import_logs(*paths, tmp_path / "other")
    names = load_league(tmp_path / "other").player_games["player_name"]
    assert names.str.starts_with("Lukás").sum() > 70
    said = [line for line in found.repairs if re.match(r"player.csv: is not UTF-8 \(byte 0x\w\w in line \d+\); ", line)]
    assert len(said) == (encoding == "cp1252")
    assert encoding == "cp1252" or found.fingerprint == plain.fingerprint


PACKED = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "twice": lambda content: gzip.compress(bz2.compress(content)),
}


@pytest.mark.parametrize("form", [*PACKED, "zip", "zip of parquet"])
@row("compressed")
def test_compressed_files(form: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    paths = [tmp_path / "team_logs", tmp_path / "player_logs"]
    for path, table in zip(paths, logs, strict=True):
        plain = path.with_suffix(".plain")
        table.write_parquet(plain) if "parquet" in form else table.write_csv(plain)
        if form in PACKED:
            path.write_bytes(PACKED[form](plain.read_bytes()))
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(plain, plain.name)
    assert import_logs(*paths, tmp_path / "league").fingerprint == right.fingerprint


@row("compressed")
def test_packed_files_that_cannot_be_read_are_called_so(logs: Logs, tmp_path: Path) -> None:
    players = tmp_path / "players.parquet"
    logs[1].write_parquet(players)
    bad = tmp_path / "team_logs.csv"

    def refused(match: str) -> None:
        with pytest.raises(DataError, match=match):
            import_logs(bad, players, tmp_path / "league")

    for names, match in ((("a.csv", "b.csv"), "a zip of 2 files"), (("[Content_Types].xml",), "an Excel workbook")):
        with zipfile.ZipFile(bad, "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        refused(match)
    bad.write_bytes(gzip.compress(logs[0].write_csv().encode())[:-4000])
    refused("is compressed, and damaged")
    bad.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    refused("compressed by zstd")
    bad.write_bytes(bytes(range(256)) * 4)
    refused("is neither Parquet nor CSV")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@row("separators")
def test_separators(separator: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    paths = [tmp_path / "team_logs.csv", tmp_path / "player_logs.csv"]
    for path, table in zip(paths, logs, strict=True):
        table.write_csv(path, separator=separator)
    assert import_logs(*paths, tmp_path / "league").fingerprint == right.fingerprint


AROUND: dict[str, tuple[str, Callable[[str], str], str | None]] = {
    "empty rows": (
        row("empty rows"),
        lambda text: f"{text}\n{',' * 20}\n\n",
        "3 rows without anything in them dropped",
    ),
    "old Mac": (row("line ends"), lambda text: text.replace("\n", "\r"), None),
    "Windows": (row("line ends"), lambda text: text.replace("\n", "\r\n"), None),
    "Excel": (row("Excel's first line"), lambda text: f"sep=,\n{text}", None),
    "pandas": (row("column names"), lambda text: "," + "\n0,".join(text.rstrip().split("\n")) + "\n", None),
}


@pytest.mark.parametrize("form", AROUND)
def test_what_tools_put_around_a_table(form: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    _, change, said = AROUND[form]
    paths = [tmp_path / "team_logs.csv", tmp_path / "player_logs.csv"]
    for path, table in zip(paths, logs, strict=True):
        path.write_bytes(change(table.write_csv()).encode())
    found = import_logs(*paths, tmp_path / "league")
    assert found.fingerprint == right.fingerprint
    assert said is None or any(said in line for line in found.repairs)


@row("no tables")
def test_what_is_no_table_is_called_what_it_is(logs: Logs, tmp_path: Path) -> None:
    players, bad = tmp_path / "players.parquet", tmp_path / "team_logs.csv"
    logs[1].write_parquet(players)
    text = logs[0].head(9).write_csv()
    for content, said in (
        (b'{"resultSets": [{"headers": ["TEAM_ID"], "rowSet": []}]}', "is JSON"),
        (logs[0].head(9).write_json().encode(), "is JSON"),
        (b"<!DOCTYPE html><title>403 Forbidden</title>", "is a page of HTML"),
        (text.encode("utf-32"), "is no text in UTF-8, nor in UTF-16 with a mark"),
        (text.encode("utf-16-le"), "is no text in UTF-8, nor in UTF-16 with a mark"),
        (b"", "is neither Parquet nor CSV with a header line"),
        (b"PAR1" + bytes(100), "is neither Parquet nor CSV with a header line"),
        (text.encode() + b"1,2" + b",3" * 50, "is neither Parquet nor CSV with a header line"),
    ):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=said) as error:
            import_logs(bad, players, tmp_path / "league")
        assert "\n" not in str(error.value)
