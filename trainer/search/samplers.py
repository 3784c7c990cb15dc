"""Samplers over what the ledger knows; those that learn, in a study that lives in memory for one question.

The study in the database is the record; asking it directly would read every trial of the sweep again in each process,
and has no place for the trials of sibling sweeps, which must not count as the sweep's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from truestrength.trainer.contract.config.search_space import Parameters, SearchSpace
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.ledger.optuna_parameters import distributions, encode
from truestrength.trainer.contract.ledger.optuna_trials import KnownTrial, study_of
from truestrength.trainer.contract.words import Direction, Sampler
from truestrength.trainer.search import dimensions

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
    study = study_of(_MADE.trials(space, own, prior), StudyDirection[direction.upper()], sampler)
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


class _Made:
    """Observations as trials, each made once: the next question is about nearly the same ones."""

    def __init__(self) -> None:
        self._space: SearchSpace = {}
        self._known: Mapping[str, BaseDistribution] = {}
        self._trials: dict[tuple[str, int, bool], tuple[Observation, KnownTrial]] = {}

    def trials(
        self, space: SearchSpace, own: Sequence[Observation], prior: Sequence[Observation]
    ) -> Iterator[FrozenTrial]:
        """Those of other sweeps, then the sweep's own."""
        if space != self._space:
            self._space, self._known, self._trials = space, distributions(space), {}
        before, self._trials = self._trials, {}
        for observation, of_another in [*((o, True) for o in prior), *((o, False) for o in own)]:
            key = (observation.batch_id, observation.slot, of_another)
            known, trial = before.get(key, (None, None))
            if trial is None or known != observation:
                trial = self._trial(observation, {PRIOR: observation.batch_id} if of_another else {})
            self._trials[key] = (observation, trial)
            yield trial

    def _trial(self, observation: Observation, marks: dict[str, str]) -> KnownTrial:
        encoded = encode(self._space, observation.parameters)
        now = datetime.now()
        return KnownTrial(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING if observation.value is None else TrialState.COMPLETE,
            value=observation.value,
            datetime_start=now,
            datetime_complete=None if observation.value is None else now,
            params=encoded,
            distributions={name: self._known[name] for name in encoded},
            user_attrs=marks,
            system_attrs={},
            intermediate_values={},
        )


_MADE = _Made()
