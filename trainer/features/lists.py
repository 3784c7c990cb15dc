"""Which lists to train on when there are more than the configuration allows.

Surprising: both conferences of a chosen date are taken, so an odd limit leaves one list unused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.features.batches import Batches


def choose_lists(batches: Batches, seasons: Sequence[str], at_most: int, seed: int) -> npt.NDArray[np.int64]:
    """At most `at_most` lists of `seasons`, the same number of dates (give or take one) from each season.

    Each season's dates are cut into as many equal stretches as dates are wanted of it, and one date is drawn from each
    stretch, so that all parts of the season are there.

    Args:
        batches: all lists.
        seasons: names of the seasons to choose from.
        at_most: the largest number of lists.
        seed: the same seed gives the same lists.

    Returns:
        Indices into the lists, ascending.

    Raises:
        DataError: when one of `seasons` has no lists, or `at_most` is below the lists of one date.
    """
    per_date = len(batches.conferences)
    wanted = at_most // per_date
    if wanted < 1:
        raise DataError(
            f"at most {at_most} lists cannot hold one date, which has {per_date}. Allow at least {per_date}"
        )
    generator = np.random.default_rng(seed)
    counts = _shares(wanted, len(seasons), generator)
    chosen = []
    for season, count in zip(seasons, counts, strict=True):
        days = _days_of(batches, season)
        picked = _one_per_stretch(days, int(count), generator)
        in_season = batches.season == batches.seasons.index(season)
        chosen.append(np.flatnonzero(in_season & np.isin(batches.date, picked)))
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _shares(wanted: int, n_seasons: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """`wanted` dates over the seasons; which seasons get the odd ones is drawn."""
    counts = np.full(n_seasons, wanted // n_seasons)
    counts[generator.permutation(n_seasons)[: wanted % n_seasons]] += 1
    return counts


def _days_of(batches: Batches, season: str) -> npt.NDArray[np.int32]:
    if season not in batches.seasons:
        raise DataError(f"no lists of season {season}; there are lists of {', '.join(batches.seasons)}")
    return np.unique(batches.date[batches.season == batches.seasons.index(season)])


def _one_per_stretch(days: npt.NDArray[np.int32], count: int, generator: np.random.Generator) -> npt.NDArray[np.int32]:
    if count >= len(days):
        return days
    edges = np.linspace(0, len(days), count + 1)
    places = np.floor(edges[:-1] + generator.random(count) * np.diff(edges)).astype(np.int64)
    return days[np.minimum(places, len(days) - 1)]
