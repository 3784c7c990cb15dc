"""The lists as rows of a table, one per team, for the models that know nothing of lists.

Surprising: the target is the league-wide rank turned round, from 0 for the worst team of the league to 1 for the best,
so that a regression on it needs no list either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.contract.objectives import Target
from trainer.features.batches import Batches
from trainer.models.fits import Ints

Floats = npt.NDArray[np.float32]


def context_rows(batches: Batches, lists: Ints) -> Floats:
    """[R, C] the context of every real team of `lists`, list by list."""
    rows: Floats = batches.context[lists][batches.team_mask[lists]]
    return rows


def relevance_rows(batches: Batches, lists: Ints, target: Target) -> Floats:
    """[R] relevance of every real team, 1 for the best of its season and 0 for the worst."""
    mask = batches.team_mask[lists]
    ranks = batches.ranks[target][lists]
    # The same for all lists of a season, whatever of it is in `lists`.
    worst = np.array([batches.ranks[target][batches.season == season].max() for season in range(len(batches.seasons))])
    relevance = (worst[batches.season[lists], None] - ranks) / np.maximum(worst[batches.season[lists], None] - 1, 1)
    rows: Floats = relevance[mask].astype(np.float32)
    return rows


def as_lists(batches: Batches, lists: Ints, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[..., L, T] values [..., R] of rows put back into their lists; 0 where masked."""
    mask = batches.team_mask[lists]
    values = np.zeros((*rows.shape[:-1], *mask.shape), dtype=rows.dtype)
    values[..., mask] = rows
    return values
