"""Whether the games of a season lie where a season of the league can lie: a date outside is a misread date.

Surprising: day and month taken for each other give dates that are all dates, but some of them in summer.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from truestrength.trainer.contract.errors import DataError

LATE = {"2019-20": date(2020, 10, 31)}
"""Seasons that were ended later than any other."""
LONGEST = 335
"""Days between the first and the last game of a season of any other league: eleven months."""

MISREAD = "Are day and month taken for each other? Write dates as 2015-10-27"


def check_dates(rows: pl.DataFrame, *, nba: bool) -> None:
    """Refuse games that are dated when their season is not played.

    The NBA's regular season lies between 1 September and 30 June, its playoffs end in July. Another league's season
    begins in the year that it is named after and is over within eleven months.

    Args:
        rows: season, season_type, game_id, date.
        nba: the league is the NBA.

    Raises:
        DataError: naming season, game and date.
    """
    start = pl.col("season").str.slice(0, 4).cast(pl.Int32)
    if nba:
        ends = (
            pl.when(pl.col("season_type") == "regular")
            .then(pl.date(start + 1, 6, 30))
            .otherwise(pl.date(start + 1, 7, 31))
        )
        late = pl.col("season").replace_strict(LATE, default=None, return_dtype=pl.Date)
        within = pl.col("date").is_between(pl.date(start, 9, 1), pl.coalesce(late, ends))
    else:
        within = (pl.col("date").dt.year() - start).is_in([0, 1])
    bad = rows.filter(~within).sort("season", "date", "game_id")
    if bad.height:
        first = bad.row(0, named=True)
        own = rows.filter(pl.col("season") == first["season"])["game_id"].n_unique()
        wrong = bad.filter(pl.col("season") == first["season"])["game_id"].n_unique()
        raise DataError(
            f"team rows: game {first['game_id']} of season {first['season']} is dated {first['date']}, when no "
            f"{first['season_type']} game of it is played ({wrong} of its {own} games). {MISREAD}"
        )
    _check_length(rows)


def _check_length(rows: pl.DataFrame) -> None:
    spans = rows.group_by("season").agg(first=pl.col("date").min(), last=pl.col("date").max()).sort("season")
    long = spans.filter(
        (pl.col("last") - pl.col("first")).dt.total_days() > LONGEST, ~pl.col("season").is_in(list(LATE))
    )
    if long.height:
        season, first, last = long.row(0)
        raise DataError(f"team rows: season {season} lasts from {first} to {last}, over eleven months. {MISREAD}")
