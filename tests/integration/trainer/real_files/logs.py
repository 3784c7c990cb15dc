"""The league's real logs, and how the tests of `docs/real_files.md` change them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from tests.support.places import REPOSITORY
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest

DATA = REPOSITORY.parent / "shared" / "data" / "nba10"
SEASON = "2023-24"
Logs = tuple[pl.DataFrame, pl.DataFrame]
Change = Callable[[pl.DataFrame], pl.DataFrame]
ROW = pl.int_range(pl.len())
ID = pl.col("GAME_ID")
DATE = pl.col("GAME_DATE")
DAY = DATE.str.to_date()
REGULAR = ID.str.starts_with("002")
FIRST_40 = ID.is_between(pl.lit("0022300061"), pl.lit("0022300100"))


def row(_name: str) -> Callable[[Any], Any]:
    """Say which row of the table a test, or an input of one, is about; a unit test collects them."""
    return lambda test: test


def read(*seasons: str) -> Logs:
    tables = [pl.read_parquet(DATA / f"{kind}_logs.parquet") for kind in ("team", "player")]
    return tuple(table.filter(pl.col("season").is_in(seasons)).drop("source") for table in tables)


def bring(folder: Path, logs: Logs, said: list[str] | None = None) -> Manifest:
    paths = [folder / "team_logs.parquet", folder / "player_logs.parquet"]
    for path, table in zip(paths, logs, strict=True):
        table.write_parquet(path)
    return import_logs(*paths, folder / "league", say=(said if said is not None else []).append)


def both(change: Change, logs: Logs) -> Logs:
    return change(logs[0]), change(logs[1])


def each(**values: pl.Expr) -> Change:
    return lambda table: table.with_columns(**values)


def again(which: pl.Expr, **values: pl.Expr) -> Change:
    """Add the rows of some games once more, as other games."""
    return lambda table: pl.concat([table, table.filter(which).with_columns(**values)], how="vertical_relaxed")
