"""Which games count, and how a file may say what they are."""

from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.real_files.logs import (
    DATE,
    DAY,
    FIRST_40,
    ID,
    REGULAR,
    SEASON,
    Change,
    Logs,
    again,
    both,
    bring,
    each,
    row,
)
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import Manifest


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
    "preseason": (row("preseason"), "001", "2023-10-1", "40 preseason games set aside"),
    "All-Star": (row("All-Star"), "003", "2024-02-1", "40 all-star games set aside"),
    "play-in": (row("play-in"), "005", "2024-04-1", "40 play-in games set aside"),
    "Cup final": (row("Cup final"), "006", "2023-12-0", "40 cup final games set aside"),
}


@pytest.mark.parametrize("kind", OTHER_GAMES)
def test_games_that_never_count(kind: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    _, prefix, date, said = OTHER_GAMES[kind]
    change = as_other_game(prefix, date)
    found = bring(tmp_path, (change(logs[0]), change(logs[1])))
    assert found.fingerprint == right.fingerprint
    assert sum(said in line for line in found.repairs) == 2
    assert sum("games are regular by SEASON_ID, but" in line for line in found.repairs) == 2


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
        row("contradiction"),
        each(**PLAYOFFS_BY_COLUMN),
        "40 games are playoffs by SEASON_ID, but regular",
    ),
    "year contradicts": (
        row("contradiction"),
        each(**YEAR_BY_COLUMN),
        "40 games are 2022-23 by SEASON_ID, but 2023-24 by",
    ),
    "named contradicts": (
        row("contradiction"),
        each(SEASON_TYPE=pl.when(FIRST_40).then(pl.lit("Pre Season")).otherwise(pl.lit("Regular Season"))),
        "40 games are preseason by SEASON_TYPE, but regular by their game id",
    ),
    "numbers": (row("ids without zeros"), each(GAME_ID=ID.cast(pl.Int64)), "leading zeros restored"),
    "fractions": (row("ids without zeros"), each(GAME_ID=ID.cast(pl.Float64)), "leading zeros restored"),
    "nothing": (row("no season column"), lambda t: t.drop("SEASON_ID"), None),
    "SEASON_YEAR": (
        row("season by name"),
        lambda t: t.drop("SEASON_ID").with_columns(SEASON_YEAR=pl.lit(SEASON)),
        None,
    ),
    "long name": (row("season by name"), lambda t: t.drop("SEASON_ID").with_columns(season=pl.lit("2023-2024")), None),
    "bare year": (row("season by name"), lambda t: t.drop("SEASON_ID").with_columns(Season=pl.lit("2024")), None),
    "unknown words": (
        row("unknown words"),
        each(SEASON_TYPE=pl.when(FIRST_40).then(pl.lit("Group Play")).otherwise(pl.lit("Regular Season"))),
        "SEASON_TYPE says nothing that is known in",
    ),
    "IST": (row("season types"), each(SEASON_TYPE=pl.when(FIRST_40).then(pl.lit("IST"))), None),
    "times": (row("dates"), each(GAME_DATE=DATE + "T00:00:00"), "are not written YYYY-MM-DD"),
    "names of months": (
        row("dates"),
        each(GAME_DATE=DAY.dt.strftime("%b %d, %Y").str.to_uppercase()),
        "e.g. OCT 24, 2023",
    ),
    "slashes": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%Y/%m/%d")), "e.g. 2023/10/24"),
    "points": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%Y.%m.%d")), "e.g. 2023.10.24"),
    "whole names of months": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%B %d, %Y")), "e.g. October 24, 2023"),
    "names of days": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%a, %b %d, %Y")), "e.g. Tue, Oct 24, 2023"),
    "day, month's name": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%d-%b-%Y")), "e.g. 24-Oct-2023"),
    "digits": (row("dates"), each(GAME_DATE=DAY.dt.strftime("%Y%m%d")), "e.g. 20231024"),
    "month first": (row("day and month"), each(GAME_DATE=DAY.dt.strftime("%m/%d/%Y")), "e.g. 10/24/2023"),
    "day first": (row("day and month"), each(GAME_DATE=DAY.dt.strftime("%d/%m/%Y")), "e.g. 24/10/2023"),
    "day first, points": (row("day and month"), each(GAME_DATE=DAY.dt.strftime("%-d.%-m.%Y")), "e.g. 24.10.2023"),
    "two forms": (
        row("day and month"),
        each(GAME_DATE=pl.when(REGULAR).then(DATE).otherwise(DAY.dt.strftime("%m/%d/%Y"))),
        None,
    ),
    "mixed case": (
        row("column names"),
        lambda t: t.rename({"TEAM_ID": "Team_ID", "GAME_ID": "Game_ID", "FGM": "fgm"}),
        None,
    ),
    "boxscores": (row("column names"), lambda t: t.rename({"TOV": "TO"}), None),
    "twice": (row("twice"), again(FIRST_40), "duplicate rows dropped"),
    "under two ids": (
        row("twice"),
        again(FIRST_40, GAME_ID=ID.str.replace("00223", "00229", literal=True)),
        "another game id",
    ),
}


@pytest.mark.parametrize("form", SAME_LEAGUE)
def test_forms_that_give_the_same_league(form: str, logs: Logs, right: Manifest, tmp_path: Path) -> None:
    _, change, said = SAME_LEAGUE[form]
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


@row("rounded ids")
def test_ids_that_a_spreadsheet_has_rounded(logs: Logs, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column GAME_ID, row 1: '2.23E\+07' is a rounded number: a spreadsheet has"):
        bring(tmp_path, both(each(GAME_ID=pl.lit("2.23E+07")), logs))


@row("under way")
def test_games_under_way(logs: Logs, tmp_path: Path) -> None:
    """Forty games of which only the team rows are there, and one of the file's last day."""
    teams = logs[0].with_columns(WL=pl.when(~FIRST_40 & (pl.col("GAME_DATE").max() > DATE)).then("WL"))
    found = bring(tmp_path, (teams, logs[1].filter(~FIRST_40)))
    (season,) = found.seasons
    assert (season.regular_games, season.playoff_games, season.champion) == (1190, 81, None)
    assert any("41 games without a result (WL is empty) left out as under way" in line for line in found.repairs)


@pytest.mark.parametrize("half", ["points", "minutes"])
@row("under way")
def test_a_game_that_stands_in_the_middle_is_under_way(half: str, logs: Logs, tmp_path: Path) -> None:
    """Some days later, as a game that was broken off: nobody is ahead, or the minutes are those of a half."""
    game = pl.lit("0022300061") == ID
    teams, players = logs
    teams = teams.with_columns(WL=pl.when(~game).then("WL"))
    if half == "points":
        best = {name: pl.when(game).then(pl.lit(40)).otherwise(name) for name in ("FGM", "FG3M", "FTM", "PTS")}
        teams = teams.with_columns(**{**best, "PTS": pl.when(game).then(pl.lit(160)).otherwise("PTS")})
    else:
        players = players.with_columns(MIN=pl.when(game).then(pl.col("MIN").cast(pl.Float64) / 2).otherwise("MIN"))
    found = bring(tmp_path, (teams, players))
    assert found.seasons[0].regular_games == 1229
    assert any("1 games without a result (WL is empty) left out as under way" in line for line in found.repairs)


@row("no result")
def test_games_that_are_over_have_their_winner_by_points(logs: Logs, right: Manifest, tmp_path: Path) -> None:
    found = bring(tmp_path, (logs[0].with_columns(WL=pl.when(~FIRST_40).then("WL")), logs[1]))
    assert found.fingerprint == right.fingerprint
    assert any("40 games without a result (WL is empty) are over" in line for line in found.repairs)
    assert any("WL set by points in 80 rows" in line for line in found.repairs)
