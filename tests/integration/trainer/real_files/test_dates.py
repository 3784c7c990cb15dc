"""When and where games are played."""

from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    DATE,
    DAY,
    FIRST_40,
    ID,
    Logs,
    both,
    bring,
    each,
    read,
    row,
)
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import Manifest, load_league


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
    "two digits": (each(GAME_DATE=DATE.str.slice(2)), "'23-10-24' is in no year that games are played in"),
    "no year": (each(GAME_DATE=DATE.str.replace("^....", "0000")), "is in no year that games are played in"),
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


def moved(start: int, days: int, logs: Logs) -> Logs:
    """The season as one that began in another year, on the same days of it until February."""
    year = f"{start % 100:02}"
    ids = ID.str.slice(0, 3) + year + ID.str.slice(5)
    return both(
        lambda t: t.drop("SEASON_ID").with_columns(
            GAME_ID=ids, GAME_DATE=(DAY - pl.duration(days=days)).cast(pl.String)
        ),
        logs,
    )


@row("neutral by list")
@row("neutral and not listed")
def test_neutral_games_of_years_that_no_file_here_has(logs: Logs, tmp_path: Path) -> None:
    """Minnesota on 12 November and New York on 15 January, as in 2014-15; in 2009-10 no game is listed."""
    bring(tmp_path, moved(2014, 3287, logs))
    games = load_league(tmp_path / "league").team_games.filter("neutral")
    assert set(games["date"].cast(pl.String)) == {"2014-11-12", "2015-01-15"}
    assert games.height == 4
    assert {1610612750, 1610612752} < set(games["team_id"])
    bring(tmp_path, moved(2009, 5113, logs))
    assert neutral(tmp_path) == set()
