"""Leagues other than the NBA number their games as they like, and play when they like."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import Manifest

Logs = tuple[pl.DataFrame, pl.DataFrame]
ImportLogs = Callable[..., Manifest]
CLUBS = [(37, "ATL", "East"), (38, "BOS", "East"), (43, "DEN", "West"), (47, "LAL", "West")]


class TestAnotherLeague:
    """Other leagues number their games as they like."""

    def give(self, ids: pl.Expr, logs: Logs, import_small: ImportLogs, folder: Path) -> Manifest:
        path = folder / "teams.csv"
        names = "\n".join(f"{1610612700 + n},{a},{a},{c}" for n, a, c in CLUBS)
        path.write_text(f"TEAM_ID,TEAM_ABBREVIATION,TEAM_NAME,conference\n{names}\n")
        return import_small(tuple(table.with_columns(GAME_ID=ids) for table in logs), teams=path)

    def test_by_the_same_pattern(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        """The WNBA's ids begin with 10; a game of the NBA in its files does not count."""
        of_wnba = pl.lit("10") + pl.col("GAME_ID").str.slice(2)
        first = pl.col("GAME_ID") == "0022000000"
        found = self.give(pl.when(first).then("GAME_ID").otherwise(of_wnba), small_logs, import_small, tmp_path)
        assert (found.seasons[0].regular_games, found.seasons[0].playoff_games) == (35, 3)
        assert "team rows: 2 of 1 games of another league set aside (game ids 00…, first 0022000000)" in found.repairs

    @pytest.mark.parametrize(
        "ids",
        [
            pl.col("GAME_DATE").str.replace_all("-", "") + "01",  # 2020110101: no game of the season 2011-12
            pl.lit("euro_") + pl.col("GAME_ID"),
            pl.col("GAME_ID").str.slice(4).cast(pl.Int64).cast(pl.String),
        ],
    )
    def test_by_another(self, ids: pl.Expr, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        found = self.give(ids, small_logs, import_small, tmp_path)
        (season,) = found.seasons
        assert (season.season, season.regular_games, season.playoff_games) == ("2020-21", 36, 3)
        assert all("leading zeros restored" in line for line in found.repairs)

    def test_a_season_of_over_eleven_months(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        late = pl.when(pl.col("SEASON_ID") == "42020").then(pl.lit("2021-11-1") + pl.col("GAME_DATE").str.slice(9))
        logs = tuple(table.with_columns(GAME_DATE=late.otherwise("GAME_DATE")) for table in small_logs)
        with pytest.raises(DataError, match=r"season 2020-21 lasts from 2020-11-01 to 2021-11-19, over eleven months"):
            self.give(pl.lit("g") + pl.col("GAME_ID"), logs, import_small, tmp_path)
