"""The lists as rows of a table, one per team, for the models that know nothing of lists.

Surprising: the target is the league-wide rank turned round, from 0 for the worst team of the league to 1 for the best,
so that a regression on it needs no list either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models.fits import Ints

Floats = npt.NDArray[np.float32]


def context_rows(batches: Batches, lists: Ints) -> Floats:
    """[R, C] the context of every real team of `lists`, list by list."""
    rows: Floats = batches.context[lists][batches.team_mask[lists]]
    return rows


EXPECTED = {Target.FINAL_RANK: "expected_rank", Target.PLAYOFF_OUTCOME: "expected_place"}
"""The context column that is an estimate of the target as it stands."""


def expected_column(batches: Batches, target: Target) -> int | None:
    """Which context column estimates `target`; None where the batches have none."""
    columns = batches.context_columns
    return columns.index(EXPECTED[target]) if EXPECTED[target] in columns else None


def expected_rows(batches: Batches, lists: Ints, target: Target) -> Floats:
    """[R] the relevance that the simulated rest of the season leads to expect; 0 where the batches do not say.

    The models learn what it gets wrong. Learning everything anew from six seasons cost 0.005 in Spearman.
    """
    column = expected_column(batches, target)
    if column is None:
        return np.zeros(int(batches.team_mask[lists].sum()), dtype=np.float32)
    return _relevance(batches, lists, batches.context[lists][..., column])


def relevance_rows(batches: Batches, lists: Ints, target: Target) -> Floats:
    """[R] relevance of every real team, 1 for the best of its season and 0 for the worst."""
    return _relevance(batches, lists, batches.ranks[target][lists])


def _relevance(batches: Batches, lists: Ints, ranks: Floats) -> Floats:
    """[R] `ranks` [L, T], true or expected, turned round."""
    worst = _teams_of_seasons(batches)
    relevance = (worst[batches.season[lists], None] - ranks) / np.maximum(worst[batches.season[lists], None] - 1, 1)
    rows: Floats = relevance[batches.team_mask[lists]].astype(np.float32)
    return rows


def _teams_of_seasons(batches: Batches) -> Ints:
    """[seasons] how many teams a season has, whatever of it is ranked."""
    teams = [batches.team_id[batches.season == season] for season in range(len(batches.seasons))]
    masks = [batches.team_mask[batches.season == season] for season in range(len(batches.seasons))]
    return np.array([len(np.unique(ids[mask])) for ids, mask in zip(teams, masks, strict=True)])


def as_lists(batches: Batches, lists: Ints, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[..., L, T] values [..., R] of rows put back into their lists; 0 where masked."""
    mask = batches.team_mask[lists]
    values = np.zeros((*rows.shape[:-1], *mask.shape), dtype=rows.dtype)
    values[..., mask] = rows
    return values
