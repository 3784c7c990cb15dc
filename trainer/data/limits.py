"""How much may be wrong before it is no slip: a share of one season's rows, so that no season hides behind others."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

MOST_REPAIRED = 0.05
"""A larger share of a season's rows is not a slip but a column with another meaning, and an error."""


class TooMany(NamedTuple):
    """The first season that has more wrong rows than a slip would leave."""

    season: str
    wrong: int
    rows: int

    def __str__(self) -> str:
        return f"{self.wrong} of {self.rows} rows of {self.season}"


def too_many(rows: pl.DataFrame, wrong: pl.DataFrame) -> TooMany | None:
    """Hold `wrong` against all `rows`, season by season; a single row is always a slip."""
    counts = wrong.group_by("season").len("wrong").join(rows.group_by("season").len("rows"), on="season")
    over = counts.filter((pl.col("wrong") > 1) & (pl.col("wrong") > MOST_REPAIRED * pl.col("rows"))).sort("season")
    return TooMany(*over.row(0)) if over.height else None
