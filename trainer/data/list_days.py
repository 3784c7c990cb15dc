"""From when to when a season can have lists: what the manifest says, so that the launcher need not read the games."""

from __future__ import annotations

import numpy as np
import polars as pl


def list_days(regular: pl.DataFrame, players: pl.DataFrame) -> tuple[int, tuple[int, ...]]:
    """`SeasonCount.earliest_list` and `.last_days` of one season.

    Args:
        regular: date and team_id of its regular-season team rows.
        players: date and team_id of its regular-season player rows.
    """
    first = regular["date"].min()
    days = np.unique((regular["date"] - first).dt.total_days().to_numpy())
    begun = players.group_by("team_id").agg(day=(pl.col("date").min() - first).dt.total_days())
    by_team = regular.select("team_id").unique().join(begun, on="team_id", how="left")
    everybody = int(by_team["day"].fill_null(int(days[-1])).to_numpy().max())
    # A list sees the games before its day: the first day that can have one comes after the last team's first game.
    return int(days[days <= everybody][-1]) + 1, tuple(int(day) for day in days[-3:])
