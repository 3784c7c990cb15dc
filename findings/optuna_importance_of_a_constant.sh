#!/usr/bin/env bash
# Optuna 5.0.0: the default parameter importances give a share to a parameter that never varied.
#
# One would swear that a parameter with the same value in every trial explains nothing, so 0. The default evaluator
# (PED-ANOVA) compares the distribution of the best trials with that of all, by a density with a prior, and the number
# of bins follows the parameter's own grid; what is left is normalised to a sum of 1. Seen here: a parameter that
# decides everything, one of noise, and one that never varied although its range allows it.
# Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 numpy==2.4.6 scipy==1.17.1 2>/dev/null
"$place/venv/bin/python" - <<'PY'
import random
import warnings

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import create_trial

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
rng = random.Random(7)
space = {
    "decides": FloatDistribution(0.0, 1.0),
    "noise": FloatDistribution(0.0, 1.0),
    "constant": IntDistribution(1, 10),
}
study = optuna.create_study(direction="maximize")
for _ in range(12):
    params = {"decides": rng.random(), "noise": rng.random(), "constant": 5}
    study.add_trial(create_trial(params=params, distributions=space, value=params["decides"]))
found = optuna.importance.get_param_importances(study)
print(f"optuna {optuna.__version__}: {found}")
raise SystemExit(0 if found["constant"] > 0.01 else 1)
PY
