"""Samplers over what the ledger knows; those that learn, in a study that lives in memory for one question.

The study in the database is the record; asking it directly would read every trial of the sweep again in each process,
and has no place for the trials of sibling sweeps, which must not count as the sweep's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from trainer.contract.config.search_space import Parameters, SearchSpace
from trainer.contract.ledger import Observation
from trainer.contract.ledger.optuna_parameters import distributions, encoded_trial
from trainer.contract.words import Direction, Sampler
from trainer.search import dimensions

PRIOR = "prior_observation_of"
"""User attribute of a sibling's trial: the sweep it comes from."""


def sampled_point(
    sampler: BaseSampler,
    space: SearchSpace,
    direction: Direction,
    own: Sequence[Observation],
    prior: Sequence[Observation],
) -> Parameters:
    """Where a sampler that learns would look next, with trials that run counted, so that workers keep apart."""
    # It warns of every parameter that is not there in all trials, and is searched by itself (GP: drawn) for that.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction.value, sampler=sampler)
    study.add_trials([_trial(space, o, {PRIOR: o.batch_id}) for o in prior] + [_trial(space, o, {}) for o in own])
    trial = study.ask(fixed_distributions=distributions(space))
    return dimensions.decode(space, trial.params)


def sobol_point(index: int, n_dimensions: int, seed: int) -> list[float]:
    """Point number `index` of a scrambled Sobol sequence, each coordinate in [0, 1).

    Not Optuna's QMCSampler: its workers count the points in the study without a lock, and get some of them twice.
    """
    from scipy.stats import qmc  # noqa: PLC0415 - a second of start-up that no other sampler needs

    if n_dimensions == 0:
        return []
    sequence = qmc.Sobol(n_dimensions, scramble=True, rng=np.random.default_rng(seed))
    point: list[float] = sequence.fast_forward(index).random(1)[0].tolist() if index else sequence.random(1)[0].tolist()
    return point


def learning_sampler(sampler: Sampler, seed: int) -> BaseSampler:
    """Optuna's sampler of that name."""
    match sampler:
        case Sampler.TPE:
            # A running trial counts as a poor one.
            return optuna.samplers.TPESampler(n_startup_trials=1, multivariate=True, constant_liar=True, seed=seed)
        case Sampler.GP:
            # It expects running trials to end as the process predicts (qLogEI); nothing is to be switched on.
            return optuna.samplers.GPSampler(n_startup_trials=1, seed=seed)
    raise AssertionError(sampler)


def _trial(space: SearchSpace, observation: Observation, marks: dict[str, str]) -> FrozenTrial:
    encoded, known = encoded_trial(space, observation.parameters)
    return create_trial(
        state=TrialState.RUNNING if observation.value is None else TrialState.COMPLETE,
        value=observation.value,
        params=encoded,
        distributions=known,
        user_attrs=marks,
    )
