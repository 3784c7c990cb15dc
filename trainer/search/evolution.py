"""CMA-ES: a cloud of points that moves, turns, grows and shrinks, generation by generation.

The library that Optuna's CmaEsSampler stands on, without the sampler: that keeps the cloud in the attributes of a
study's trials and forgets those that end late. Here the cloud is made anew for each question from the finished trials,
in the order of their slots, so each trial counts once, a restart changes nothing and workers need not agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.config.conditions import spread
from truestrength.trainer.contract.config.search_space import Parameters, SearchSpace
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.words import Direction
from truestrength.trainer.search import dimensions

if TYPE_CHECKING:
    from cmaes import CMA

FIRST_SPREAD = 1 / 6
"""Standard deviation of the first cloud, of a parameter's range: Optuna's."""
MOST_DRAWS = 100
"""So often a point is drawn that nobody has tried; in a small space there may be none."""


def evolved_point(
    space: SearchSpace,
    direction: Direction,
    before: Sequence[Observation],
    own: Sequence[Observation],
    seed: int,
) -> Parameters:
    """A point from the cloud as it is after the finished trials.

    Args:
        space: ranges are followed; choices and rows have no order to follow, and a range with a condition is not always
            there: they are drawn evenly.
        direction: of the values.
        before: trials that no cloud proposed; the first cloud lies around the best of them.
        own: the later trials, by slot. No point is proposed that runs or that was tried.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    ranges = dimensions.ranges(space)
    rest = {name: dimension for name, dimension in space.items() if name not in ranges}
    cloud = _cloud(ranges, direction, before, own) if ranges else None
    if cloud:
        cloud.reseed_rng(int(rng.integers(2**31)))
    tried = [o.parameters for o in (*before, *own)]
    point: Parameters = {}
    for _ in range(MOST_DRAWS):
        drawn = dimensions.point_at(rest, rng.random(dimensions.n_free(rest)).tolist())
        if cloud:
            drawn |= dimensions.point_at(ranges, cloud.ask().tolist())
        point = spread(space, drawn)
        if point not in tried:
            break
    return point


def _cloud(space: SearchSpace, direction: Direction, before: Sequence[Observation], own: Sequence[Observation]) -> CMA:
    """All of it follows from the finished trials."""
    first, later = (_finished(space, direction, observations) for observations in (before, own))
    centre = np.full(len(space), 0.5)
    cloud = _new_cloud(min(first, key=lambda told: told[1])[0] if first else centre)
    told = 0
    while told + (size := cloud.population_size) <= len(later):
        cloud.tell(later[told : told + size])
        told += size
        if cloud.should_stop():
            # It has shrunk to a point: again, anywhere, with more of them (IPOP; Auger and Hansen, 2005).
            cloud = _new_cloud(np.random.default_rng(told).random(len(space)), size * 2)
    return cloud


def _new_cloud(mean: npt.NDArray[np.float64], size: int | None = None) -> CMA:
    from cmaes import CMA  # noqa: PLC0415 - a second of start-up that no other sampler needs

    bounds = np.tile([0.0, 1.0], (len(mean), 1))
    return CMA(mean=mean, sigma=FIRST_SPREAD, bounds=bounds, n_max_resampling=10 * len(mean), population_size=size)


def _finished(
    space: SearchSpace, direction: Direction, observations: Sequence[Observation]
) -> list[tuple[npt.NDArray[np.float64], float]]:
    """Places in the unit cube, with values of which the lowest is the best."""
    sign = 1.0 if direction is Direction.MINIMIZE else -1.0
    return [
        (np.array(dimensions.to_unit(space, o.parameters)), sign * o.value) for o in observations if o.value is not None
    ]
