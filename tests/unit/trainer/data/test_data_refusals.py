"""What the importer refuses: each fault with the words that tell a user what and where it is."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import write_json
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.demo import demo
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest, load_league

Change = Callable[[pl.DataFrame], pl.DataFrame]
Logs = tuple[pl.DataFrame, pl.DataFrame]
ImportLogs = Callable[..., Manifest]

SAME: Change = pl.DataFrame.clone
ROW = pl.int_range(pl.len())
DENVER, LAKERS = 1610612743, 1610612747


def at(row: int, column: str, value: object, kind: type[pl.DataType] | None = None) -> Change:
    """Change one cell, in a column that is made the given type first."""

    def change(table: pl.DataFrame) -> pl.DataFrame:
        column_now = pl.col(column).cast(kind) if kind else pl.col(column)
        return table.with_columns(
            pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise(column_now).alias(column)
        )

    return change


def each(**values: pl.Expr) -> Change:
    return lambda t: t.with_columns(**values)


def repeated(row: int, column: str, value: object) -> Change:
    """Add a row once more with one other value."""
    return lambda t: pl.concat([t, at(row, column, value)(t)[row : row + 1]], how="vertical_relaxed")


def third_row(table: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table, table[:1].with_columns(TEAM_ID=pl.lit(DENVER, pl.Int64), TEAM_ABBREVIATION=pl.lit("DEN"))])


def drawn(table: pl.DataFrame) -> pl.DataFrame:
    """Give the first game's second row the shots of the first one."""
    shots = ("PTS", "FGM", "FG3M", "FTM")
    return table.with_columns(pl.when(ROW == 1).then(pl.col(c).first()).otherwise(c).alias(c) for c in shots)


def contradictory(table: pl.DataFrame) -> pl.DataFrame:
    other = pl.when(ROW < 2).then(pl.col("WL").replace({"W": "L", "L": "W"})).otherwise("WL")
    return at(0, "PTS", 1)(table).with_columns(WL=other)


THREES_BESIDE_TWOS = each(FG3M=pl.col("FG3M") + 5)
OTHER_YEARS = each(GAME_DATE=pl.lit("2018") + pl.col("GAME_DATE").str.slice(4))
ONE_DAY = each(GAME_DATE=pl.col("GAME_DATE").replace("2020-11-02", "2020-11-01"))
NEW_TEAM = each(TEAM_ID=pl.col("TEAM_ID").replace(LAKERS, 77))
OTHER_GAMES = each(GAME_ID=pl.lit("00219") + pl.col("GAME_ID").str.slice(5))


def playoffs(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("SEASON_ID") == "42020")


# What is changed in the team rows, in the player rows, and words of the error.
REFUSED: dict[str, tuple[Change, Change, list[str]]] = {
    "missing column": (
        lambda t: t.rename({"FG3M": "FG3_M"}),
        SAME,
        ["team_logs.parquet: column FG3M is missing", "did you mean 'FG3_M'", "Found: SEASON_ID"],
    ),
    "no season": (
        lambda t: t.drop("SEASON_ID").with_columns(GAME_ID=pl.lit("g") + pl.col("GAME_ID")),
        SAME,
        ["team_logs.parquet: row 1: game 'g0022000000': neither the game id nor a column SEASON_ID or season tells"],
    ),
    "no rows": (lambda t: t.clear(), SAME, ["has a header and no rows"]),
    "no finished game": (
        each(WL=pl.lit(None, pl.String)),
        each(MIN=pl.lit(20)),
        ["no finished regular-season or playoff game is left (team rows: 39 games without a result"],
    ),
    "no player who played": (
        SAME,
        each(GAME_ID=pl.lit("001") + pl.col("GAME_ID").str.slice(3)),
        [
            "player rows: none of a regular-season or playoff game is left (",
            "player rows: 390 of 39 preseason games set",
        ],
    ),
    "text": (SAME, at(7, "AST", "many", pl.String), ["player_logs.parquet: column AST, row 8: 'many' is not a number"]),
    "fraction": (at(2, "STL", 1.5, pl.Float64), SAME, ["column STL, row 3: 1.5 is not a whole number"]),
    "negative": (at(2, "STL", -1), SAME, ["column STL, row 3: -1 is not a count"]),
    "date": (at(0, "GAME_DATE", "soon"), SAME, ["column GAME_DATE, row 1: 'soon' is not a date"]),
    "result": (at(0, "WL", "D"), SAME, ["column WL, row 1: 'D' is neither W nor L"]),
    "empty id": (SAME, at(5, "PLAYER_ID", None), ["column PLAYER_ID, row 6: None is empty"]),
    "season id": (
        lambda t: at(0, "SEASON_ID", "92020")(t).with_columns(GAME_ID=pl.lit("g") + pl.col("GAME_ID")),
        SAME,
        ["row 1: game 'g0022000000': neither the game id nor a column SEASON_ID", "(it says '92020')", "like 2023-24"],
    ),
    "season type": (
        lambda t: (
            t.with_columns(GAME_ID=pl.lit("g") + pl.col("GAME_ID"), SEASON_TYPE=pl.lit("Mystery"))
            .drop("SEASON_ID")
            .with_columns(SEASON=pl.lit("2020-21"))
        ),
        SAME,
        ["tells its season type (it says 'Mystery')", "kinds are preseason, regular, all-star, playoffs"],
    ),
    "seconds for minutes": (SAME, at(0, "MIN", 2880), ["column MIN, row 1: 2880 is not a number of minutes"]),
    "matchup": (at(0, "MATCHUP", "ATL-BOS"), SAME, ["game 0022000000", "MATCHUP 'ATL-BOS'", "BOS vs. MIA"]),
    "empty column": (
        each(AST=pl.lit(None, pl.Int64)),
        each(AST=pl.when(ROW % 5 == 0).then("AST")),
        ["team rows: column AST is empty in 78 of 78 rows of 2020-21, first in game 0022000000", "nothing else in the"],
    ),
    "empty points": (
        lambda t: at(6, "FTM", None)(at(6, "PTS", None)(t)),
        lambda t: t.filter(pl.col("GAME_ID") != "0022000003"),
        ["team rows: column FTM is empty in 1 of 78 rows, first in game 0022000003"],
    ),
    "no date at all": (
        lambda t: at(0, "GAME_DATE", None)(at(1, "GAME_DATE", None)(t)),
        each(GAME_DATE=pl.when(pl.col("GAME_ID") != "0022000000").then("GAME_DATE")),
        ["column GAME_DATE is empty in 2 of 78 rows, first in game 0022000000"],
    ),
    "one row of a game": (lambda t: t[1:], SAME, ["game 0022000000 has 1 (BOS), expected 2"]),
    "three rows of a game": (third_row, SAME, ["game 0022000000 has 3 (ATL, BOS, DEN), expected 2"]),
    "two versions": (repeated(0, "AST", 77), SAME, ["game 0022000000, team_id 1610612737", "differ (ast", "77"]),
    "two versions of a player": (SAME, repeated(0, "AST", 77), ["player rows: game 0022000000, player_id 7370"]),
    "draw": (drawn, SAME, ["game 0022000000 ends", "no winner"]),
    "contradiction": (contradictory, SAME, ["game 0022000000", "WL does not agree with PTS, and PTS is not"]),
    "other column": (THREES_BESIDE_TWOS, SAME, ["PTS is not 2 FGM + FG3M + FTM in 78 of 78 rows of 2020-21"]),
    "two dates": (at(1, "GAME_DATE", "2020-12-30"), SAME, ["game 0022000000 has two dates: 2020-11-01 and 2020-12-30"]),
    "other years": (OTHER_YEARS, SAME, ["season 2020-21 is dated 2018-11-01"]),
    "two games a day": (ONE_DAY, SAME, ["plays two games on 2020-11-01: 0022000000 and 0022000001"]),
    "playoffs alone": (playoffs, playoffs, ["season 2020-21: has 3 playoff games and no regular-season game"]),
    "unknown team": (NEW_TEAM, SAME, ["77 (LAL)", "--teams FILE", "conference is East or West"]),
    "players of another season": (SAME, OTHER_GAMES, ["belong to no team row", "do both files hold the same seasons?"]),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_repaired(fault: str, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
    teams, players, words = REFUSED[fault]
    with pytest.raises(DataError) as error:
        import_small((teams(small_logs[0]), players(small_logs[1])))
    for word in words:
        assert word in str(error.value)
    assert not (tmp_path / "league").exists()


def test_csv_gives_the_same_errors(small_logs: Logs, import_small: ImportLogs) -> None:
    with pytest.raises(DataError, match=r"column MIN, row 1: '2880' is not a number of minutes"):
        import_small((small_logs[0], at(0, "MIN", 2880)(small_logs[1])), "csv")


def test_files_that_cannot_be_read(small_logs: Logs, tmp_path: Path) -> None:
    good, torn = tmp_path / "good.parquet", tmp_path / "torn.parquet"
    small_logs[1].write_parquet(good)
    torn.write_bytes(good.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"nowhere\.csv: cannot be read: No such file"):
        import_logs(tmp_path / "nowhere.csv", good, tmp_path / "league")
    with pytest.raises(DataError, match=r"torn\.parquet: is neither Parquet nor CSV"):
        import_logs(torn, good, tmp_path / "league")


class TestTheFolder:
    """What is in the way."""

    def test_a_league_is_replaced_and_its_truth_goes(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        import_small(small_logs)
        paths = LeaguePaths(tmp_path / "league")
        paths.truth.touch()
        import_small((small_logs[0][:-6], small_logs[1].filter(pl.col("SEASON_ID") == "22020")))
        assert load_league(paths.folder).team_games.height == 72
        whole = {paths.team_games, paths.player_games, paths.teams, paths.manifest}
        assert set(paths.folder.iterdir()) == whole

    def test_a_refused_import_leaves_the_old_league(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        before = import_small(small_logs)
        with pytest.raises(DataError, match="neither W nor L"):
            import_small((at(0, "WL", "D")(small_logs[0]), small_logs[1]))
        assert load_league(tmp_path / "league").manifest == before

    def test_a_failed_write_leaves_the_old_league(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = import_small(small_logs)
        files = set((tmp_path / "league").iterdir())
        write_parquet = pl.DataFrame.write_parquet

        def full_disk(table: pl.DataFrame, path: Path) -> None:
            if "player_games" in path.name:
                raise OSError(28, "No space left on device")
            write_parquet(table, path)

        regular_season = [table.filter(pl.col("SEASON_ID") == "22020") for table in small_logs]
        for name, table in zip(("team", "player"), regular_season, strict=True):
            table.write_parquet(tmp_path / f"{name}_logs.parquet")
        monkeypatch.setattr(pl.DataFrame, "write_parquet", full_disk)
        with pytest.raises(DataError, match="league: cannot be written: No space left on device"):
            import_logs(tmp_path / "team_logs.parquet", tmp_path / "player_logs.parquet", tmp_path / "league")
        assert load_league(tmp_path / "league").manifest == before
        assert set((tmp_path / "league").iterdir()) == files

    def test_a_table_that_was_changed_is_noticed(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        manifest = import_small(small_logs)
        paths = LeaguePaths(tmp_path / "league")
        assert read_manifest(paths.folder) == manifest
        whole = paths.player_games.read_bytes()
        pl.read_parquet(paths.player_games).with_columns(pl.col("pts").reverse()).write_parquet(paths.player_games)
        with pytest.raises(DataError, match=r"player_games\.parquet: is not the table that was imported"):
            read_manifest(paths.folder)
        paths.player_games.write_bytes(whole)
        assert read_manifest(paths.folder) == manifest
        paths.teams.unlink()
        with pytest.raises(DataError, match=r"teams\.parquet: cannot be read: No such file"):
            load_league(paths.folder)

    def test_a_league_of_an_older_version_has_to_be_made_again(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        def made_by_an_older_version(folder: Path) -> None:
            manifest = json.loads(LeaguePaths(folder).manifest.read_bytes())
            del manifest["files"]
            write_json(LeaguePaths(folder).manifest, manifest)
            with pytest.raises(DataError, match=r"`files`\. Import the league, or make the demo league, again"):
                read_manifest(folder)

        import_small(small_logs)
        made_by_an_older_version(tmp_path / "league")
        with pytest.raises(DataError, match="holds another league"):
            demo(tmp_path / "league")
        demo(tmp_path / "demo", seasons=1)
        made_by_an_older_version(tmp_path / "demo")
        assert demo(tmp_path / "demo", seasons=1) == read_manifest(tmp_path / "demo")

    def test_a_demo_league_does_not_replace_it(
        self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        before = import_small(small_logs)
        with pytest.raises(DataError, match="holds another league"):
            demo(tmp_path / "league")
        assert load_league(tmp_path / "league").manifest == before

    def test_another_folder_is_refused(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        (tmp_path / "league").mkdir()
        (tmp_path / "league" / "thesis.txt").write_text("mine")
        with pytest.raises(DataError, match=r"is not a league folder \(it holds thesis.txt\)"):
            import_small(small_logs)
        assert [p.name for p in (tmp_path / "league").iterdir()] == ["thesis.txt"]

    def test_a_file_is_refused(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        (tmp_path / "league").write_text("")
        with pytest.raises(DataError, match="is a file"):
            import_small(small_logs)

    def test_a_folder_under_a_file_is_refused(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        import_small(small_logs)
        logs = tmp_path / "team_logs.parquet", tmp_path / "player_logs.parquet"
        with pytest.raises(DataError, match="league: cannot be written: Not a directory"):
            import_logs(*logs, tmp_path / "team_logs.parquet" / "league")


class TestOtherTeams:
    """`--teams`: leagues other than the NBA."""

    def give(self, rows: str, logs: Logs, import_small: ImportLogs, folder: Path) -> None:
        path = folder / "teams.csv"
        path.write_text("TEAM_ID,TEAM_ABBREVIATION,TEAM_NAME,conference\n" + rows)
        import_small(tuple(t.with_columns(pl.col("TEAM_ID") - 1610612736) for t in logs), teams=path)

    def test_are_used(self, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
        rows = "1,ATL,A,East\n2,BOS,B,West\n7,DEN,D,East\n11,LAL,L,West\n12,MIA,M,West\n"
        self.give(rows, small_logs, import_small, tmp_path)
        teams = load_league(tmp_path / "league").teams
        assert teams["team_id"].to_list() == [1, 2, 7, 11]
        assert teams["conference"].to_list() == ["East", "West", "East", "West"]

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ("1,ATL,A,East\n2,BOS,B,West\n7,DEN,D,East\n", r"1 unknown, not in .*teams\.csv: 11 \(LAL\)"),
            ("1,ATL,A,East\n2,BOS,B,North\n", r"conference of BOS is 'North'\. Allowed: East, West"),
            ("1,ATL,A,East\n1,ATX,X,West\n", r"TEAM_ID 1 stands in 2 rows"),
            ("one,ATL,A,East\n", r"column TEAM_ID, row 1: 'one' is not a number"),
        ],
    )
    def test_are_checked(
        self, rows: str, words: str, small_logs: Logs, import_small: ImportLogs, tmp_path: Path
    ) -> None:
        with pytest.raises(DataError, match=words):
            self.give(rows, small_logs, import_small, tmp_path)
