"""A seeded quasi-random design: scrambled Halton points, one per slot, the same however many are asked for.

In NumPy, because importing `scipy.stats.qmc` costs a second; the test compares it with SciPy's discrepancy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DIGITS = 24


def halton_point(index: int, n_dimensions: int, seed: int) -> npt.NDArray[np.float64]:
    """Point number `index` of the design, [n_dimensions], each coordinate in [0, 1).

    Dimension d counts in the d-th prime's base, its digits mirrored at the point and permuted at random by place
    (A. B. Owen, "A randomized Halton algorithm in R", 2017), so that small numbers of points are spread in every
    dimension and dimensions do not march in step.
    """
    rng = np.random.default_rng([seed, n_dimensions])
    point = np.empty(n_dimensions)
    for dimension, base in enumerate(_primes(n_dimensions)):
        # Every place is drawn, also those that `index` does not reach, so that the draws do not depend on it.
        permutations = rng.permuted(np.tile(np.arange(base), (DIGITS, 1)), axis=1)
        rest, value, weight = index, 0.0, 1.0
        for place in range(DIGITS):
            rest, digit = divmod(rest, base)
            weight /= base
            value += permutations[place, digit] * weight
        point[dimension] = min(value, np.nextafter(1.0, 0.0))
    return point


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found
