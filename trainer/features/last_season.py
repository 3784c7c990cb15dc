"""How the teams of a season ended the one before.

Surprising: it is the season before in the league's tables, so after a gap it can be more than a year ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from trainer.contract.objectives import Target
from trainer.features.season_games import COLUMNS, Floats, SeasonGames


@dataclass(frozen=True)
class LastSeason:
    """[T] each; a team without a last season has the middle rank and a point difference of 0."""

    rank: Floats
    """`final_rank`."""
    outcome: Floats
    """`playoff_outcome`; the final rank where there were no playoffs."""
    difference: Floats
    """Points a game in the regular season."""


def last_seasons(seasons: Sequence[SeasonGames], truth: pl.DataFrame) -> list[LastSeason]:
    """The last season of each season's teams.

    Args:
        seasons: in order of time.
        truth: as `trainer.features.targets.target_ranks` gives it.
    """
    result = []
    for before, games in zip([None, *seasons[:-1]], seasons, strict=True):
        middle = (len(games.team_id) + 1) / 2
        ended = {} if before is None else _ended(before, truth)
        rows = [ended.get(team, (middle, middle, 0.0)) for team in games.team_id.tolist()]
        result.append(LastSeason(*np.array(rows).T))
    return result


def _ended(games: SeasonGames, truth: pl.DataFrame) -> dict[int, tuple[float, float, float]]:
    """Rank, outcome and point difference by team."""
    ranks = truth.filter(pl.col("season") == games.season).sort("team_id")
    rank = ranks[Target.FINAL_RANK.value].cast(pl.Float64)
    outcome = ranks[Target.PLAYOFF_OUTCOME.value].cast(pl.Float64).fill_null(rank)
    log = games.regular_log
    played = (log.opponent >= 0).sum(axis=1)
    difference = log.sums[:, -1, COLUMNS.index("plus_minus")] / played
    return dict(zip(games.team_id.tolist(), zip(rank, outcome, difference.tolist(), strict=True), strict=True))
