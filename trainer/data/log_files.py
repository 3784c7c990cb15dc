"""Reads game logs in the forms that the league's API and usual tools write them in, into typed columns.

CSV cells are read as text and converted here, by the same code as Parquet columns, so that both give the same tables
and the same errors. A row number in a message counts rows of data from 1, the header not included. Surprising: a date
such as 11/05/2023 is no date by itself; which of its numbers is the day is told by the other rows of the file.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.game_kinds import KINDS, SAID, SEASON_TYPE_NAMES, UNTELLING, season_name, told
from truestrength.trainer.data.league import BOX
from truestrength.trainer.data.table_files import read_table

EMPTY = ("", "NULL", "null", "None", "NaN", "nan", "NA", "<NA>", "N/A")
"""What databases, Python and R write for a cell that holds nothing."""
DATE_FORMATS = (
    "%Y-%m-%d", "%b %d, %Y", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%B %d, %Y", "%a, %b %d, %Y", "%d-%b-%Y",
)  # fmt: skip
YEARS = (1900, 2199)
"""The first and the last year that a date may have."""
TIMESTAMP = r"^(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}.*$"
TWO_NUMBERS = r"^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?: .*)?$"
CLOCK = r"^\s*()(\d{1,3})(?:\.0+)?:(\d{1,2})(?:\.\d+)?\s*$"
DURATION = r"^\s*PT(?:(\d)H)?(?:(\d{1,3})M)?(?:(\d{1,2})(?:\.\d+)?S)?\s*$"
"""Hours (none in `CLOCK`), minutes and seconds; of a duration, each may be missing."""
LARGEST = 2.0**53
"""Whole numbers above it are not all there in a float."""
ROUNDED = r"^\d(?:[.,]\d+)?[eE]\+?\d+$"
"""An id that a spreadsheet has written as 2.23E+07."""

STATISTICS = tuple(name.upper() for name in BOX)
TEAM_COLUMNS = ("TEAM_ID", "GAME_ID", "GAME_DATE", "MATCHUP", "WL", *STATISTICS)
PLAYER_COLUMNS = ("PLAYER_ID", "PLAYER_NAME", "TEAM_ID", "GAME_ID", "MIN", *STATISTICS)


def read_team_logs(path: Path, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Read one row per team and game.

    Args:
        path: a file as `table_files.read_table` takes it.
        repairs: gets a line for what was repaired.
        nba: the league is the NBA.

    Returns:
        league, season, season_type, game_id, date, team_id, abbreviation, matchup, won (null: no result), the box
        columns and plus_minus, in the file's order. All but league, season, season_type and the ids are nullable.

    Raises:
        DataError: naming the file, the column, the first bad row and its value.
    """
    raw = read_table(path, TEAM_COLUMNS, repairs)
    if "PLAYER_ID" in raw.columns:
        raise DataError(f"{path}: has a column PLAYER_ID, so it is no list of team rows. Are the two files swapped?")
    matchup = _words(raw, "MATCHUP")
    own = _words(raw, "TEAM_ABBREVIATION") if "TEAM_ABBREVIATION" in raw.columns else matchup.str.extract(r"^(\S+)")
    columns = [
        *_game_columns(raw, path, repairs),
        own.alias("abbreviation"),
        matchup.alias("matchup"),
        _won(raw, path),
        *_statistics(raw, path),
    ]
    return told(pl.DataFrame(columns), path, repairs, nba=nba)


def read_player_logs(path: Path, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Read one row per player and game.

    Args:
        path: a file as `table_files.read_table` takes it.
        repairs: gets a line for what was repaired.
        nba: the league is the NBA.

    Returns:
        league, season, season_type, game_id, date, team_id, player_id, player_name, minutes, the box columns and
        plus_minus, in the file's order. All but league, season, season_type and the ids are nullable.

    Raises:
        DataError: naming the file, the column, the first bad row and its value.
    """
    raw = read_table(path, PLAYER_COLUMNS, repairs)
    columns = [
        *_game_columns(raw, path, repairs),
        whole_numbers(raw, "PLAYER_ID", path, required=True).alias("player_id"),
        _words(raw, "PLAYER_NAME").alias("player_name"),
        _minutes(raw, path),
        *_statistics(raw, path),
    ]
    return told(pl.DataFrame(columns), path, repairs, nba=nba)


def text(raw: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A column as text without blanks around it; a missing value is an error."""
    values = _words(raw, column)
    _refuse(raw[column], values.is_null(), path, "is empty")
    return values


def _words(raw: pl.DataFrame, column: str) -> pl.Series:
    """A column as text without blanks around it; null where nothing is left."""
    values = raw[column].cast(pl.String).str.strip_chars()
    return pl.select(pl.when(~values.is_in(EMPTY)).then(values)).to_series().alias(column)


def whole_numbers(raw: pl.DataFrame, column: str, path: Path, required: bool = False) -> pl.Series:
    """A column as Int64; empty cells and NaN are null, unless `required`."""
    values = _numbers(raw, column, path)
    _refuse(raw[column], values.is_infinite() | (values != values.round()), path, "is not a whole number")
    _refuse(raw[column], values.abs() > LARGEST, path, "is too large for an id or a count")
    if required:
        _refuse(raw[column], values.is_null(), path, "is empty")
    # An integer column goes round the float: ids may have more digits than a float holds.
    return raw[column].cast(pl.Int64) if raw[column].dtype.is_integer() else values.cast(pl.Int64)


def _game_columns(raw: pl.DataFrame, path: Path, repairs: list[str]) -> list[pl.Series]:
    return [
        *_said(raw),
        _game_ids(raw, path, repairs),
        _dates(raw, path, repairs),
        whole_numbers(raw, "TEAM_ID", path, required=True).alias("team_id"),
    ]


def _said(raw: pl.DataFrame) -> list[pl.Series]:
    """What SEASON_ID ("22015"), SEASON and SEASON_TYPE say: the columns of `game_kinds.SAID`; null for nothing.

    A cell that is written in no known way is given on as it stands: the game id may tell what the cell does not.
    """
    nothing = pl.Series([None] * raw.height, dtype=pl.String)
    said = dict.fromkeys((*SAID["season"], *SAID["season_type"]), nothing)
    if "SEASON_ID" in raw.columns:
        ids = _words(raw, "SEASON_ID").str.replace(r"\.0$", "")
        known = ids.str.contains(r"^[1-6]\d{4}$")
        names = season_name(pl.lit(ids.str.slice(1).cast(pl.Int32, strict=False)))
        kinds = ids.str.slice(0, 1).replace_strict(KINDS, default=None, return_dtype=pl.String)
        said["season by SEASON_ID"] = pl.select(pl.when(known).then(names).otherwise(ids)).to_series()
        said["type by SEASON_ID"] = pl.select(pl.when(known).then(kinds)).to_series()
    if "SEASON" in raw.columns:
        said["season by SEASON"] = _season_column(raw)
    if "SEASON_TYPE" in raw.columns:
        said["type by SEASON_TYPE"] = _season_types(raw)
    return [values.alias(name) for name, values in said.items()]


def _season_column(raw: pl.DataFrame) -> pl.Series:
    """Seasons by name; a bare year says nothing, because some mean the first one by it and others the second."""
    names = _words(raw, "SEASON").str.replace(r"^(\d{4})-\d{2}(\d{2})$", "$1-$2")
    return pl.select(pl.when(~names.str.contains(r"^\d{4}$")).then(names)).to_series()


def _season_types(raw: pl.DataFrame) -> pl.Series:
    words = _words(raw, "SEASON_TYPE")
    keys = words.str.to_lowercase().str.replace_all(r"[\s_-]", "")
    kinds = keys.replace_strict(SEASON_TYPE_NAMES, default=None, return_dtype=pl.String)
    return pl.select(pl.when(~keys.is_in(UNTELLING)).then(pl.coalesce(kinds, words))).to_series()


def _game_ids(raw: pl.DataFrame, path: Path, repairs: list[str]) -> pl.Series:
    ids = text(raw, "GAME_ID", path).str.replace(r"^(\d+)\.0$", "$1")
    _refuse(
        raw["GAME_ID"],
        ids.str.contains(ROUNDED),
        path,
        "is a rounded number: a spreadsheet has taken the last digits away. Export the ids as text",
    )
    short = ids.str.contains(r"^\d{1,9}$")
    if short.any():
        repairs.append(f"{path.name}: GAME_ID: leading zeros restored in {short.sum()} rows")
    return pl.select(pl.when(short).then(ids.str.zfill(10)).otherwise(ids)).to_series().alias("game_id")


def _dates(raw: pl.DataFrame, path: Path, repairs: list[str]) -> pl.Series:
    """`date`, null where a cell is empty or the file has no such column."""
    if "GAME_DATE" not in raw.columns:
        return pl.Series("date", [None] * raw.height, dtype=pl.Date)
    column = raw["GAME_DATE"]
    if column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
        return _in_known_years(column.dt.date(), column, path)
    cells = _words(raw, "GAME_DATE")
    days = cells.str.replace(TIMESTAMP, "$1").str.to_titlecase()
    tries = [days.str.to_date(form, strict=False) for form in DATE_FORMATS]
    dates = pl.select(pl.coalesce(*tries, _day_and_month(column, cells, path))).to_series().alias("date")
    _refuse(column, dates.is_null() & cells.is_not_null(), path, "is not a date such as 2015-10-27")
    other = cells.filter(~cells.str.contains(r"^\d{4}-\d{2}-\d{2}$"))
    if other.len():
        repairs.append(f"{path.name}: GAME_DATE: {other.len()} rows are not written YYYY-MM-DD, e.g. {other[0]}")
    return _in_known_years(dates, column, path)


def _in_known_years(dates: pl.Series, column: pl.Series, path: Path) -> pl.Series:
    _refuse(
        column,
        ~dates.dt.year().is_between(*YEARS),
        path,
        "is in no year that games are played in. Write dates as 2015-10-27",
    )
    return dates.alias("date")


def _day_and_month(column: pl.Series, cells: pl.Series, path: Path) -> pl.Series:
    """Dates such as 11/05/2023, in the order of day and month that the file's other rows show; null for other cells.

    Raises:
        DataError: when no row shows the order, or two rows show different ones.
    """
    parts = cells.str.extract_groups(TWO_NUMBERS).struct.unnest()
    one, other, year = parts.get_columns()
    day_first = (one.cast(pl.Int32) > 12).fill_null(value=False)
    day_second = (other.cast(pl.Int32) > 12).fill_null(value=False)
    if not day_first.any() and not day_second.any():
        _refuse(
            column,
            one.is_not_null(),
            path,
            "may be the day or the month first, and no row written so has a number above 12 that would tell. Write "
            "dates as 2015-10-27",
        )
    if day_first.any():
        _refuse(column, day_second, path, "has the month first, and other rows have the day first")
        one, other = other, one
    month, day = one.str.zfill(2), other.str.zfill(2)
    return (year + "-" + month + "-" + day).str.to_date("%Y-%m-%d", strict=False)


def _won(raw: pl.DataFrame, path: Path) -> pl.Series:
    cells = _words(raw, "WL").str.to_uppercase()
    _refuse(raw["WL"], ~cells.is_in(["W", "L"]), path, "is neither W nor L")
    return (cells == "W").alias("won")


def _minutes(raw: pl.DataFrame, path: Path) -> pl.Series:
    """Minutes as Float32, from numbers, from "34:12", from "34.000000:12", from "PT34M12.00S" or "PT34M"."""
    column = raw["MIN"]
    if column.dtype == pl.String:
        seconds = pl.Series("MIN", [None] * raw.height, dtype=pl.Float64)
        for form in (CLOCK, DURATION):
            parts = column.str.extract_groups(form).struct.unnest().cast(pl.Int32, strict=False)
            times = parts.select(pl.when(~pl.all_horizontal(pl.all().is_null())).then(_in_seconds(*parts.columns)))
            seconds = seconds.fill_null(times.to_series().cast(pl.Float64))
        timed = seconds.is_not_null()
        others = pl.select(pl.when(~timed).then(column).alias("MIN"))
        minutes = (seconds / 60).fill_null(_numbers(others, "MIN", path))
    else:
        minutes = _numbers(raw, "MIN", path)
    _refuse(column, (minutes < 0) | (minutes > 120), path, "is not a number of minutes")
    return minutes.cast(pl.Float32).alias("minutes")


def _in_seconds(hours: str, minutes: str, seconds: str) -> pl.Expr:
    whole = pl.col(hours).fill_null(0) * 60 + pl.col(minutes).fill_null(0)
    return whole * 60 + pl.col(seconds).fill_null(0)


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
    found = _words(raw, column)
    numbers = found.str.replace(r"^(-?\d+),(\d+)$", "$1.$2").cast(pl.Float64, strict=False)
    _refuse(cells, numbers.is_null() & found.is_not_null(), path, "is not a number")
    return numbers


def _refuse(column: pl.Series, bad: pl.Series, path: Path, why: str) -> None:
    """Raise a DataError for the first row where `bad` is true."""
    rows = bad.fill_null(value=False).arg_true()
    if rows.len():
        more = f" ({rows.len()} such rows)" if rows.len() > 1 else ""
        found = column.cast(pl.String) if column.dtype.is_temporal() else column  # Python has no year 0
        value = found[int(rows[0])]
        raise DataError(f"{path}: column {column.name}, row {int(rows[0]) + 1}: {value!r} {why}{more}")
