"""What `docs/real_files.md` says of real files, row by row, on the league's real logs of 2023-24 and others."""

import bz2
import gzip
import lzma
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from trainer.contract.config import Evaluation
from trainer.contract.errors import ConfigError, DataError
from trainer.contract.league import read_manifest
from trainer.contract.objectives import Target
from trainer.contract.season_checks import usable_split
from trainer.data.importer import import_logs
from trainer.data.league import Manifest, load_league
from trainer.features.batches import build_batches

DATA = Path(__file__).parents[3] / "shared" / "data" / "nba10"
TABLE = Path(__file__).parents[2] / "docs" / "real_files.md"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"no NBA logs in {DATA}")

SEASON = "2023-24"
Logs = tuple[pl.DataFrame, pl.DataFrame]
Change = Callable[[pl.DataFrame], pl.DataFrame]
ROW = pl.int_range(pl.len())
ID = pl.col("GAME_ID")
DATE = pl.col("GAME_DATE")
DAY = DATE.str.to_date()
REGULAR = ID.str.starts_with("002")
FIRST_40 = ID.is_between(pl.lit("0022300061"), pl.lit("0022300100"))
tested: set[str] = set()


def row(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which row of the table a test is about."""
    tested.add(name)
    return lambda test: test


def read(*seasons: str) -> Logs:
    tables = [pl.read_parquet(DATA / f"{kind}_logs.parquet") for kind in ("team", "player")]
    return tuple(table.filter(pl.col("season").is_in(seasons)).drop("source") for table in tables)


@pytest.fixture(scope="module")
def logs() -> Logs:
    """The logs of one season as LeagueGameLog gives them."""
    return tuple(table.drop("season", "season_type") for table in read(SEASON))


def bring(folder: Path, logs: Logs, said: list[str] | None = None) -> Manifest:
    paths = [folder / "team_logs.parquet", folder / "player_logs.parquet"]
    for path, table in zip(paths, logs, strict=True):
        table.write_parquet(path)
    return import_logs(*paths, folder / "league", say=(said if said is not None else []).append)


@pytest.fixture(scope="module")
def right(logs: Logs, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of the season as it is."""
    return bring(tmp_path_factory.mktemp("right"), logs)


def both(change: Change, logs: Logs) -> Logs:
    return change(logs[0]), change(logs[1])


def each(**values: pl.Expr) -> Change:
    return lambda table: table.with_columns(**values)


def again(which: pl.Expr, **values: pl.Expr) -> Change:
    """Add the rows of some games once more, as other games."""
    return lambda table: pl.concat([table, table.filter(which).with_columns(**values)], how="vertical_relaxed")


def as_other_game(prefix: str, date: str) -> Change:
    """Forty games once more under ids of another kind; their other columns go on saying that they are regular."""
    moved = pl.lit(date) + DATE.str.slice(len(date))
    return again(FIRST_40, GAME_ID=pl.lit(prefix) + ID.str.slice(len(prefix)), GAME_DATE=moved)


def words(logs: Logs, name: str) -> Logs:
    """SEASON_TYPE in the API's own words instead of SEASON_ID."""
    kinds = {"2": "Regular Season", "4": "Playoffs"} if name == "" else {"2": name, "4": "Playoffs"}
    kind = pl.col("SEASON_ID").str.slice(0, 1).replace(kinds)
    return both(lambda t: t.with_columns(SEASON_TYPE=kind).drop("SEASON_ID"), logs)


OTHER_GAMES = {
    "preseason": ("001", "2023-10-1", "40 preseason games set aside"),
    "All-Star": ("003", "2024-02-1", "40 all-star games set aside"),
    "play-in": ("005", "2024-04-1", "40 play-in games set aside"),
    "Cup final": ("006", "2023-12-0", "40 cup final games set aside"),
}


@pytest.mark.parametrize("kind", OTHER_GAMES)
def test_games_that_never_count(kind: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    prefix, date, said = OTHER_GAMES[kind]
    change = as_other_game(prefix, date)
    found = bring(tmp_path, (change(logs[0]), change(logs[1])))
    assert found.fingerprint == right.fingerprint
    assert sum(said in line for line in found.repairs) == 2
    assert sum("games are regular by SEASON_ID, but" in line for line in found.repairs) == 2
    tested.add(kind)


@pytest.mark.parametrize("prefix", ["15", "20", "10", "77"])
@row("other leagues")
def test_games_of_other_leagues(prefix: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    """The Summer League is played in July, by teams with the same ids."""
    found = bring(tmp_path, both(as_other_game(prefix, "2023-07"), logs))
    assert found.fingerprint == right.fingerprint
    assert sum("of 40 games of " in line and f"(game ids {prefix}…" in line for line in found.repairs) == 2


@row("regular season")
@row("playoffs")
def test_what_counts(right: Manifest) -> None:
    (season,) = right.seasons
    assert (season.regular_games, season.playoff_games, season.champion) == (1230, 82, "BOS")
    assert (season.fewest_games, season.most_games, season.neutral_games) == (82, 82, 4)


PLAYOFFS_BY_COLUMN = {"SEASON_ID": pl.when(FIRST_40).then(pl.lit("42023")).otherwise("SEASON_ID")}
YEAR_BY_COLUMN = {"SEASON_ID": pl.when(FIRST_40).then(pl.lit("22022")).otherwise("SEASON_ID")}
# What is changed in both files, and what is said; the league is the right one.
SAME_LEAGUE: dict[str, tuple[str, Change, str | None]] = {
    "kind contradicts": (
        "contradiction",
        each(**PLAYOFFS_BY_COLUMN),
        "40 games are playoffs by SEASON_ID, but regular",
    ),
    "year contradicts": ("contradiction", each(**YEAR_BY_COLUMN), "40 games are 2022-23 by SEASON_ID, but 2023-24 by"),
    "named contradicts": (
        "contradiction",
        each(SEASON_TYPE=pl.when(FIRST_40).then(pl.lit("Pre Season")).otherwise(pl.lit("Regular Season"))),
        "40 games are preseason by SEASON_TYPE, but regular by their game ids",
    ),
    "numbers": ("ids without zeros", each(GAME_ID=ID.cast(pl.Int64)), "leading zeros restored"),
    "fractions": ("ids without zeros", each(GAME_ID=ID.cast(pl.Float64)), "leading zeros restored"),
    "nothing": ("no season column", lambda t: t.drop("SEASON_ID"), None),
    "SEASON_YEAR": ("season by name", lambda t: t.drop("SEASON_ID").with_columns(SEASON_YEAR=pl.lit(SEASON)), None),
    "long name": ("season by name", lambda t: t.drop("SEASON_ID").with_columns(season=pl.lit("2023-2024")), None),
    "bare year": ("season by name", lambda t: t.drop("SEASON_ID").with_columns(Season=pl.lit("2024")), None),
    "IST": ("season types", each(SEASON_TYPE=pl.when(FIRST_40).then(pl.lit("IST"))), None),
    "times": ("dates", each(GAME_DATE=DATE + "T00:00:00"), "are not written YYYY-MM-DD"),
    "names of months": ("dates", each(GAME_DATE=DAY.dt.strftime("%b %d, %Y").str.to_uppercase()), "e.g. OCT 24, 2023"),
    "digits": ("dates", each(GAME_DATE=DAY.dt.strftime("%Y%m%d")), "e.g. 20231024"),
    "month first": ("day and month", each(GAME_DATE=DAY.dt.strftime("%m/%d/%Y")), "e.g. 10/24/2023"),
    "day first": ("day and month", each(GAME_DATE=DAY.dt.strftime("%d/%m/%Y")), "e.g. 24/10/2023"),
    "day first, points": ("day and month", each(GAME_DATE=DAY.dt.strftime("%-d.%-m.%Y")), "e.g. 24.10.2023"),
    "two forms": (
        "day and month",
        each(GAME_DATE=pl.when(REGULAR).then(DATE).otherwise(DAY.dt.strftime("%m/%d/%Y"))),
        None,
    ),
    "mixed case": (
        "column names",
        lambda t: t.rename({"TEAM_ID": "Team_ID", "GAME_ID": "Game_ID", "FGM": "fgm"}),
        None,
    ),
    "boxscores": ("column names", lambda t: t.rename({"TOV": "TO"}), None),
    "twice": ("twice", again(FIRST_40), "duplicate rows dropped"),
    "under two ids": (
        "twice",
        again(FIRST_40, GAME_ID=ID.str.replace("00223", "00229", literal=True)),
        "another game id",
    ),
}


@pytest.mark.parametrize("form", SAME_LEAGUE)
def test_forms_that_give_the_same_league(form: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    name, change, said = SAME_LEAGUE[form]
    tested.add(name)
    found = bring(tmp_path, both(change, logs))
    assert found.fingerprint == right.fingerprint
    assert found.seasons == right.seasons
    assert said is None or any(said in line for line in found.repairs), found.repairs


@row("season types")
def test_season_types_by_the_apis_own_words(logs: Logs, tmp_path: Path) -> None:
    """Where the game ids tell nothing, so that the words must."""
    own = both(each(GAME_ID=pl.lit("g") + ID), logs)
    for word, games in (("Regular Season", 1230), ("Pre Season", 0), ("All Star", 0), ("PlayIn", 0)):
        named = words(own, word)
        named = both(lambda t: t.with_columns(SEASON_YEAR=pl.lit(SEASON)), named)
        if games:
            assert bring(tmp_path, named).seasons[0].regular_games == games
        else:
            with pytest.raises(DataError, match="82 playoff games and no regular-season game"):
                bring(tmp_path, named)


@row("foreign ids")
def test_foreign_game_ids(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    foreign = both(each(GAME_ID=pl.lit("4015") + ID.str.slice(5)), logs)
    foreign = both(each(GAME_ID=pl.when(pl.col("SEASON_ID") == "42023").then("9" + ID).otherwise(ID)), foreign)
    found = bring(tmp_path, foreign)
    assert [found.seasons[0].regular_games, found.seasons[0].playoff_games] == [1230, 82]
    assert any("are not the league's; what these games are is taken from" in line for line in found.repairs)
    with pytest.raises(DataError, match="neither the game id nor a column SEASON_ID or season tells its season"):
        bring(tmp_path, both(lambda t: t.drop("SEASON_ID"), foreign))


@row("under way")
def test_games_under_way(logs: Logs, tmp_path: Path) -> None:
    teams = logs[0].with_columns(WL=pl.when(~FIRST_40).then("WL"))
    found = bring(tmp_path, (teams, logs[1].filter(~FIRST_40)))
    assert found.seasons[0].regular_games == 1190
    assert any("40 games without a result" in line for line in found.repairs)


@pytest.mark.parametrize("of", [0, 1])
@row("day and month")
def test_a_few_dates_with_the_day_first_are_no_dates(of: int, logs: Logs, tmp_path: Path) -> None:
    """Of the first twelve days of each month, so that each is a date either way."""
    early = pl.when(DAY.dt.day() <= 12).then(DAY.dt.strftime("%d/%m/%Y")).otherwise(DATE)
    changed = list(logs)
    changed[of] = logs[of].with_columns(GAME_DATE=early)
    with pytest.raises(DataError, match=r"GAME_DATE, row \d+: '01/11/2023' may be the day or the month first"):
        bring(tmp_path, tuple(changed))
    assert not (tmp_path / "league").exists()


@row("day and month")
def test_both_orders_in_a_file_are_refused(logs: Logs, tmp_path: Path) -> None:
    either = pl.when(FIRST_40).then(DAY.dt.strftime("%d/%m/%Y")).otherwise(DAY.dt.strftime("%m/%d/%Y"))
    with pytest.raises(DataError, match="has the month first, and other rows have the day first"):
        bring(tmp_path, both(each(GAME_DATE=either), logs))


SWAPPED = pl.when(DAY.dt.day() <= 12).then(DAY.dt.strftime("%Y-%d-%m")).otherwise(DATE)
MISREAD = {
    "swapped": (each(GAME_DATE=SWAPPED), "of season 2023-24 is dated 2023-01-11, when no regular game of it is played"),
    "in summer": (each(GAME_DATE=DATE.str.replace("2023-10", "2023-08", literal=True)), "is dated 2023-08-24"),
    "late": (each(GAME_DATE=DATE.str.replace("2024-04", "2024-09", literal=True)), "is dated 2024-09-01"),
    "another year": (each(GAME_DATE=DATE.str.replace("2023", "2021", literal=True)), "is dated 2021-10-24"),
}


@pytest.mark.parametrize("fault", MISREAD)
@row("misread dates")
def test_dates_that_no_season_has(fault: str, logs: Logs, tmp_path: Path) -> None:
    change, said = MISREAD[fault]
    with pytest.raises(DataError, match=said):
        bring(tmp_path, both(change, logs))


def neutral(folder: Path) -> set[str]:
    return set(load_league(folder / "league").team_games.filter("neutral")["game_id"])


@row("neutral by MATCHUP")
def test_neutral_games_as_the_logs_mark_them(tmp_path: Path) -> None:
    """And two more, each marked in another way."""
    one, other = "0022400900", "0022400901"
    teams, players = read("2024-25")
    matchup = pl.col("MATCHUP")
    mine = pl.col("TEAM_ABBREVIATION")
    theirs = mine.reverse().over("GAME_ID")
    teams = teams.sort("GAME_ID", "TEAM_ID").with_columns(
        MATCHUP=pl.when(one == ID)
        .then(mine + " vs. " + theirs)
        .when(other == ID)
        .then(mine + " @ " + theirs)
        .otherwise(matchup)
    )
    found = bring(tmp_path, (teams, players))
    marked = {"0022400147", "0022401229", "0022401230", "0022400621", "0022400633"}
    assert neutral(tmp_path) == marked | {one, other}
    assert found.seasons[0].neutral_games == 7
    assert any("2 games name no single home team" in line for line in found.repairs)
    games = load_league(tmp_path / "league").team_games.filter(pl.col("game_id") == "0022400621")
    names = dict(load_league(tmp_path / "league").teams.select("team_id", "abbreviation").iter_rows())
    assert [names[team] for team in games.filter("home")["team_id"]] == ["IND"], "SAS @ IND: Indiana, by name only"


@row("one text for all")
def test_a_file_that_writes_one_text_for_both_rows_marks_nothing(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    visitor = pl.col("MATCHUP").filter(pl.col("MATCHUP").str.contains("@")).first().over("GAME_ID")
    found = bring(tmp_path, (logs[0].with_columns(MATCHUP=visitor), logs[1]))
    assert found.fingerprint == right.fingerprint
    assert any("MATCHUP is the same in both rows of most games of 2023-24" in line for line in found.repairs)


@pytest.fixture(scope="module")
def ten_seasons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ten") / "league"
    import_logs(DATA / "team_logs.parquet", DATA / "player_logs.parquet", folder)
    return folder


@row("neutral by list")
def test_neutral_games_that_the_logs_do_not_mark(ten_seasons: Path) -> None:
    games = load_league(ten_seasons).team_games.filter("neutral", "home")
    counts = dict(games.group_by("season").len().sort("season").iter_rows())
    assert counts == {
        "2015-16": 2,
        "2016-17": 3,
        "2017-18": 3,
        "2018-19": 3,
        "2019-20": 174,
        "2022-23": 2,
        "2023-24": 4,
        "2024-25": 5,
    }
    orlando = games.filter(pl.col("date").is_between(pl.date(2020, 7, 30), pl.date(2020, 10, 11)))
    assert orlando.height == 171
    # Paris, January 2020: Charlotte was at home by name.
    assert games.filter(pl.col("date") == pl.date(2020, 1, 24)).height == 1


@row("fewer games")
def test_seasons_with_fewer_games_are_whole(ten_seasons: Path) -> None:
    manifest = read_manifest(ten_seasons)
    games = {season.season: (season.fewest_games, season.most_games) for season in manifest.seasons}
    assert games["2019-20"] == (64, 75)
    assert games["2020-21"] == (72, 72)
    wanted = Evaluation(validation=("2019-20",), holdout=("2020-21",))
    assert usable_split(wanted, manifest, set(Target)).validation == ("2019-20",)


MINUTES = {
    "fraction": (pl.col("MIN").cast(pl.Float64) + 0.2).cast(pl.String),
    "clock": pl.col("MIN").cast(pl.String) + ":12",
    "new clock": pl.col("MIN").cast(pl.String) + ".000000:12",
    "duration": pl.format("PT{}M12.00S", pl.col("MIN").cast(pl.String).str.zfill(2)),
}


@pytest.mark.parametrize("form", MINUTES)
@row("minutes")
@row("no minutes")
def test_minutes(form: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    found = bring(tmp_path, (logs[0], logs[1].with_columns(MIN=MINUTES[form])))
    assert found.seasons == right.seasons
    assert found.seasons[0].rows_without_minutes == 1455
    minutes = load_league(tmp_path / "league").player_games["minutes"].drop_nulls().cast(pl.Float64)
    assert minutes.sum() == pytest.approx(
        logs[1]["MIN"].drop_nulls().cast(pl.Float64).sum() + 0.2 * minutes.len(), rel=1e-6
    )


@row("column names")
def test_the_columns_of_teamgamelogs_and_boxscores(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    """TeamGameLogs has SEASON_YEAR, ranks and no SEASON_ID; BoxScoreTraditionalV2 has TO and no date."""
    ranks = logs[0].with_columns(
        SEASON_YEAR=pl.lit(SEASON), GP_RANK=pl.lit(1), GAME_DATE=DATE + "T00:00:00", MIN=pl.lit(48.0)
    )
    teams = ranks.drop("SEASON_ID", "TEAM_ABBREVIATION", "PLUS_MINUS")
    players = logs[1].drop("SEASON_ID", "GAME_DATE", "MATCHUP", "WL").rename({"TOV": "TO"})
    found = bring(tmp_path, (teams, players))
    assert found.fingerprint == right.fingerprint


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


def emptied(rows: pl.DataFrame, count: int, *columns: str) -> pl.DataFrame:
    """Some cells emptied, spread over the season."""
    hit = (ROW % (rows.height // count) == 0) & (rows.height // count * count > ROW)
    return rows.with_columns(pl.when(~hit).then(c).alias(c) for c in columns)


@row("a few empty cells")
def test_a_few_empty_cells_follow_from_the_rest(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    """As one file of a whole real season had them."""
    players = emptied(emptied(logs[1], 7, "OREB", "DREB"), 9, "PF")
    found = bring(tmp_path, (logs[0], players))
    assert found.fingerprint == right.fingerprint
    assert "player rows: PF is empty in 9 rows: filled from the others in 9 rows" in found.repairs
    found = bring(tmp_path, (logs[0], emptied(players, 81, "PLUS_MINUS")))
    assert "player rows: 81 have no PLUS_MINUS; it is taken as 0" in found.repairs


@row("a few empty cells")
def test_other_empty_cells_follow_as_well(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    teams, players = logs
    for column in ("FGM", "PTS", "STL", "FG3A"):
        teams = emptied(teams, 5 + len(column), column)
    teams = emptied(teams, 3, "MATCHUP", "GAME_DATE")
    players = emptied(emptied(players, 50, "FTM"), 11, "PLAYER_NAME", "GAME_DATE")
    found = bring(tmp_path, (teams, players))
    assert found.fingerprint == right.fingerprint
    assert any("team rows: STL is empty in 8 rows: filled from the others in 8 rows" in line for line in found.repairs)


@row("empty for good")
def test_cells_that_nothing_tells_are_nothing_or_an_error(logs: Logs, tmp_path: Path) -> None:
    in_game = FIRST_40 & (ROW % 3 > 0)
    few = logs[1].with_columns(BLK=pl.when(~in_game).then("BLK"))
    found = bring(tmp_path, (logs[0], few))
    (line,) = [line for line in found.repairs if "BLK" in line]
    assert "counted as nothing in" in line
    with pytest.raises(DataError, match=r"column BLK is empty in \d+ of 28069 rows of 2023-24, first in game"):
        bring(tmp_path, (logs[0], logs[1].with_columns(BLK=pl.when(ROW % 10 < 8).then("BLK"))))


@row("wrong sums")
def test_limits_count_per_season(tmp_path: Path) -> None:
    """An eighth of one season's rows is less than a twentieth of three seasons'."""
    teams, players = read("2021-22", "2022-23", "2023-24")
    wrong = pl.when((pl.col("season") == SEASON) & (ROW % 8 == 0)).then(pl.col("REB") + 3).otherwise("REB")
    with pytest.raises(DataError, match=r"player rows: REB is not OREB \+ DREB in \d+ of 28069 rows of 2023-24"):
        bring(tmp_path, (teams, players.with_columns(REB=wrong)))
    few = pl.when(ROW % 100 == 0).then(pl.col("REB") + 3).otherwise("REB")
    found = bring(tmp_path, (teams, players.with_columns(REB=few)))
    assert any(line.startswith("player rows: REB set to OREB + DREB in") for line in found.repairs)


@row("did not play")
def test_players_who_did_not_play(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    box = [c for c in logs[1].columns if c in ("MIN", "PLUS_MINUS") or logs[1][c].dtype == pl.Int16]
    absent = logs[1].filter(FIRST_40)[:30].with_columns(pl.lit(None, pl.Int16).alias(c) for c in box)
    absent = absent.with_columns(PLAYER_ID=pl.col("PLAYER_ID") + 10_000_000)
    found = bring(tmp_path, (logs[0], pl.concat([logs[1], absent])))
    assert found.fingerprint == right.fingerprint
    assert "player rows: 30 rows without any statistic (did not play) dropped" in found.repairs


@row("lost players")
def test_players_under_the_team_that_they_went_to(tmp_path: Path) -> None:
    """TEAM_ID of all rows of a player is that of his last one: as a join with today's rosters leaves it."""
    teams, players = read("2021-22", "2022-23", SEASON)
    last = pl.col("TEAM_ID").sort_by("GAME_DATE").last().over("season", "PLAYER_ID")
    moved = players.with_columns(TEAM_ID=pl.when(pl.col("season") == SEASON).then(last).otherwise("TEAM_ID"))
    with pytest.raises(
        DataError, match=r"1969 of 28069 rows of 2023-24 belong to no team row, .* Is TEAM_ID the team of"
    ):
        bring(tmp_path, (teams, moved))
    some = pl.when((pl.col("season") == SEASON) & (pl.col("PLAYER_ID") % 3 == 0)).then(last).otherwise("TEAM_ID")
    found = bring(tmp_path, (teams, players.with_columns(TEAM_ID=some)))
    lost = [season.player_rows_lost for season in found.seasons]
    assert lost[:2] == [0, 0]
    assert 300 < lost[2] < 1300


def refusal(folder: Path, logs: Logs, evaluation: Evaluation = Evaluation(), target: Target = Target.FINAL_RANK) -> str:
    manifest = bring(folder, logs)
    with pytest.raises(ConfigError) as error:
        usable_split(evaluation, manifest, {target})
    return str(error.value)


FIVE = ("2019-20", "2020-21", "2021-22", "2022-23", SEASON)


@pytest.fixture(scope="module")
def five() -> Logs:
    return read(*FIVE)


UNFINISHED = {
    "in the regular season": ("2024-01-15", "no playoffs, the last game on 2024-01-15"),
    "in the playoffs": ("2024-05-12", "57 playoff games, the last game on 2024-05-12"),
    "in the final": ("2024-06-14", "81 playoff games, the last game on 2024-06-14"),
    "before the playoffs": ("2024-04-19", "no playoffs, the last game on 2024-04-14"),
}


@pytest.mark.parametrize("when", UNFINISHED)
@row("not over")
def test_a_season_that_is_not_over(when: str, five: Logs, tmp_path: Path) -> None:
    last, said = UNFINISHED[when]
    cut = both(lambda t: t.filter(last >= DATE), five)
    message = refusal(tmp_path, cut)
    assert f"evaluation.holdout: the season 2023-24 is not over: it has no champion ({said})" in message
    assert '--set "evaluation.holdout=[2022-23]"' in message
    manifest = read_manifest(tmp_path / "league")
    assert usable_split(Evaluation(validation=1, holdout=("2022-23",)), manifest, set(Target)).holdout == ("2022-23",)
    with pytest.raises(ConfigError, match=r'evaluation.validation: .* or use others: --set "evaluation.validation=\['):
        usable_split(Evaluation(validation=(SEASON,), holdout=("2022-23",)), manifest, set(Target))


def test_the_first_playoff_game_makes_no_champion(logs: Logs, tmp_path: Path) -> None:
    first = logs[0].filter(~REGULAR)["GAME_ID"].sort()[0]
    found = bring(tmp_path, both(lambda t: t.filter(REGULAR | (first == ID)), logs))
    assert found.seasons[0].champion is None
    assert any("the playoffs are not over (1 games" in line for line in found.repairs)


@pytest.mark.parametrize(
    ("kept", "said"), [(ROW % 20 == 0, "regular-season games a team"), (ROW % 3 > 0, "too unequal")]
)
@row("thin")
def test_a_thin_season(kept: pl.Expr, said: str, five: Logs, tmp_path: Path) -> None:
    """Every twentieth game of 2022-23, or two of three; the playoffs are whole."""
    games = five[0].filter(pl.col("season") == "2022-23", REGULAR)["GAME_ID"].unique().sort().to_frame()
    left = games.filter(kept)["GAME_ID"].to_list()
    thin = both(lambda t: t.filter((pl.col("season") != "2022-23") | ~REGULAR | ID.is_in(left)), five)
    message = refusal(tmp_path, thin, Evaluation(validation=1))
    assert message.startswith("evaluation.validation: the season 2022-23 is not whole: ")
    assert said in message
    assert '--set "evaluation.validation=[2021-22]"' in message
    manifest = read_manifest(tmp_path / "league")
    with pytest.raises(
        ConfigError, match=r"season 2022-23 is not whole.*it would be trained on.* take it out of the logs"
    ):
        usable_split(Evaluation(validation=(SEASON,), holdout=("2019-20",)), manifest, {Target.FINAL_RANK})


@row("no player rows")
def test_a_season_without_player_rows(five: Logs, tmp_path: Path) -> None:
    games = five[0].filter(pl.col("season") == SEASON, REGULAR)["GAME_ID"].unique().sort()[:500].to_list()
    message = refusal(tmp_path, (five[0], five[1].filter(~ID.is_in(games))))
    assert "the season 2023-24 is not whole: 500 of 1312 games have no player rows" in message


@row("only begun")
def test_seasons_before_one_that_has_only_begun_have_their_lists(tmp_path: Path) -> None:
    whole = read("2022-23", SEASON)
    for last in ("2023-10-24", "2023-11-05"):
        bring(tmp_path, both(lambda t, last=last: t.filter(last >= DATE), whole))
        batches = build_batches(load_league(tmp_path / "league"), [10], 15, 21)
        assert batches.seasons == ("2022-23",)
    bring(tmp_path, both(lambda t: t.filter(DATE <= "2023-12-05"), whole))
    assert build_batches(load_league(tmp_path / "league"), [10], 15, 21).seasons == ("2022-23", SEASON)


@row("every day")
def test_an_import_every_day(logs: Logs, tmp_path: Path) -> None:
    said: list[str] = []
    until = lambda day: both(lambda t: t.filter(day >= DATE), logs)  # noqa: E731
    first = bring(tmp_path, until("2024-01-15"), said)
    assert said == []
    tables = {path: path.stat().st_mtime_ns for path in (tmp_path / "league").iterdir()}
    assert bring(tmp_path, until("2024-01-15"), said).fingerprint == first.fingerprint
    assert said.pop() == (
        f"Nothing new: the data are those of the last import ({first.fingerprint[:12]}), and sweeps go on with them."
    )
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "league").iterdir()} == tables

    teams, players = until("2024-01-17")
    corrected = pl.when(ROW == 5).then(pl.col("STL") + 1).otherwise("STL")
    second = bring(tmp_path, (teams, players.with_columns(STL=corrected)), said)
    lines = said.pop().splitlines()
    assert re.fullmatch(r"  2023-24: \d+ games new \(2024-01-16 to 2024-01-17\), 1 changed", lines[1])
    assert f"another fingerprint now ({second.fingerprint[:12]}, before {first.fingerprint[:12]})" in lines[2]
    bring(tmp_path, until("2024-01-16"), said)
    assert re.fullmatch(r"  2023-24: 1 changed, \d+ gone", said.pop().splitlines()[1])


def test_every_row_of_the_table_is_tested() -> None:
    rows = [line.split("|")[1].strip() for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    names = {name for name in rows if name not in ("row", "---")}
    assert names == tested | set(OTHER_GAMES) | {name for name, _, _ in SAME_LEAGUE.values()}
    assert len(names) == len([name for name in rows if name not in ("row", "---")])
