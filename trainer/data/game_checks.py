"""Checks on typed game logs: what can be repaired is repaired and said, what cannot is a DataError.

Surprising: points are trusted before W/L, and shots made before points, because each is the sum of the one before it.
Every check answers for the whole table, so a file with one kind of fault gives one line, not thousands.
"""

from __future__ import annotations

import polars as pl

from trainer.contract.errors import DataError
from trainer.data.league import BOX

KEPT = ("regular", "playoffs")
MOST_REPAIRED = 0.05
"""A larger share of wrong rows is not a slip but a column with another meaning, and an error."""


def check_team_rows(rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Reduce team rows to two a game, regular season and playoffs, that agree with each other.

    Args:
        rows: as `log_files.read_team_logs` gives them.
        repairs: gets a line for everything that was repaired or left out.

    Returns:
        The columns of `league.TEAM_GAMES`, sorted by date, game_id and team_id.

    Raises:
        DataError: naming the game and what is wrong with it.
    """
    rows = _set_aside(rows, "team", repairs)
    rows = _unique(rows, ("game_id", "team_id"), "team", repairs)
    rows = _under_one_id(rows, rows["game_id"], "team", repairs)
    rows = _with_result(rows, repairs)
    if rows.is_empty():
        raise DataError(f"team rows: no finished regular-season or playoff game is left ({'; '.join(repairs)})")
    _two_rows_a_game(rows)
    for column in BOX:
        _refuse_null(rows, column)
    rows, repaired_points = _sums(rows, "team", repairs)
    rows = _opponents(rows.sort("date", "game_id", "team_id"))
    _one_date_a_game(rows)
    rows = _result_from_points(rows, repaired_points, repairs)
    rows = _plus_minus(rows, repairs)
    rows = _home(rows, repairs)
    _one_game_a_day(rows)
    return rows


def check_player_rows(rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Reduce player rows to those of the games in `team_games`; dates and seasons are taken from there.

    Args:
        rows: as `log_files.read_player_logs` gives them.
        team_games: checked team rows.
        repairs: gets a line for everything that was repaired or left out.

    Returns:
        The columns of `league.PLAYER_GAMES`, sorted by date, game_id, team_id and player_id.

    Raises:
        DataError: naming the game and what is wrong with it.
    """
    rows = _set_aside(rows, "player", repairs)
    rows = _played(rows, repairs)
    if rows.is_empty():
        raise DataError(f"player rows: none of a regular-season or playoff game is left ({'; '.join(repairs)})")
    rows = _unique(rows, ("game_id", "player_id"), "player", repairs)
    rows = _under_one_id(rows, team_games["game_id"], "player", repairs)
    for column in BOX:
        _refuse_null(rows, column)
    rows = _of_known_games(rows, team_games, repairs)
    rows, _ = _sums(rows, "player", repairs)
    unknown = rows["plus_minus"].null_count()
    if unknown:
        repairs.append(f"player rows: {unknown} have no PLUS_MINUS; it is taken as 0")
    missing = rows["minutes"].null_count()
    if missing:
        repairs.append(f"player rows: {missing} have no minutes; they are kept without")
    rows = rows.with_columns(pl.col("plus_minus").fill_null(0))
    _say_incomplete_games(rows, team_games, repairs)
    return rows.sort("date", "game_id", "team_id", "player_id")


def _set_aside(rows: pl.DataFrame, kind: str, repairs: list[str]) -> pl.DataFrame:
    others = rows.filter(~pl.col("season_type").is_in(KEPT))
    for (name,), part in sorted(others.group_by("season_type")):
        repairs.append(f"{kind} rows: {part.height} of {part['game_id'].n_unique()} {name} games set aside")
    return rows.filter(pl.col("season_type").is_in(KEPT))


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
    rows = rows.unique(subset=[c for c in rows.columns if c != "game_id"], keep="first", maintain_order=True)
    if rows.height < before:
        repairs.append(f"{kind} rows: {before - rows.height} rows dropped that repeat a game under another game id")
    return rows


def _difference(rows: pl.DataFrame) -> str:
    first, second = rows.row(0, named=True), rows.row(1, named=True)
    column = next(c for c in rows.columns if first[c] != second[c])
    return f"{column} {first[column]} and {second[column]}"


def _with_result(rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Leave out games without any result: a game under way has an empty WL in both rows."""
    unfinished = rows.filter(pl.col("won").is_null().all().over("game_id"))
    if unfinished.height:
        repairs.append(f"team rows: {unfinished['game_id'].n_unique()} games without a result (WL is empty) left out")
    return rows.join(unfinished, on="game_id", how="anti")


def _two_rows_a_game(rows: pl.DataFrame) -> None:
    counts = rows.group_by("game_id").agg(pl.len(), pl.col("abbreviation")).filter(pl.col("len") != 2).sort("game_id")
    if counts.height:
        game, count, teams = counts.row(0)
        raise DataError(
            f"team rows: game {game} has {count} ({', '.join(sorted(teams))}), expected 2; {counts.height} such games. "
            "Add the missing rows, or take these games out"
        )


def _refuse_null(rows: pl.DataFrame, column: str) -> None:
    bad = rows.filter(pl.col(column).is_null())
    if bad.height:
        raise DataError(
            f"column {column.upper()} is empty in {bad.height} of {rows.height} rows, first in game "
            f"{bad['game_id'][0]}, team {bad['team_id'][0]}"
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
    if wrong.height > max(1, MOST_REPAIRED * rows.height):
        raise DataError(
            f"{label} is not {formula} in {wrong.height} of {rows.height} rows, first in game {wrong['game_id'][0]}, "
            f"team {wrong['team_id'][0]}: is one of these columns something else?"
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
    start = pl.col("season").str.slice(0, 4).cast(pl.Int32)
    bad = rows.filter(~(pl.col("date").dt.year() - start).is_in([0, 1]))
    if bad.height:
        raise DataError(
            f"team rows: game {bad['game_id'][0]} of season {bad['season'][0]} is dated {bad['date'][0]}; "
            f"{bad.height} such rows"
        )


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


def _home(rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """`home` from MATCHUP: "BOS vs. MIA" is at Boston, "BOS @ MIA" at Miami, whichever team's row it stands in."""
    sides = pl.col("matchup").str.extract_groups(r"^\s*(\S+)\s+(vs\.?|@)\s+(\S+)\s*$").struct
    rows = rows.with_columns(sign=sides.field("2"), second=sides.field("3"))
    bad = rows.filter(pl.col("sign").is_null())
    if bad.height:
        raise DataError(
            f"team rows: game {bad['game_id'][0]}: MATCHUP {bad['matchup'][0]!r} is not written like 'BOS vs. MIA' or "
            f"'BOS @ MIA'; {bad.height} such rows"
        )
    is_first = pl.col("second") != pl.col("abbreviation")
    rows = rows.with_columns(home=is_first == (pl.col("sign") != "@"))
    neutral = rows.filter(pl.col("home").sum().over("game_id") != 1)
    if neutral.height:
        games = neutral["game_id"].n_unique()
        repairs.append(f"team rows: {games} games name no single home team; the lower team id is taken as at home")
    lowest = pl.col("team_id") == pl.col("team_id").min().over("game_id")
    one_home = pl.col("home").sum().over("game_id") == 1
    return rows.with_columns(home=pl.when(one_home).then("home").otherwise(lowest))


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


def _of_known_games(rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    known = team_games.select("game_id", "team_id", "season", "season_type", "date")
    joined = rows.drop("season", "season_type").join(known, on=["game_id", "team_id"], how="left", suffix="_game")
    lost = joined.filter(pl.col("season").is_null())
    if lost.height > max(1, MOST_REPAIRED * rows.height):
        raise DataError(
            f"player rows: {lost.height} of {rows.height} belong to no team row, first game {lost['game_id'][0]}, team "
            f"{lost['team_id'][0]}: do both files hold the same seasons?"
        )
    if lost.height:
        repairs.append(
            f"player rows: {lost.height} rows without a team row dropped, first in game {lost['game_id'][0]}"
        )
    joined = joined.filter(pl.col("season").is_not_null())
    other = joined.filter(pl.col("date") != pl.col("date_game")).height
    if other:
        repairs.append(f"player rows: GAME_DATE taken from the team rows in {other} rows")
    return joined.with_columns(date="date_game")


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
