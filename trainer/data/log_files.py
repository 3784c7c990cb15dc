"""Reads game logs in the columns of nba_api's LeagueGameLog, from Parquet or CSV, into typed columns.

CSV cells are read as text and converted here, by the same code as Parquet columns, so that both give the same tables
and the same errors. A row number in a message counts rows of data from 1, the header not included.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from trainer.contract.errors import DataError, suggest
from trainer.data.league import BOX

SEASON_TYPES = {
    "1": "preseason",
    "2": "regular",
    "3": "all-star",
    "4": "playoffs",
    "5": "play-in",
    "6": "cup final",
}
"""By the first digit of SEASON_ID, and of a game id after its league's two digits."""

SEASON_TYPE_NAMES = {
    "preseason": "preseason",
    "regularseason": "regular",
    "regular": "regular",
    "allstar": "all-star",
    "playoffs": "playoffs",
    "playin": "play-in",
    "cupfinal": "cup final",
    "istchampionship": "cup final",
}
"""By the `season_type` column, in lower case and without blanks and hyphens."""

DATE_FORMATS = ("%Y-%m-%d", "%b %d, %Y", "%m/%d/%Y", "%Y%m%d")
TIMESTAMP = r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}.*$"

STATISTICS = tuple(name.upper() for name in BOX)
TEAM_COLUMNS = ("TEAM_ID", "TEAM_ABBREVIATION", "GAME_ID", "GAME_DATE", "MATCHUP", "WL", *STATISTICS)
PLAYER_COLUMNS = ("PLAYER_ID", "PLAYER_NAME", "TEAM_ID", "GAME_ID", "GAME_DATE", "MIN", *STATISTICS)


def read_team_logs(path: Path, repairs: list[str]) -> pl.DataFrame:
    """Read one row per team and game.

    Returns:
        season, season_type, game_id, date, team_id, abbreviation, matchup, won (null: no result), the box columns
        and plus_minus, both nullable; in the file's order. What was repaired is added to `repairs`.

    Raises:
        DataError: naming the file, the column, the first bad row and its value.
    """
    raw = read_table(path, TEAM_COLUMNS)
    if "PLAYER_ID" in raw.columns:
        raise DataError(f"{path}: has a column PLAYER_ID, so it is no list of team rows. Are the two files swapped?")
    columns = [
        *_game_columns(raw, path, repairs),
        text(raw, "TEAM_ABBREVIATION", path).alias("abbreviation"),
        text(raw, "MATCHUP", path).alias("matchup"),
        _won(raw, path),
        *_statistics(raw, path),
    ]
    return pl.DataFrame(columns)


def read_player_logs(path: Path, repairs: list[str]) -> pl.DataFrame:
    """Read one row per player and game.

    Returns:
        season, season_type, game_id, date, team_id, player_id, player_name, minutes, the box columns and plus_minus,
        the last three nullable; in the file's order. What was repaired is added to `repairs`.

    Raises:
        DataError: naming the file, the column, the first bad row and its value.
    """
    raw = read_table(path, PLAYER_COLUMNS)
    columns = [
        *_game_columns(raw, path, repairs),
        whole_numbers(raw, "PLAYER_ID", path, required=True).alias("player_id"),
        text(raw, "PLAYER_NAME", path).alias("player_name"),
        _minutes(raw, path),
        *_statistics(raw, path),
    ]
    return pl.DataFrame(columns)


def read_table(path: Path, required: Sequence[str]) -> pl.DataFrame:
    """Read Parquet (told by its content) or CSV as text.

    Raises:
        DataError: when the file cannot be read, is empty or lacks one of the `required` columns.
    """
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        table = pl.read_parquet(path) if parquet else pl.read_csv(path, infer_schema=False)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: is neither Parquet nor CSV with a header line: {error}") from None
    for column in required:
        if column not in table.columns:
            close = suggest(column, table.columns).partition("Allowed:")[0].strip()
            found = ", ".join(table.columns)
            raise DataError(f"{path}: column {column} is missing{': ' + close if close else ''}. Found: {found}")
    if table.is_empty():
        raise DataError(f"{path}: has a header and no rows")
    return table


def text(raw: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A column as text without blanks around it; a missing value is an error."""
    values = raw[column].cast(pl.String).str.strip_chars()
    _refuse(raw[column], values.is_null() | (values == ""), path, "is empty")
    return values


def whole_numbers(raw: pl.DataFrame, column: str, path: Path, required: bool = False) -> pl.Series:
    """A column as Int64; empty cells and NaN are null, unless `required`."""
    values = _numbers(raw, column, path)
    _refuse(raw[column], values.is_infinite() | (values != values.round()), path, "is not a whole number")
    if required:
        _refuse(raw[column], values.is_null(), path, "is empty")
    # An integer column goes round the float: ids may have more digits than a float holds.
    return raw[column].cast(pl.Int64) if raw[column].dtype.is_integer() else values.cast(pl.Int64)


def _game_columns(raw: pl.DataFrame, path: Path, repairs: list[str]) -> list[pl.Series]:
    return [
        *_seasons(raw, path),
        _game_ids(raw, path, repairs),
        _dates(raw, path, repairs),
        whole_numbers(raw, "TEAM_ID", path, required=True).alias("team_id"),
    ]


def _seasons(raw: pl.DataFrame, path: Path) -> list[pl.Series]:
    """`season` and `season_type`, from SEASON_ID ("22015") or else from the columns of these names."""
    if "SEASON_ID" not in raw.columns:
        missing = [c for c in ("season", "season_type") if c not in raw.columns]
        if missing:
            raise DataError(f"{path}: column SEASON_ID is missing (or else: {', '.join(missing)})")
        kinds = text(raw, "season_type", path)
        keys = kinds.str.to_lowercase().str.replace_all(r"[\s_-]", "")
        season_type = keys.replace_strict(SEASON_TYPE_NAMES, default=None, return_dtype=pl.String)
        _refuse(raw["season_type"], season_type.is_null(), path, f"is none of {', '.join(SEASON_TYPE_NAMES)}")
        season = text(raw, "season", path)
        _refuse(raw["season"], ~season.str.contains(r"^\d{4}-\d{2}$"), path, "is not a season such as 2015-16")
        return [season.alias("season"), season_type.alias("season_type")]
    ids = text(raw, "SEASON_ID", path).str.replace(r"\.0$", "")
    _refuse(raw["SEASON_ID"], ~ids.str.contains(r"^[1-6]\d{4}$"), path, "is not a season id such as 22015")
    start = ids.str.slice(1).cast(pl.Int32)
    season = start.cast(pl.String) + "-" + ((start + 1) % 100).cast(pl.String).str.zfill(2)
    if "season" in raw.columns:
        _refuse(raw["season"], raw["season"].cast(pl.String) != season, path, "is not the season of its SEASON_ID")
    return [season.alias("season"), ids.str.slice(0, 1).replace_strict(SEASON_TYPES).alias("season_type")]


def _game_ids(raw: pl.DataFrame, path: Path, repairs: list[str]) -> pl.Series:
    ids = text(raw, "GAME_ID", path).str.replace(r"^(\d+)\.0$", "$1")
    short = ids.str.contains(r"^\d{1,9}$")
    if short.any():
        repairs.append(f"{path.name}: GAME_ID: leading zeros restored in {short.sum()} rows")
    return pl.select(pl.when(short).then(ids.str.zfill(10)).otherwise(ids)).to_series().alias("game_id")


def _dates(raw: pl.DataFrame, path: Path, repairs: list[str]) -> pl.Series:
    column = raw["GAME_DATE"]
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        _refuse(column, column.is_null(), path, "is empty")
        return column.dt.date().alias("date")
    cells = text(raw, "GAME_DATE", path)
    days = cells.str.replace(TIMESTAMP, "$1").str.to_titlecase()
    tries = [days.str.to_date(form, strict=False) for form in DATE_FORMATS]
    dates = pl.select(pl.coalesce(tries)).to_series().alias("date")
    _refuse(column, dates.is_null(), path, "is not a date such as 2015-10-27")
    other = (~cells.str.contains(r"^\d{4}-\d{2}-\d{2}$")).sum()
    if other:
        repairs.append(f"{path.name}: GAME_DATE: {other} rows are not written YYYY-MM-DD, e.g. {cells[0]}")
    return dates


def _won(raw: pl.DataFrame, path: Path) -> pl.Series:
    cells = raw["WL"].cast(pl.String).str.strip_chars().str.to_uppercase()
    cells = pl.select(pl.when(cells != "").then(cells)).to_series()
    _refuse(raw["WL"], ~cells.is_in(["W", "L"]), path, "is neither W nor L")
    return (cells == "W").alias("won")


def _minutes(raw: pl.DataFrame, path: Path) -> pl.Series:
    """Minutes as Float32, from numbers or from "34:12"."""
    column = raw["MIN"]
    if column.dtype == pl.String and column.str.contains(":", literal=True).any():
        clock = column.str.extract_groups(r"^\s*(\d+):(\d{2})\s*$").struct.unnest()
        seconds = clock.to_series(0).cast(pl.Int32) * 60 + clock.to_series(1).cast(pl.Int32)
        column = pl.select(pl.coalesce((seconds / 60).cast(pl.String), column)).to_series().alias("MIN")
    minutes = _numbers(column.to_frame(), "MIN", path)
    _refuse(raw["MIN"], (minutes < 0) | (minutes > 120), path, "is not a number of minutes")
    return minutes.cast(pl.Float32).alias("minutes")


def _statistics(raw: pl.DataFrame, path: Path) -> list[pl.Series]:
    columns = []
    for name in BOX:
        values = whole_numbers(raw, name.upper(), path)
        _refuse(raw[name.upper()], (values < 0) | (values > 1000), path, "is not a count")
        columns.append(values.cast(pl.Int32).alias(name))
    if "PLUS_MINUS" not in raw.columns:
        return [*columns, pl.Series("plus_minus", [None] * raw.height, dtype=pl.Int32)]
    plus_minus = whole_numbers(raw, "PLUS_MINUS", path)
    _refuse(raw["PLUS_MINUS"], plus_minus.abs() > 1000, path, "is not a difference in points")
    return [*columns, plus_minus.cast(pl.Int32).alias("plus_minus")]


def _numbers(raw: pl.DataFrame, column: str, path: Path) -> pl.Series:
    cells = raw[column]
    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64).fill_nan(None)
    if cells.dtype not in (pl.String, pl.Null):
        raise DataError(f"{path}: column {column}: expected numbers, found type {cells.dtype}")
    stripped = cells.cast(pl.String).str.strip_chars()
    numbers = stripped.cast(pl.Float64, strict=False)
    _refuse(cells, numbers.is_null() & (stripped != "") & stripped.is_not_null(), path, "is not a number")
    return numbers.fill_nan(None)


def _refuse(column: pl.Series, bad: pl.Series, path: Path, why: str) -> None:
    """Raise a DataError for the first row where `bad` is true."""
    rows = bad.fill_null(value=False).arg_true()
    if rows.len():
        more = f" ({rows.len()} such rows)" if rows.len() > 1 else ""
        value = column[int(rows[0])]
        raise DataError(f"{path}: column {column.name}, row {int(rows[0]) + 1}: {value!r} {why}{more}")
