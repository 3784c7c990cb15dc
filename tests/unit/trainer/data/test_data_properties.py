"""Logs with anything wrong: they are imported as a whole league, or a DataError says why and nothing is written."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.trainer.data.conftest import Logs
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import load_league

few = settings(
    max_examples=int(os.environ.get("HYPX", "40")), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
COLUMNS = (
    "SEASON_ID", "TEAM_ID", "TEAM_ABBREVIATION", "GAME_ID", "GAME_DATE", "MATCHUP", "WL", "MIN", "FGM", "REB", "PTS",
    "PLUS_MINUS", "PLAYER_ID", "PLAYER_NAME",
)  # fmt: skip
CELLS = st.text(max_size=8) | st.sampled_from(
    ["", "NULL", "-1", "0", "1e300", "inf", "nan", "9" * 30, "1.5", "0022000000", "0042000000", "2.2E+7", "2020-13-45",
     "0000-01-01", "11/05/2023", "PT12M", "PT", "99:99", "ATL vs. ATL", "ATL @ BOS", "W", "22020", "99999", "\0"]
)  # fmt: skip


class Changes:
    """What is done to a table whose cells are all text."""

    cell = st.tuples(st.just("cell"), st.sampled_from(COLUMNS), st.integers(0, 400), CELLS)
    column = st.tuples(st.just("column"), st.sampled_from(COLUMNS), st.just(0), CELLS)
    gone = st.tuples(st.just("gone"), st.sampled_from(COLUMNS), st.integers(0, 400), st.just(""))
    twice = st.tuples(st.just("twice"), st.sampled_from(COLUMNS), st.integers(0, 400), CELLS)
    without = st.tuples(st.just("without"), st.sampled_from(COLUMNS), st.just(0), st.just(""))
    swapped = st.tuples(st.just("swapped"), st.sampled_from(COLUMNS), st.just(0), st.just(""))


CHANGES = st.lists(
    st.one_of(
        Changes.cell, Changes.cell, Changes.column, Changes.gone, Changes.twice, Changes.without, Changes.swapped
    ),
    max_size=4,
)


def changed(table: pl.DataFrame, how: str, column: str, row: int, value: str) -> pl.DataFrame:
    here = pl.int_range(pl.len()) == row % max(table.height, 1)
    if column not in table.columns:
        return table
    if how == "gone":
        return table.filter(~here)
    if how == "without":
        return table.drop(column)
    if how == "swapped":
        return table.with_columns(pl.col(column).reverse())
    put = pl.when(here if how != "column" else pl.lit(value=True)).then(pl.lit(value)).otherwise(column).alias(column)
    return pl.concat([table, table.filter(here)]).with_columns(put) if how == "twice" else table.with_columns(put)


def imported_or_refused(folder: Path, contents: tuple[bytes, bytes]) -> Any:
    """The manifest, when there is a league now; a refusal leaves nothing behind."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    paths = folder / "team_logs.csv", folder / "player_logs.csv"
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    try:
        manifest = import_logs(*paths, folder / "league")
    except DataError:
        assert not (folder / "league").exists()
        return None
    check_whole(folder / "league")
    return manifest


def check_whole(folder: Path) -> None:
    """What every league keeps, whatever it was made from."""
    league = load_league(folder)
    teams, players = league.team_games, league.player_games
    counts = {season.season: season for season in league.manifest.seasons}
    assert sum(c.regular_games + c.playoff_games for c in counts.values()) * 2 == teams.height
    assert sum(c.player_rows for c in counts.values()) == players.height
    games = teams.group_by("game_id").agg(
        pl.len(), pl.col("won").sum(), pl.col("home").sum(), pl.col("plus_minus").sum(), pl.col("date").n_unique()
    )
    assert games.select("len", "won", "home", "plus_minus", "date").unique().rows() in ([(2, 1, 1, 0, 1)], [])
    assert teams.filter(pl.col("pts") != 2 * pl.col("fgm") + pl.col("fg3m") + pl.col("ftm")).is_empty()
    assert players.join(teams, on=["game_id", "team_id"], how="anti").is_empty()
    assert teams.select(pl.struct("game_id", "team_id").is_duplicated().any()).item() is False
    assert players.select(pl.struct("game_id", "player_id").is_duplicated().any()).item() is False


@pytest.fixture(scope="module")
def texts(small_logs: Logs) -> Logs:
    return tuple(table.select(pl.all().cast(pl.String)) for table in small_logs)


@pytest.fixture(scope="module")
def contents_as(small_logs: Logs, texts: Logs) -> dict[bool, list[bytes]]:
    """Both files as CSV and (True) as Parquet."""
    packed = [io.BytesIO(), io.BytesIO()]
    for table, file in zip(small_logs, packed, strict=True):
        table.write_parquet(file)
    return {False: [table.write_csv().encode() for table in texts], True: [file.getvalue() for file in packed]}


@few
@given(team_changes=CHANGES, player_changes=CHANGES)
def test_any_cells(texts: Logs, tmp_path_factory: pytest.TempPathFactory, team_changes, player_changes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any_cells"
    contents = []
    for table, changes in zip(texts, (team_changes, player_changes), strict=True):
        for change in changes:
            table = changed(table, *change)  # noqa: PLW2901 - one after the other
        contents.append(table.write_csv().encode())
    manifest = imported_or_refused(folder, (contents[0], contents[1]))
    if not team_changes and not player_changes:
        assert manifest.repairs == ()


@few
@given(
    where=st.tuples(st.booleans(), st.integers(0, 1), st.integers(0, 40_000), st.integers(0, 60)),
    put=st.binary(max_size=12),
)
def test_any_bytes(contents_as: dict[bool, list[bytes]], tmp_path_factory, where, put) -> None:
    """Some bytes of a file are others; a byte of a Parquet file may be one that nobody reads."""
    parquet, of, start, length = where
    contents = list(contents_as[parquet])
    start %= len(contents[of])
    contents[of] = contents[of][:start] + put + contents[of][start + length :]
    imported_or_refused(tmp_path_factory.getbasetemp() / "any_bytes", (contents[0], contents[1]))
