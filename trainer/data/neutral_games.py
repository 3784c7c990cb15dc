"""Who is at home, as MATCHUP says, and which games are at a neutral site, where nobody is.

A game is written from both sides, "BOS vs. MIA" and "MIA @ BOS". Since 2024-25 the league's logs carry one and the same
text in both rows of a game at a neutral site. Earlier neutral games look like any other, so the NBA's from 2010-11 on
are listed in `neutral_games.csv`, and the months of 2020 in which all were played in Orlando stand here. Surprising: a
neutral game keeps a team that is named as at home, the second of "A @ B", so that every game has exactly one; and the
list names a game by its day and one of its teams, because no team plays twice a day.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError

NEUTRAL_GAMES = Path(__file__).with_name("neutral_games.csv")
ORLANDO = (date(2020, 7, 30), date(2020, 10, 11))
"""First and last day of the season that was ended in one place."""
SIDES = r"^\s*(\S+)\s+([vV][sS]\.?|@)\s+(\S+)\s*$"


@cache
def listed() -> frozenset[str]:
    """Day and one team's id of each of the NBA's neutral games that its logs do not show."""
    rows = pl.read_csv(NEUTRAL_GAMES, infer_schema=False)
    return frozenset(f"{day} {team_id}" for day, team_id in rows.select("date", "team_id").iter_rows())


def home_and_neutral(rows: pl.DataFrame, repairs: list[str], *, nba: bool) -> pl.DataFrame:
    """Add `home`, true in one of a game's two rows, and `neutral`, alike in both.

    Args:
        rows: two a game, neighbours, with matchup and abbreviation.
        repairs: gets a line for games that name no single home team, and when the file writes games in another way.
        nba: the league is the NBA, whose neutral games are known.

    Raises:
        DataError: for a MATCHUP that is not written so.
    """
    sides = pl.col("matchup").str.extract_groups(SIDES).struct
    rows = rows.with_columns(sign=sides.field("2"), second=sides.field("3"))
    bad = rows.filter(pl.col("sign").is_null())
    if bad.height:
        raise DataError(
            f"team rows: game {bad['game_id'][0]}: MATCHUP {bad['matchup'][0]!r} is not written like 'BOS vs. MIA' or "
            f"'BOS @ MIA'; {bad.height} such rows"
        )
    is_first = pl.col("second") != pl.col("abbreviation")
    one_text = (pl.col("matchup").n_unique().over("game_id") == 1) & (pl.col("sign") == "@")
    rows = rows.with_columns(named=is_first == (pl.col("sign") != "@"), one_text=one_text)
    one_home = pl.col("named").sum().over("game_id") == 1
    nobody = rows.filter(~one_home)["game_id"].n_unique()
    if nobody:
        repairs.append(f"team rows: {nobody} games name no single home team; they are kept as at a neutral site")
    lowest = pl.col("team_id") == pl.col("team_id").min().over("game_id")
    rows = rows.with_columns(
        home=pl.when(one_home).then("named").otherwise(lowest),
        neutral=~one_home | (pl.col("one_text") & _marks(rows, repairs)) | (_known() if nba else pl.lit(value=False)),
    )
    return rows.drop("sign", "second", "named", "one_text")


def _marks(rows: pl.DataFrame, repairs: list[str]) -> pl.Expr:
    """Whether one text in both rows marks a neutral game: not in a season that has it in most of its games."""
    habit = rows.group_by("season").agg(pl.col("one_text").mean()).filter(pl.col("one_text") > 0.5)["season"].sort()
    if habit.len():
        repairs.append(
            f"team rows: MATCHUP is the same in both rows of most games of {', '.join(habit)}, so there it marks no "
            "neutral game"
        )
    return ~pl.col("season").is_in(habit.to_list())


def _known() -> pl.Expr:
    played = pl.concat_str(pl.col("date").cast(pl.String), pl.col("team_id").cast(pl.String), separator=" ")
    return played.is_in(list(listed())).any().over("game_id") | pl.col("date").is_between(*ORLANDO)
