"""An Optuna study as plain data, and its parameter importances.

Optuna's estimator (PED-ANOVA) answers even where there is nothing to say: with equal shares and a warning; here the
warning is the answer, and the shares are left out. And a parameter that had one value in all trials although it might
have had others gets a share as if it mattered (findings/optuna_importance_of_a_constant.sh): it is not asked about.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Collection, Sequence
from typing import Any

from msgspec.structs import replace
from optuna import Study
from optuna.distributions import distribution_to_json
from optuna.importance import get_param_importances
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from truestrength.launcher.report.trials import Importances
from truestrength.trainer.contract.ledger.optuna_trials import study_of
from truestrength.trainer.contract.text_table import counted

FEWEST_TRIALS = 4
"""PED-ANOVA compares the best two trials with all: with fewer than four that is noise."""


def study_as_data(study: Study) -> dict[str, Any]:
    """Name, direction and every trial with its parameters, distributions, state and times (ISO 8601)."""
    known: dict[int, dict[str, Any]] = {}
    return {
        "study_name": study.study_name,
        "direction": study.direction.name.lower(),
        "trials": [_trial_as_data(trial, known) for trial in sorted(study.get_trials(deepcopy=False), key=_number)],
    }


def importances(study: Study, numbers: Collection[int]) -> Importances:
    """How much each varied parameter mattered for the value.

    Args:
        study: The sweep's study.
        numbers: The trials that count: complete, and all on the same lists.

    Returns:
        Shares that sum to 1; with too few or too similar trials none, and the reason.
    """
    trials = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if t.number in numbers]
    found = Importances(batch_id=study.study_name, n_trials=len(trials))
    varied = _varied(trials)
    if reason := _cannot_say([trial.value for trial in trials], varied):
        return replace(found, reason=reason)
    shares, warned = _shares(trials, study.direction, varied)
    if warned or not all(math.isfinite(share) for share in shares.values()):
        return replace(found, reason=warned or "the estimate is not a number")
    return replace(found, importances=dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))))


def _varied(trials: Sequence[FrozenTrial]) -> list[str]:
    """The parameters that had more than one value, and are there, or not, in more than one trial: else Optuna warns."""
    names = {name for trial in trials for name in trial.params}
    values = {name: [trial.params[name] for trial in trials if name in trial.params] for name in names}
    return sorted(n for n, own in values.items() if len(set(own)) > 1 and len(trials) - len(own) != 1)


def _cannot_say(values: Sequence[float | None], varied: Sequence[str]) -> str | None:
    if len(values) < FEWEST_TRIALS:
        return f"{counted(len(values), 'complete trial')}; at least {FEWEST_TRIALS} are needed"
    if len(set(values)) == 1:
        return "all trials have the same value"
    return None if varied else "no parameter was varied"


def _shares(
    trials: Sequence[FrozenTrial], direction: StudyDirection, varied: list[str]
) -> tuple[dict[str, float], str | None]:
    counted = study_of(trials, direction)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shares = get_param_importances(counted, params=varied)
    return shares, next((str(w.message) for w in caught if issubclass(w.category, UserWarning)), None)


def _number(trial: FrozenTrial) -> int:
    return trial.number


def _trial_as_data(trial: FrozenTrial, known: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """`known`: what is said of distributions that many trials share, by the object."""
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.values[0] if trial.values else None,
        "params": trial.params,
        "distributions": {
            name: known.get(id(space)) or known.setdefault(id(space), json.loads(distribution_to_json(space)))
            for name, space in trial.distributions.items()
        },
        "user_attrs": trial.user_attrs,
        "datetime_start": trial.datetime_start,
        "datetime_complete": trial.datetime_complete,
    }
