"""What stands in the cells, and what an empty one is filled with."""

from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    DATE,
    FIRST_40,
    ROW,
    SEASON,
    Logs,
    bring,
    read,
    row,
)
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest, load_league

MINUTES = {
    "fraction": (pl.col("MIN").cast(pl.Float64) + 0.2).cast(pl.String),
    "comma": (pl.col("MIN").cast(pl.Float64) + 0.2).cast(pl.String).str.replace(".", ",", literal=True),
    "clock": pl.col("MIN").cast(pl.String) + ":12",
    "new clock": pl.col("MIN").cast(pl.String) + ".000000:12",
    "duration with hours": pl.format("PT0H{}M12S", pl.col("MIN").cast(pl.String)),
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


@row("minutes")
def test_whole_minutes_as_a_duration(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    """As the league's live box scores write them."""
    found = bring(tmp_path, (logs[0], logs[1].with_columns(MIN=pl.format("PT{}M", pl.col("MIN").cast(pl.String)))))
    assert found.fingerprint == right.fingerprint


NOT_TO_BE_READ = {
    "a large id": ("TEAM_ID", "9" * 30, "is too large for an id or a count"),
    "a large count": ("FGM", "1e300", "is too large for an id or a count"),
    "an infinite count": ("FGM", "inf", "is not a whole number"),
    "a long clock": ("MIN", "99999999999:10", "is not a number"),
}


@pytest.mark.parametrize("what", NOT_TO_BE_READ)
def test_numbers_that_are_none(what: str, logs: Logs, tmp_path: Path) -> None:
    column, value, said = NOT_TO_BE_READ[what]
    with pytest.raises(DataError, match=f"column {column}, row 1: '{value}' {said}"):
        bring(tmp_path, (logs[0], logs[1].with_columns(pl.lit(value).alias(column))))


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
    teams = teams.with_columns(
        GAME_DATE=pl.when(~FIRST_40).then("GAME_DATE"), TEAM_ABBREVIATION=pl.lit(None, pl.String)
    )
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


@pytest.mark.parametrize("word", ["NULL", "None", "NaN", "NA", "N/A"])
@row("words for empty")
def test_words_for_an_empty_cell(word: str, logs: Logs, tmp_path: Path) -> None:
    """Cells of numbers, of text and of dates; the league is the one with the cells empty."""
    players = emptied(emptied(logs[1], 9, "PF"), 5, "PLAYER_NAME", "GAME_DATE", "PLUS_MINUS")
    empty = bring(tmp_path, (logs[0], players))
    paths = [tmp_path / "team_logs.csv", tmp_path / "player_logs.csv"]
    for path, table in zip(paths, (logs[0], players), strict=True):
        table.write_csv(path, null_value=word)
    assert import_logs(*paths, tmp_path / "other").fingerprint == empty.fingerprint
