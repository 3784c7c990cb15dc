"""Fills a few empty cells: with what follows from the rest of the row or of the game, else with nothing, and says so.

Surprising: the order matters. What a row's own sums tell (REB - OREB) comes first, then what is left of the team's row
without the other players, or of the players without a team's row; only what neither tells is counted as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import BOX
from truestrength.trainer.data.limits import too_many

_C = pl.col
_TWOS = _C("pts") - _C("fg3m") - _C("ftm")
SUMS: dict[str, pl.Expr] = {
    "pts": 2 * _C("fgm") + _C("fg3m") + _C("ftm"),
    "fg3m": _C("pts") - 2 * _C("fgm") - _C("ftm"),
    "ftm": _C("pts") - 2 * _C("fgm") - _C("fg3m"),
    "fgm": pl.when(_TWOS % 2 == 0).then(_TWOS // 2),
    "reb": _C("oreb") + _C("dreb"),
    "oreb": _C("reb") - _C("dreb"),
    "dreb": _C("reb") - _C("oreb"),
}
"""What follows for a column from the others of its row."""
SCORING = ("fgm", "fg3m", "ftm", "pts")
ATTEMPTS = {"fga": "fgm", "fg3a": "fg3m", "fta": "ftm"}
IN_ORDER = ("fg3m", "ftm", "fgm", "pts", "oreb", "dreb", "reb", "fga", "fg3a", "fta", "ast", "stl", "blk", "tov", "pf")
"""So that each finds the ones it follows from filled."""
_GAME = ["game_id", "team_id"]


def fill_team_cells(rows: pl.DataFrame, player_rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Team rows without empty cells but in WL and PLUS_MINUS, which points tell.

    Args:
        rows: season, game_id, team_id, date, abbreviation, matchup and the box columns, nullable.
        player_rows: the players' box columns, nullable.
        repairs: gets a line for each column that had empty cells.

    Raises:
        DataError: when a cell that a result needs cannot be told, or too many others.
    """
    rows = _described(rows, player_rows, repairs)
    for column in ("date", "abbreviation", "matchup"):
        _refuse_empty(rows, column)
    empty = _empty(rows, BOX)
    if not empty:
        return rows
    sums = (
        player_rows.unique()
        .group_by(_GAME)
        .agg(pl.when(_C(name).null_count() == 0).then(_C(name).sum()).alias(f"players_{name}") for name in BOX)
    )
    filled = _by_sums(rows).join(sums, on=_GAME, how="left", maintain_order="left")
    whole = (_C("players_pts") == _C("pts")) | _C("pts").is_null()
    filled = filled.with_columns(
        pl.coalesce(name, pl.when(whole).then(_C(f"players_{name}")).cast(pl.Int32)).alias(name) for name in BOX
    )
    filled = _by_sums(filled.select(rows.columns))
    for column in SCORING:
        _refuse_empty(filled, column)
    return _counted_as_nothing(rows, filled, "team", empty, repairs)


def _described(rows: pl.DataFrame, player_rows: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Fill when a game was, who played whom, and under what name, from the other rows that tell it."""
    played = player_rows.group_by("game_id").agg(_C("date").drop_nulls().first().alias("players_date"))
    rows = rows.join(played, on="game_id", how="left", maintain_order="left")
    rows = _from_other_rows(rows, "date", "game_id", repairs, pl.coalesce("date", "players_date")).drop("players_date")
    rows = _from_other_rows(rows, "matchup", "game_id", repairs, _other_side(_C("matchup")))
    rows = _from_other_rows(rows, "abbreviation", "team_id", repairs)
    return rows.with_columns(pl.coalesce("abbreviation", _C("matchup").str.extract(r"^(\S+)")).alias("abbreviation"))


def _other_side(matchup: pl.Expr) -> pl.Expr:
    """What the other team's row says: "BOS vs. MIA" for "MIA @ BOS", and the other way round."""
    at_home = matchup.str.replace(r"^(\S+) vs\. (\S+)$", "$2 @ $1")
    return pl.when(at_home != matchup).then(at_home).otherwise(matchup.str.replace(r"^(\S+) @ (\S+)$", "$2 vs. $1"))


def fill_player_cells(rows: pl.DataFrame, team_games: pl.DataFrame, repairs: list[str]) -> pl.DataFrame:
    """Player rows without empty cells but in the minutes.

    Args:
        rows: season, game_id, team_id, player_id, player_name, the box columns and plus_minus, nullable.
        team_games: checked team rows.
        repairs: gets a line for each column that had empty cells.

    Raises:
        DataError: when too many cells cannot be told.
    """
    rows = _from_other_rows(rows, "player_name", "player_id", repairs)
    rows = rows.with_columns(_C("player_name").fill_null("player " + _C("player_id").cast(pl.String)))
    unknown = rows["plus_minus"].null_count()
    if unknown:
        repairs.append(f"player rows: {unknown} have no PLUS_MINUS; it is taken as 0")
    rows = rows.with_columns(_C("plus_minus").fill_null(0))
    empty = _empty(rows, BOX)
    if not empty:
        return rows
    teams = team_games.select(*_GAME, *(_C(name).alias(f"team_{name}") for name in BOX))
    filled = _by_sums(rows).join(teams, on=_GAME, how="left", maintain_order="left")
    whole = (_C("pts").sum().over(_GAME) == _C("team_pts")) | (_C("pts").null_count().over(_GAME) > 0)
    filled = filled.with_columns(_rest(name, _C(f"team_{name}"), whole) for name in BOX)
    return _counted_as_nothing(rows, _by_sums(filled.select(rows.columns)), "player", empty, repairs)


def _rest(name: str, total: pl.Expr, whole: pl.Expr) -> pl.Expr:
    """What the others leave of the team's total, where one cell of a whole team is empty."""
    left = total - _C(name).sum().over(_GAME)
    alone = whole & (_C(name).null_count().over(_GAME) == 1) & (left >= 0)
    return pl.coalesce(name, pl.when(alone).then(left).cast(pl.Int32)).alias(name)


def _by_sums(rows: pl.DataFrame) -> pl.DataFrame:
    """Cells that follow from the others of their row."""
    return rows.with_columns(
        pl.coalesce(name, pl.when(value >= 0).then(value).cast(pl.Int32)).alias(name) for name, value in SUMS.items()
    )


def _counted_as_nothing(
    rows: pl.DataFrame, filled: pl.DataFrame, kind: str, empty: Iterable[str], repairs: list[str]
) -> pl.DataFrame:
    """Fill what is left with the least that it can be, unless that is too much; say what was done."""
    left = {name: filled.filter(_C(name).is_null()) for name in empty}
    for name, bad in left.items():
        if over := too_many(rows, bad):
            first = bad.filter(_C("season") == over.season).row(0, named=True)
            raise DataError(
                f"{kind} rows: column {name.upper()} is empty in {over}, first in game {first['game_id']}, team "
                f"{first['team_id']}, and nothing else in the files tells it"
            )
        told, zero = rows[name].null_count() - bad.height, bad.height
        parts = [f"filled from the others in {told} rows"] if told else []
        parts += [f"counted as nothing in {zero} rows"] if zero else []
        repairs.append(f"{kind} rows: {name.upper()} is empty in {told + zero} rows: {', '.join(parts)}")
    for name in IN_ORDER:
        least = _C(ATTEMPTS[name]) if name in ATTEMPTS else pl.lit(0)
        follows = pl.when(SUMS[name] >= 0).then(SUMS[name]) if name in SUMS else pl.lit(None)
        filled = filled.with_columns(pl.coalesce(name, follows, least).cast(pl.Int32).alias(name))
    return filled


def _name(column: str) -> str:
    """What the column is called in the file."""
    return {"date": "GAME_DATE", "abbreviation": "TEAM_ABBREVIATION"}.get(column, column.upper())


def _empty(rows: pl.DataFrame, columns: Iterable[str]) -> list[str]:
    return [name for name in columns if rows[name].null_count()]


def _from_other_rows(
    rows: pl.DataFrame, column: str, key: str, repairs: list[str], said: pl.Expr | None = None
) -> pl.DataFrame:
    """Fill a column with what another row of the same `key` says: its own cell, or `said` of it."""
    empty = rows[column].null_count()
    if not empty:
        return rows
    filled = rows.with_columns(
        pl.coalesce(column, (_C(column) if said is None else said).drop_nulls().first().over(key)).alias(column)
    )
    told = empty - filled[column].null_count()
    if told:
        repairs.append(
            f"{_name(column)} is empty in {empty} rows: filled from other rows of the same {key.upper()} in {told}"
        )
    return filled


def _refuse_empty(rows: pl.DataFrame, column: str) -> None:
    bad = rows.filter(_C(column).is_null())
    if bad.height:
        raise DataError(
            f"team rows: column {_name(column)} is empty in {bad.height} of {rows.height} rows, first in game "
            f"{bad['game_id'][0]}, team {bad['team_id'][0]}, and nothing else in the files tells it"
        )
