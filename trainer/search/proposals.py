"""What parameters a slot gets. A pure function of the sweep, the slot and what is known when it is claimed.

The start design, random search, the grid and the first rung of halving depend neither on the objective nor on the
workers, so the sweeps of one target try the same points in the same slots and can be compared pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truestrength.trainer.contract.config.conditions import spread
from truestrength.trainer.contract.config.search_space import Parameters, Point
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.ledger import Claim, Ledger, Observation
from truestrength.trainer.contract.sweep import rungs
from truestrength.trainer.contract.sweep.first_points import completed
from truestrength.trainer.contract.sweep.grid import grid_point, grid_size
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.sweep.start_slots import start_slots
from truestrength.trainer.contract.words import Direction, Method, Sampler
from truestrength.trainer.search import dimensions
from truestrength.trainer.search.evolution import MOST_DRAWS, evolved_point
from truestrength.trainer.search.samplers import learning_sampler, sampled_point, sobol_point
from truestrength.trainer.search.start_design import halton_point

FEWEST_OBSERVATIONS = 3
"""With fewer finished trials than this, later slots go on with the start design."""


def propose(ledger: Ledger, spec: SweepSpec, claim: Claim) -> Parameters:
    """The parameters of a slot that has none yet."""
    if claim.slot < len(spec.first):
        return first_point(spec, claim.slot)
    match spec.method:
        case Method.RANDOM:
            return random_point(spec, claim.slot)
        case Method.GRID:
            return grid_subset_point(spec, claim.slot)
        case Method.HALVING:
            if claim.rung == 0:
                return start_point(spec, claim.slot)
            return promoted(spec, claim.slot, ledger.rung_observations(spec.batch_id, claim.rung - 1))
        case Method.OPTUNA:
            return _by_sampler(ledger, spec, claim.slot)


def _by_sampler(ledger: Ledger, spec: SweepSpec, slot: int) -> Parameters:
    if spec.sampler is Sampler.RANDOM:
        return random_point(spec, slot)
    if spec.sampler is Sampler.QMC:
        return quasi_random_point(spec, slot)
    if slot < start_slots(spec):
        return start_point(spec, slot)
    prior = prior_observations(spec)
    if spec.share_observations:
        prior += ledger.sibling_observations(spec.batch_id, spec.objective)
    own = _own_observations(ledger, spec)
    point = searched(spec, slot, own, prior)
    begun = any(o.parameters == point for o in ledger.observations(spec.batch_id))
    if begun and all(o.parameters != point for o in own):
        # Another worker asked at the same time, and was a little faster.
        return searched(spec, slot, _own_observations(ledger, spec), prior)
    return point


def _own_observations(ledger: Ledger, spec: SweepSpec) -> list[Observation]:
    own = ledger.observations(spec.batch_id)
    if spec.sampler is Sampler.CMAES:
        # It follows every trial from the first one on, not the best and the newest.
        return [*ledger.rung_observations(spec.batch_id, rung=0), *(o for o in own if o.value is None)]
    return own


def prior_observations(spec: SweepSpec) -> list[Observation]:
    """What the sweep knows from earlier ones; each spares it a trial of the start design."""
    return [
        Observation(batch_id=earlier.name, slot=i, parameters=trial.parameters, value=trial.value, rung=0)
        for earlier in spec.known
        for i, trial in enumerate(earlier.trials)
    ]


def start_point(spec: SweepSpec, slot: int) -> Parameters:
    """The slot's point of the quasi-random design of (seed, target, phase, search space)."""
    return spread(spec.space, _start_point(spec, slot))


def first_point(spec: SweepSpec, slot: int) -> Parameters:
    """The slot's point of those that the user wants tried first; what they leave open is that of the start design."""
    return completed(spec.space, spec.first[slot], _start_point(spec, slot))


def random_point(spec: SweepSpec, slot: int) -> Parameters:
    """A uniform draw of the slot's own."""
    rng = np.random.default_rng([_seed(spec, "random"), slot])
    return dimensions.from_unit(spec.space, rng.random(dimensions.n_free(spec.space)).tolist())


def untried_point(spec: SweepSpec, slot: int, tried: Sequence[Parameters]) -> Parameters:
    """A uniform draw that was not tried; in a small space there may be none.

    For a sampler that is so sure that it asks for the same point again, as Gaussian processes do at the end of a long
    search: the same settings would give the same value.
    """
    rng = np.random.default_rng([_seed(spec, "untried"), slot])
    n_free = dimensions.n_free(spec.space)
    point: Parameters = {}
    for _ in range(MOST_DRAWS):
        point = dimensions.from_unit(spec.space, rng.random(n_free).tolist())
        if point not in tried:
            break
    return point


def quasi_random_point(spec: SweepSpec, slot: int) -> Parameters:
    """The slot's point of a scrambled Sobol sequence. The slot is its number, so no two workers get the same one."""
    point = sobol_point(slot, dimensions.n_free(spec.space), _seed(spec, "qmc"))
    return dimensions.from_unit(spec.space, point)


def grid_subset_point(spec: SweepSpec, slot: int) -> Parameters:
    """The grid's point for a slot: all of them where the budget allows, else evenly spread ones.

    The grid is cut into as many stretches as there are slots, and each slot draws from its own.
    """
    size = grid_size(spec.space)
    low, high = slot * size // spec.n_trials, (slot + 1) * size // spec.n_trials
    rng = np.random.default_rng([_seed(spec, "grid"), slot])
    return grid_point(spec.space, int(rng.integers(low, high)))


def promoted(spec: SweepSpec, slot: int, below: Sequence[Observation]) -> Parameters:
    """The parameters of the k-th best trial of the rung below, for the k-th slot of a rung.

    Where too few trials of the rung below succeeded, the slot takes its point of the start design.
    """
    of_slots = rungs.rung_of_slots(spec.method, spec.n_trials)
    position = slot - of_slots.index(of_slots[slot])
    sign = 1.0 if spec.objective.direction is Direction.MINIMIZE else -1.0
    ranked = sorted((o for o in below if o.value is not None), key=lambda o: (sign * (o.value or 0.0), o.slot))
    return ranked[position].parameters if position < len(ranked) else start_point(spec, slot)


def searched(spec: SweepSpec, slot: int, own: Sequence[Observation], others: Sequence[Observation] = ()) -> Parameters:
    """The slot's point by the sweep's sampler, one that learns.

    Args:
        spec: the sweep.
        slot: seeds the draw.
        own: the sweep's trials by slot, and those that run.
        others: finished trials of other sweeps, valued by this sweep's objective. A point that the sweep has tried
            itself is not counted twice.
    """
    known = [o.parameters for o in own]
    prior: list[Observation] = []
    for observation in others:
        if observation.parameters not in known:
            known.append(observation.parameters)
            prior.append(observation)
    if sum(o.value is not None for o in (*own, *prior)) < FEWEST_OBSERVATIONS:
        return start_point(spec, slot)
    seed = int(np.random.default_rng([_seed(spec, spec.sampler), slot]).integers(2**31))
    if spec.sampler is Sampler.CMAES:
        designed = max(start_slots(spec), len(spec.first))
        before = [*prior, *(o for o in own if o.slot < designed)]
        later = [o for o in own if o.slot >= designed]
        point = evolved_point(spec.space, spec.objective.direction, before, later, seed)
    else:
        sampler = learning_sampler(spec.sampler, seed)
        point = sampled_point(sampler, spec.space, spec.objective.direction, own, prior)
    tried = [o.parameters for o in own]
    return untried_point(spec, slot, tried) if point in tried else point


def _start_point(spec: SweepSpec, slot: int) -> Point:
    point = halton_point(slot, dimensions.n_free(spec.space), _seed(spec, "start"))
    return dimensions.point_at(spec.space, dimensions.coarsest_first(spec.space, point.tolist()))


def _seed(spec: SweepSpec, purpose: str) -> int:
    """A seed that all sweeps of one target, phase and search space share."""
    named = [purpose, spec.config.training.seed, spec.target, spec.phase, spec.identity()["space"]]
    return int(digest(named)[:12], 16)
