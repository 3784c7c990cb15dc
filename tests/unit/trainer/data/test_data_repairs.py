"""What the importer repairs or sets aside: a repaired league has the fingerprint of the right one."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import BOX, Manifest, load_league

Change = Callable[[pl.DataFrame], pl.DataFrame]
Logs = tuple[pl.DataFrame, pl.DataFrame]
ImportLogs = Callable[..., Manifest]

SAME: Change = pl.DataFrame.clone
ROW = pl.int_range(pl.len())
DATE = pl.col("GAME_DATE")
UPPER_DATE = DATE.str.to_uppercase()
OTHER_RESULT = pl.col("WL").replace({"W": "L", "L": "W"})


def where(condition: pl.Expr, **values: pl.Expr) -> Change:
    """Give columns other values in some rows."""
    return lambda t: t.with_columns(pl.when(condition).then(v).otherwise(c).alias(c) for c, v in values.items())


def each(**values: pl.Expr) -> Change:
    return lambda t: t.with_columns(**values)


def repeated(condition: pl.Expr, **values: pl.Expr) -> Change:
    """Add some rows once more, with other values."""
    return lambda t: pl.concat([t, t.filter(condition).with_columns(**values)], how="vertical_relaxed")


def dates_as(form: str) -> Change:
    return each(GAME_DATE=DATE.str.to_date().dt.strftime(form))


def named_seasons(table: pl.DataFrame) -> pl.DataFrame:
    names = {"22020": "Regular Season", "42020": "Playoffs"}
    return table.with_columns(season=pl.lit("2020-21"), season_type=pl.col("SEASON_ID").replace(names)).drop(
        "SEASON_ID"
    )


FIRST_GAME = pl.col("GAME_ID") == "0022000000"
NO_STATISTICS = {name.upper(): pl.lit(None, pl.Int64) for name in (*BOX, "plus_minus", "min")}
ANOTHER_DAY = {"GAME_DATE": pl.lit("2021-01-30")}
PLAY_IN = {"SEASON_ID": pl.lit("52020"), "GAME_ID": pl.lit("0052000101"), **ANOTHER_DAY}
PRESEASON = {"SEASON_ID": pl.lit("12020"), "GAME_ID": pl.lit("0012000101"), **ANOTHER_DAY}
UNDER_WAY = {"GAME_ID": pl.lit("0022000999"), "WL": pl.lit(None, pl.String), **ANOTHER_DAY}

# What is changed in the team rows, in the player rows, and what the importer says.
REPAIRED: dict[str, tuple[Change, Change, str | None]] = {
    "nothing": (SAME, SAME, None),
    "other order": (lambda t: t.reverse(), lambda t: t.sample(fraction=1, shuffle=True, seed=1), None),
    "W/L of a game": (where(ROW < 2, WL=OTHER_RESULT), SAME, "WL set by points in 2 rows, first in game 0022000000"),
    "W/L of one row": (where(ROW == 4, WL=pl.lit(None)), SAME, "WL set by points in 1 rows"),
    "lower-case W/L": (each(WL=pl.col("WL").str.to_lowercase()), SAME, None),
    "team PLUS_MINUS": (
        where(ROW == 7, PLUS_MINUS=pl.lit(99)),
        SAME,
        "PLUS_MINUS set to the difference in points in 1",
    ),
    "no PLUS_MINUS": (lambda t: t.drop("PLUS_MINUS"), SAME, "PLUS_MINUS set to the difference in points in 78 rows"),
    "team REB": (where(ROW == 7, REB=pl.lit(99)), SAME, "team rows: REB set to OREB + DREB in 1 rows"),
    "player REB": (SAME, where(ROW == 7, REB=pl.lit(99)), "player rows: REB set to OREB + DREB in 1 rows"),
    "player PTS": (SAME, where(ROW == 7, PTS=pl.lit(99)), "player rows: PTS set to 2 FGM + FG3M + FTM in 1 rows"),
    "duplicate team rows": (repeated(ROW < 4), SAME, "team rows: 4 duplicate rows dropped"),
    "duplicate player rows": (SAME, repeated(ROW < 4), "player rows: 4 duplicate rows dropped"),
    "a game under two ids": (
        repeated(FIRST_GAME, GAME_ID=pl.lit("0022099999")),
        repeated(FIRST_GAME, GAME_ID=pl.lit("0022099999")),
        "team rows: 2 rows dropped that repeat a game under another game id",
    ),
    "players under another id": (
        SAME,
        repeated(FIRST_GAME, GAME_ID=pl.lit("0021900000")),
        "player rows: 10 rows dropped that repeat a game under another game id",
    ),
    "whole-number game ids": (
        each(GAME_ID=pl.col("GAME_ID").cast(pl.Int64)),
        each(GAME_ID=pl.col("GAME_ID").cast(pl.Float64)),
        "team_logs.parquet: GAME_ID: leading zeros restored in 78 rows",
    ),
    "dates in words": (dates_as("%b %d, %Y"), SAME, "78 rows are not written YYYY-MM-DD, e.g. Nov 01, 2020"),
    "dates in capitals": (lambda t: dates_as("%b %d, %Y")(t).with_columns(UPPER_DATE), SAME, "e.g. NOV 01, 2020"),
    "American dates": (dates_as("%m/%d/%Y"), dates_as("%m/%d/%Y"), "e.g. 11/01/2020"),
    "timestamps": (dates_as("%Y-%m-%dT00:00:00"), SAME, "e.g. 2020-11-01T00:00:00"),
    "typed dates": (each(GAME_DATE=DATE.str.to_datetime()), each(GAME_DATE=DATE.str.to_date()), None),
    "seasons by name": (named_seasons, named_seasons, None),
    "season ids as numbers": (each(SEASON_ID=pl.col("SEASON_ID").cast(pl.Int64)), SAME, None),
    "floats": (each(PTS=pl.col("PTS").cast(pl.Float32)), each(REB=pl.col("REB").cast(pl.Float64)), None),
    "unknown season ids": (
        where(ROW < 3, SEASON_ID=pl.lit("92020")),
        SAME,
        "team_logs.parquet: SEASON_ID says nothing that is known in 3 rows ('92020'): what these games are is told by",
    ),
    "unknown seasons": (
        each(SEASON=pl.lit("Saison 20/21")),
        SAME,
        "SEASON says nothing that is known in 78 rows ('Saison 20/21')",
    ),
    "minutes with seconds": (SAME, each(MIN=pl.col("MIN").cast(pl.String) + ":00"), None),
    "play-in": (repeated(FIRST_GAME, **PLAY_IN), repeated(FIRST_GAME, **PLAY_IN), "2 of 1 play-in games set aside"),
    "preseason": (SAME, repeated(FIRST_GAME, **PRESEASON), "player rows: 10 of 1 preseason games set aside"),
    "no result for finished games": (
        where(ROW < 10, WL=pl.lit(None)),
        SAME,
        "5 games without a result (WL is empty) are over",
    ),
    "a game under way": (
        repeated(FIRST_GAME, **UNDER_WAY),
        SAME,
        "1 games without a result (WL is empty) left out as under way",
    ),
    "did not play": (
        SAME,
        repeated(ROW < 3, PLAYER_ID=pl.col("PLAYER_ID") + 500, **NO_STATISTICS),
        "player rows: 3 rows without any statistic (did not play) dropped",
    ),
    "players without a game": (
        SAME,
        repeated(ROW < 2, GAME_ID=pl.lit("0022077777"), PLAYER_ID=pl.col("PLAYER_ID") + 500),
        "player rows: 2 rows without a team row dropped, first in game 0022077777",
    ),
    "a player's date": (
        SAME,
        where(ROW == 0, GAME_DATE=pl.lit("2020-11-09")),
        "GAME_DATE taken from the team rows in 1",
    ),
    "one MATCHUP for both": (where(ROW == 1, MATCHUP=pl.lit("ATL vs. BOS")), SAME, None),
}


@pytest.fixture(scope="module")
def fingerprint(small_logs: Logs, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fingerprint of the league with nothing wrong."""
    folder = tmp_path_factory.mktemp("right")
    for table, name in zip(small_logs, ("teams", "players"), strict=True):
        table.write_parquet(folder / name)
    return import_logs(folder / "teams", folder / "players", folder / "league").fingerprint


@pytest.mark.parametrize("fault", REPAIRED)
def test_a_repaired_league_is_the_right_one(
    fault: str, small_logs: Logs, fingerprint: str, import_small: ImportLogs
) -> None:
    teams, players, said = REPAIRED[fault]
    manifest = import_small((teams(small_logs[0]), players(small_logs[1])))
    assert manifest.fingerprint == fingerprint
    if said is None:
        assert manifest.repairs == ()
    else:
        assert any(said in line for line in manifest.repairs), manifest.repairs


SEASON_GAMES = pl.col("SEASON_ID") == "22020"
SAID: dict[str, tuple[Change, Change, str]] = {
    "no minutes": (SAME, where(ROW == 3, MIN=pl.lit(None)), "player rows: 1 have no minutes; they are kept without"),
    "no playoffs": (
        lambda t: t.filter(SEASON_GAMES),
        lambda t: t.filter(SEASON_GAMES),
        "season 2020-21: no playoffs; it cannot serve the target playoff_outcome",
    ),
    "a game without players": (
        SAME,
        lambda t: t.filter(~FIRST_GAME),
        "player rows: 1 games (2 team rows) have none; the team rows are kept",
    ),
    "a missing player": (SAME, lambda t: t[1:], "points do not add up to the team's in 1 team rows"),
    "no player PLUS_MINUS": (SAME, where(ROW == 3, PLUS_MINUS=pl.lit(None)), "1 have no PLUS_MINUS; it is taken as 0"),
    "neutral court": (
        where(ROW == 1, MATCHUP=pl.lit("BOS vs. ATL")),
        SAME,
        "1 games name no single home team; they are kept as at a neutral site",
    ),
}


@pytest.mark.parametrize("gap", SAID)
def test_a_gap_is_kept_and_said(gap: str, small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
    teams, players, said = SAID[gap]
    manifest = import_small((teams(small_logs[0]), players(small_logs[1])))
    assert len(manifest.repairs) == 1
    assert said in manifest.repairs[0]
    homes = load_league(tmp_path / "league").team_games.group_by("game_id").agg(pl.col("home").sum())["home"]
    assert set(homes) == {1}


def test_missing_minutes_are_null(small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
    import_small((small_logs[0], where(ROW == 3, MIN=pl.lit(None))(small_logs[1])))
    minutes = load_league(tmp_path / "league").player_games["minutes"]
    assert minutes.null_count() == 1
    assert minutes.drop_nulls().to_list() == [48.0] * (len(minutes) - 1)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_csv_and_parquet_give_the_same_league(
    suffix: str, small_logs: Logs, fingerprint: str, import_small: ImportLogs
) -> None:
    manifest = import_small(small_logs, suffix)
    assert manifest.fingerprint == fingerprint
    assert manifest.repairs == ()
    assert manifest.source == f"team_logs.{suffix}, player_logs.{suffix}"


def test_the_two_rows_of_a_game_agree(small_logs: Logs, import_small: ImportLogs, tmp_path: Path) -> None:
    import_small(small_logs)
    games = load_league(tmp_path / "league").team_games
    other = games.select("game_id", pl.col("team_id").alias("opponent_id"), pl.col("pts").alias("other_pts"))
    paired = games.join(other, on=["game_id", "opponent_id"])
    assert paired.height == games.height == 78
    assert (paired["pts"] - paired["other_pts"] == paired["plus_minus"]).all()
    assert (paired["won"] == (paired["plus_minus"] > 0)).all()
