"""Which lists each fit trains on and which it ranks: one fit per fold of whole seasons, and the final fit, last.

The surprising one: the lists that the final fit trains on need not be those of the folds, so a training season can be
in the final fit and in no fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.league.seasons import check_folds
from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fits:
    """Indices into the lists of `Batches`, for each fit."""

    train: tuple[Ints, ...]
    rank: tuple[Ints, ...]

    @property
    def ranked(self) -> Ints:
        """The lists that some fit ranks, in the order of every model's scores: folds first, then the final fit's."""
        return np.concatenate(self.rank)

    @property
    def n_out_of_fold(self) -> int:
        """How many of `ranked` are out of fold."""
        return sum(len(lists) for lists in self.rank[:-1])


@dataclass(frozen=True)
class Task:
    """What every model gets: lists, what they are ranked by, and which of them are for what."""

    batches: Batches
    target: Target
    fits: Fits


def plan_fits(batches: Batches, out_of_fold: Ints, final: Ints, ranked: Ints, n_folds: int) -> Fits:
    """Folds of consecutive whole seasons over the `out_of_fold` lists, then one fit on `final` that ranks `ranked`.

    Raises:
        ConfigError: when there are fewer seasons than folds.
    """
    seasons = np.unique(batches.season[out_of_fold])
    check_folds(n_folds, [batches.seasons[i] for i in seasons])
    folds = [np.isin(batches.season[out_of_fold], part) for part in np.array_split(seasons, n_folds)]
    return Fits(
        train=(*(out_of_fold[~fold] for fold in folds), final),
        rank=(*(out_of_fold[fold] for fold in folds), ranked),
    )
