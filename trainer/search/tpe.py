"""TPE over what the ledger knows, in a study that lives in memory for one question.

The study in the database is the record; asking it directly would read every trial of the sweep again in each process,
and has no place for the trials of sibling sweeps, which must not count as the sweep's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from trainer.contract.config.search_space import Parameters, SearchSpace
from trainer.contract.ledger import Observation
from trainer.contract.ledger.optuna_parameters import distributions, encode
from trainer.contract.words import Direction
from trainer.search import dimensions

PRIOR = "prior_observation_of"
"""User attribute of a sibling's trial: the sweep it comes from."""


def tpe_point(
    space: SearchSpace, direction: Direction, own: Sequence[Observation], prior: Sequence[Observation], seed: int
) -> Parameters:
    """Where multivariate TPE would look next; trials that run count as poor ones, so that workers keep apart."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(n_startup_trials=1, multivariate=True, constant_liar=True, seed=seed)
    study = optuna.create_study(direction=direction.value, sampler=sampler)
    study.add_trials([_trial(space, o, {PRIOR: o.batch_id}) for o in prior] + [_trial(space, o, {}) for o in own])
    trial = study.ask(fixed_distributions=distributions(space))
    return dimensions.decode(space, trial.params)


def _trial(space: SearchSpace, observation: Observation, marks: dict[str, str]) -> FrozenTrial:
    return create_trial(
        state=TrialState.RUNNING if observation.value is None else TrialState.COMPLETE,
        value=observation.value,
        params=encode(space, observation.parameters),
        distributions=distributions(space),
        user_attrs=marks,
    )
