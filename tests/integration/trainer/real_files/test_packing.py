"""How a file is packed: encodings, compression, separators."""

import bz2
import gzip
import lzma
import re
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    Logs,
    bring,
    row,
)
from trainer.contract.errors import DataError
from trainer.data.importer import import_logs
from trainer.data.league import Manifest, load_league


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


PACKED = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


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


@pytest.mark.parametrize("separator", [";", "\t"])
@row("separators")
def test_separators(separator: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    paths = [tmp_path / "team_logs.csv", tmp_path / "player_logs.csv"]
    for path, table in zip(paths, logs, strict=True):
        table.write_csv(path, separator=separator)
    assert import_logs(*paths, tmp_path / "league").fingerprint == right.fingerprint
