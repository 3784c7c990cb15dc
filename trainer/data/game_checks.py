"""Checks on typed game logs: what can be repaired is repaired and said, what cannot is a DataError.

Surprising: points are trusted before W/L, and shots made before points, because each is the sum of the one before it.
Every check answers for the whole table, so a file with one kind of fault gives one line, not thousands.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.empty_cells import fill_player_cells, fill_team_cells
from truestrength.trainer.data.game_kinds import set_aside
from truestrength.trainer.data.league import BOX
from truestrength.trainer.data.limits import too_many
from truestrength.trainer.data.neutral_games import home_and_neutral
from truestrength.trainer.data.season_dates import check_dates

MINUTES_OF_A_GAME = 235.0
"""Of a team's players together: 5 times 48, less what whole minutes lose by rounding."""


class PlayerRows(NamedTuple):
    """What is left of a player log."""

    rows: pl.DataFrame
    """The columns of `league.PLAYER_GAMES`, sorted by date, game_id, team_id and player_id."""
    lost: dict[str, int]
    """Rows of each season that were dropped because no team row is theirs; a season without any is not in it."""


def check_team_rows(rows: pl.DataFrame, player_rows: pl.DataFrame, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Reduce team rows to two a game, regular season and playoffs, that agree with each other.

    Args:
        rows: as `log_files.read_team_logs` gives them.
        player_rows: as `log_files.read_player_logs` gives them, for what team rows lack.
        repairs: gets a line for everything that was repaired or left out.
        nba: the league is the NBA.

    Returns:
        The columns of `league.TEAM_GAMES`, sorted by date, game_id and team_id.

    Raises:
        DataError: naming the game and what is wrong with it.
    """
    rows = set_aside(rows, "team", repairs, nba=nba)
    rows = _unique(rows, ("game_id", "team_id"), "team", repairs)
    rows = _under_one_id(rows, rows["game_id"], "team", repairs)
    rows = _with_result(rows, player_rows, repairs)
    if rows.is_empty():
        raise DataError(f"team rows: no finished regular-season or playoff game is left ({'; '.join(repairs)})")
    rows = fill_team_cells(rows, player_rows, repairs)
    _two_rows_a_game(rows)
    rows, repaired_points = _sums(rows, "team", repairs)
    rows = _opponents(rows.sort("date", "game_id", "team_id"))
    _one_date_a_game(rows)
    check_dates(rows, nba=nba)
    rows = _result_from_points(rows, repaired_points, repairs)
    rows = _plus_minus(rows, repairs)
    rows = home_and_neutral(rows, repairs, nba=nba)
    _one_game_a_day(rows)
    return rows


def check_player_rows(rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str], *, nba: bool) -> PlayerRows:
    """Reduce player rows to those of the games in `team_games`; dates and seasons are taken from there.

    Args:
        rows: as `log_files.read_player_logs` gives them.
        team_games: checked team rows.
        repairs: gets a line for everything that was repaired or left out.
        nba: the league is the NBA.

    Raises:
        DataError: naming the game and what is wrong with it.
    """
    rows = set_aside(rows, "player", repairs, nba=nba)
    rows = _played(rows, repairs)
    if rows.is_empty():
        raise DataError(f"player rows: none of a regular-season or playoff game is left ({'; '.join(repairs)})")
    rows = _unique(rows, ("game_id", "player_id"), "player", repairs)
    dates = team_games.select("game_id", game_date="date").unique()
    rows = rows.join(dates, on="game_id", how="left", maintain_order="left")
    rows = rows.with_columns(date=pl.coalesce("date", "game_date")).drop("game_date")
    rows = _under_one_id(rows, team_games["game_id"], "player", repairs)
    rows, lost = _of_known_games(rows, team_games, repairs)
    rows = fill_player_cells(rows, team_games, repairs)
    rows, _ = _sums(rows, "player", repairs)
    missing = rows["minutes"].null_count()
    if missing:
        repairs.append(f"player rows: {missing} have no minutes; they are kept without")
    _say_incomplete_games(rows, team_games, repairs)
    return PlayerRows(rows.sort("date", "game_id", "team_id", "player_id"), lost)


def _unique(rows: pl.DataFrame, key: tuple[str, ...], kind: str, repairs: list[str]) -> pl.DataFrame:
    """Drop rows that are the same in all columns; rows of the same key that differ are an error."""
    before = rows.height
    rows = rows.unique(maintain_order=True)
    if rows.height < before:
        repairs.append(f"{kind} rows: {before - rows.height} duplicate rows dropped")
    twice = rows.filter(pl.struct(key).is_duplicated()).sort(key)
    if twice.height:
        raise DataError(
            f"{kind} rows: game {twice['game_id'][0]}, {key[1]} {twice[key[1]][0]}: two rows that differ "
            f"({_difference(twice)}); {twice.height} such rows. Keep one of each"
        )
    return rows


def _under_one_id(rows: pl.DataFrame, known: pl.Series, kind: str, repairs: list[str]) -> pl.DataFrame:
    """Drop rows that differ by their game id alone, those of `known` games last."""
    before = rows.height
    rows = rows.sort(~pl.col("game_id").is_in(known.implode()), "game_id")
    own = ("game_id", "season", "season_type")  # the last two are told by the first
    subset = [c for c in rows.columns if c not in own]
    undated = pl.when(pl.col("date").is_null()).then("game_id")  # two games may well have one box score
    rows = rows.with_columns(undated=undated)
    rows = rows.unique(subset=[*subset, "undated"], keep="first", maintain_order=True).drop("undated")
    if rows.height < before:
        repairs.append(f"{kind} rows: {before - rows.height} rows dropped that repeat a game under another game id")
    return rows


def _difference(rows: pl.DataFrame) -> str:
    first, second = rows.row(0, named=True), rows.row(1, named=True)
    column = next(c for c in rows.columns if first[c] != second[c])
    return f"{column} {first[column]} and {second[column]}"


def _with_result(rows: pl.DataFrame, player_rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Leave out games that are under way: their WL is empty in both rows, and nothing shows that they are over.

    A game is over when one team has more points, both have played the minutes of a game, and the file goes on after
    its day; its winner is then told by the points (`_result_from_points`).
    """
    minutes = player_rows.group_by("game_id", "team_id").agg(played=pl.col("minutes").sum())
    asked = rows.filter(pl.col("won").is_null().all().over("game_id"))
    asked = asked.join(minutes, on=["game_id", "team_id"], how="left")
    is_over = (
        (pl.col("pts").n_unique() == 2)
        & (pl.col("played").fill_null(0.0).min() >= MINUTES_OF_A_GAME)
        & (pl.col("date").max() < pl.lit(rows["date"].max(), pl.Date))
    )
    over = asked.filter(is_over.over("game_id"))
    unfinished = asked.join(over, on="game_id", how="anti")
    if over.height:
        repairs.append(f"team rows: {over['game_id'].n_unique()} games without a result (WL is empty) are over")
    if unfinished.height:
        repairs.append(
            f"team rows: {unfinished['game_id'].n_unique()} games without a result (WL is empty) left out as under way"
        )
    return rows.join(unfinished, on="game_id", how="anti")


def _two_rows_a_game(rows: pl.DataFrame) -> None:
    counts = rows.group_by("game_id").agg(pl.len(), pl.col("abbreviation")).filter(pl.col("len") != 2).sort("game_id")
    if counts.height:
        game, count, teams = counts.row(0)
        raise DataError(
            f"team rows: game {game} has {count} ({', '.join(sorted(teams))}), expected 2; {counts.height} such games. "
            "Add the missing rows, or take these games out"
        )


def _sums(rows: pl.DataFrame, kind: str, repairs: list[str]) -> tuple[pl.DataFrame, pl.Series]:
    """Make REB and PTS the sums of their parts. Also returns the games whose points were repaired."""
    rebounds = pl.col("oreb") + pl.col("dreb")
    points = 2 * pl.col("fgm") + pl.col("fg3m") + pl.col("ftm")
    _few_wrong(rows, rows.filter(pl.col("reb") != rebounds), f"{kind} rows: REB", "OREB + DREB", repairs)
    wrong = rows.filter(pl.col("pts") != points)
    _few_wrong(rows, wrong, f"{kind} rows: PTS", "2 FGM + FG3M + FTM", repairs)
    return rows.with_columns(reb=rebounds, pts=points), wrong["game_id"]


def _few_wrong(rows: pl.DataFrame, wrong: pl.DataFrame, label: str, formula: str, repairs: list[str]) -> None:
    """Say in how many rows a column is not the sum of its parts; too many are an error."""
    if over := too_many(rows, wrong):
        first = wrong.filter(pl.col("season") == over.season).row(0, named=True)
        raise DataError(
            f"{label} is not {formula} in {over}, first in game {first['game_id']}, team {first['team_id']}: is one of "
            "these columns something else?"
        )
    if wrong.height:
        repairs.append(f"{label} set to {formula} in {wrong.height} rows")


def _opponents(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the other row of the game beside each row; rows are sorted, so a game's two are neighbours."""

    def other(column: str) -> pl.Expr:
        return pl.col(column).reverse().over("game_id")

    return rows.with_columns(
        opponent_id=other("team_id"), opponent_pts=other("pts"), opponent_won=other("won"), other_date=other("date")
    )


def _one_date_a_game(rows: pl.DataFrame) -> None:
    bad = rows.filter(pl.col("date") != pl.col("other_date"))
    if bad.height:
        raise DataError(f"team rows: game {bad['game_id'][0]} has two dates: {bad['date'][0]} and {bad['date'][1]}")


def _result_from_points(rows: pl.DataFrame, repaired_points: pl.Series, repairs: list[str]) -> pl.DataFrame:
    ties = rows.filter(pl.col("pts") == pl.col("opponent_pts"))
    if ties.height:
        raise DataError(f"team rows: game {ties['game_id'][0]} ends {ties['pts'][0]} to {ties['pts'][0]}: no winner")
    won = pl.col("pts") > pl.col("opponent_pts")
    wrong = rows.filter(pl.col("won").is_null() | (pl.col("won") != won))
    unclear = wrong.filter(pl.col("game_id").is_in(repaired_points.implode()))
    if unclear.height:
        raise DataError(
            f"team rows: game {unclear['game_id'][0]}, team {unclear['team_id'][0]}: WL does not agree with PTS, and "
            "PTS is not 2 FGM + FG3M + FTM either: correct the row"
        )
    if wrong.height:
        repairs.append(f"team rows: WL set by points in {wrong.height} rows, first in game {wrong['game_id'][0]}")
    return rows.with_columns(won=won)


def _plus_minus(rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    difference = pl.col("pts") - pl.col("opponent_pts")
    wrong = rows.filter(pl.col("plus_minus").is_null() | (pl.col("plus_minus") != difference)).height
    if wrong:
        repairs.append(f"team rows: PLUS_MINUS set to the difference in points in {wrong} rows")
    return rows.with_columns(plus_minus=difference)


def _one_game_a_day(rows: pl.DataFrame) -> None:
    bad = rows.filter(pl.struct("date", "team_id").is_duplicated())
    if bad.height:
        one = bad.filter((pl.col("date") == bad["date"][0]) & (pl.col("team_id") == bad["team_id"][0]))
        raise DataError(
            f"team rows: {one['abbreviation'][0]} plays two games on {one['date'][0]}: {' and '.join(one['game_id'])}"
        )


def _played(rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    blank = pl.all_horizontal(pl.col(column).is_null() for column in BOX)
    dropped = rows.filter(blank).height
    if dropped:
        repairs.append(f"player rows: {dropped} rows without any statistic (did not play) dropped")
    return rows.filter(~blank)


def _of_known_games(
    rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that have a team row, and how many of each season have none."""
    known = team_games.select("game_id", "team_id", "season", "season_type", "date")
    others = rows.join(known, on=["game_id", "team_id"], how="anti", maintain_order="left")
    if over := too_many(rows, others):
        first = others.filter(pl.col("season") == over.season).row(0, named=True)
        raise DataError(
            f"player rows: {over} belong to no team row, first game {first['game_id']}, team {first['team_id']}, "
            f"player {first['player_id']}: do both files hold the same seasons? Is TEAM_ID the team of that game?"
        )
    if others.height:
        repairs.append(
            f"player rows: {others.height} rows without a team row dropped, first in game {others['game_id'][0]}"
        )
    joined = rows.drop("season", "season_type").join(
        known, on=["game_id", "team_id"], suffix="_game", maintain_order="left"
    )
    other = joined.filter(pl.col("date") != pl.col("date_game")).height
    if other:
        repairs.append(f"player rows: GAME_DATE taken from the team rows in {other} rows")
    lost = dict(others.group_by("season").len().sort("season").iter_rows())
    return joined.with_columns(date="date_game").drop("date_game"), lost


def _say_incomplete_games(rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str]) -> None:
    sums = rows.group_by("game_id", "team_id").agg(pl.col("pts").sum().alias("player_pts"))
    both = team_games.join(sums, on=["game_id", "team_id"], how="left")
    without = both.filter(pl.col("player_pts").is_null())
    if without.height:
        games = without["game_id"].n_unique()
        repairs.append(f"player rows: {games} games ({without.height} team rows) have none; the team rows are kept")
    unequal = both.filter(pl.col("player_pts") != pl.col("pts")).height
    if unequal:
        repairs.append(f"player rows: points do not add up to the team's in {unequal} team rows; both are kept")
