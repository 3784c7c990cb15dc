"""The start design against SciPy's measure of spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from truestrength.trainer.search.start_design import halton_point


def design(count, dimensions, seed):
    return np.array([halton_point(index, dimensions, seed) for index in range(count)])


@pytest.mark.parametrize("dimensions", [1, 2, 6, 7])
def test_it_is_spread_better_than_chance(dimensions):
    """Mean over seeds, because single draws of either may be lucky."""
    ours = np.mean([qmc.discrepancy(design(32, dimensions, seed)) for seed in range(20)])
    rng = np.random.default_rng(1)
    chance = np.mean([qmc.discrepancy(rng.random((32, dimensions))) for _ in range(20)])
    assert ours < 0.7 * chance


def test_it_is_spread_as_well_as_scipys():
    ours = np.mean([qmc.discrepancy(design(32, 6, seed)) for seed in range(20)])
    theirs = np.mean([qmc.discrepancy(qmc.Halton(6, rng=seed).random(32)) for seed in range(20)])
    assert ours < 1.1 * theirs


@pytest.mark.parametrize(("dimension", "base"), list(enumerate([2, 3, 5, 7])))
def test_every_stretch_of_a_dimension_is_hit_once(dimension, base):
    for count in (base, base**2):
        cells = np.floor(design(count, 4, 7)[:, dimension] * count).astype(int)
        assert sorted(cells) == list(range(count))


def test_dimensions_do_not_march_in_step():
    correlations = [np.corrcoef(design(32, 7, seed), rowvar=False) for seed in range(30)]
    assert np.abs(np.mean(correlations, axis=0) - np.eye(7)).max() < 0.15


@given(index=st.integers(0, 10_000), dimensions=st.integers(1, 12), seed=st.integers(0, 2**48))
def test_points_lie_in_the_unit_cube_and_do_not_change(index, dimensions, seed):
    point = halton_point(index, dimensions, seed)
    assert ((point >= 0) & (point < 1)).all()
    assert (point == halton_point(index, dimensions, seed)).all()


def test_seeds_differ():
    assert not np.allclose(design(8, 3, 1), design(8, 3, 2))
