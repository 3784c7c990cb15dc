"""The lists of a league as arrays, ready for every model.

One list is one season, date and conference. Nothing here depends on the target but `ranks`, which holds both, so the
sweeps of both targets share one build.

Shapes: N lists, T teams (padded), P players (padded), S player statistics, C context columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.contract.objectives import Target


@dataclass(frozen=True)
class Batches:
    """Arrays of all lists, sorted by season, date and conference."""

    players: npt.NDArray[np.float32]
    """[N, T, P, S] features of the roster's players from games strictly before the date; 0 where masked."""
    player_mask: npt.NDArray[np.bool_]
    """[N, T, P] True where there is a player."""
    context: npt.NDArray[np.float32]
    """[N, T, C] team context from games strictly before the date; no NaN; 0 where masked."""
    team_mask: npt.NDArray[np.bool_]
    """[N, T] True where there is a team."""
    ranks: dict[Target, npt.NDArray[np.float32]]
    """[N, T] league-wide target rank of the season, 1 is best; 0 where masked."""
    team_id: npt.NDArray[np.int64]
    """[N, T]; 0 where masked."""
    season: npt.NDArray[np.int16]
    """[N] index into `seasons`."""
    date: npt.NDArray[np.int32]
    """[N] days since 1970-01-01."""
    conference: npt.NDArray[np.int8]
    """[N] index into `conferences`."""
    seasons: tuple[str, ...]
    conferences: tuple[str, ...]
    player_columns: tuple[str, ...]
    """Names of the S player statistics."""
    context_columns: tuple[str, ...]
    """Names of the C context columns."""
