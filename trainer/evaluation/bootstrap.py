"""How sure a gain is: paired block-bootstrap intervals over the dates of the evaluated seasons.

Figures of neighbouring dates are almost the same, so single dates must not be drawn as if they were independent: whole
blocks of consecutive dates are (the circular block bootstrap of Politis and Romano, 1992). The surprising one: even so
the interval speaks of these seasons only; how much seasons differ cannot be learnt from one or two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truestrength.trainer.contract.records.metrics import Gain
from truestrength.trainer.contract.words import Direction, Objective
from truestrength.trainer.evaluation.metrics import Floats

RESAMPLES = 1000
BLOCK = 14
"""Dates in a block: about two weeks."""
LEVEL = 0.95


def gain(ours: Sequence[Floats], theirs: Sequence[Floats], objective: Objective, seed: int = 0) -> Gain:
    """The mean gain of one ranker over another on the same dates, and its interval.

    Args:
        ours: [dates] of each season: an objective's values.
        theirs: the same of the other ranker.
        objective: says which way is better.
        seed: of the resampling.

    Returns:
        The gain, positive when ours is better, and its 95 % interval.

    >>> gain([np.full(30, 0.5)], [np.full(30, 0.4)], Objective.SPEARMAN)
    Gain(mean=0.1, low=0.1, high=0.1)
    """
    sign = -1.0 if objective.direction is Direction.MINIMIZE else 1.0
    differences = [sign * (a - b) for a, b in zip(ours, theirs, strict=True)]
    n_dates = sum(map(len, differences))
    generator = np.random.default_rng(seed)
    resampled = sum(_block_sums(season, generator) for season in differences) / n_dates
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    mean = float(np.concatenate(differences).mean())
    return Gain(mean=_rounded(mean), low=_rounded(low), high=_rounded(high))


def _block_sums(values: Floats, generator: np.random.Generator) -> Floats:
    """[RESAMPLES] sums of `len(values)` values drawn in blocks; the last date is followed by the first."""
    block = min(BLOCK, len(values))
    n_blocks = -(-len(values) // block)
    starts = generator.integers(0, len(values), (RESAMPLES, n_blocks))
    # Sums of whole blocks by where they start; the last block is cut so that there are as many values as dates.
    around = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[:block]]))])
    cut = len(values) - (n_blocks - 1) * block
    first = np.arange(len(values))
    of_blocks, of_cut = around[first + block] - around[first], around[first + cut] - around[first]
    sums: Floats = of_blocks[starts[:, :-1]].sum(axis=1) + of_cut[starts[:, -1]]
    return sums


def _rounded(value: float) -> float:
    # Beyond the twelfth decimal there is only the order of summation.
    return round(float(value), 12)
