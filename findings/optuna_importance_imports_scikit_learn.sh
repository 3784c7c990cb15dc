#!/usr/bin/env bash
# Optuna 5.0.0: asking for importances loads scikit-learn, scipy.stats and pandas, which the default evaluator never uses.
#
# One would swear that an optional dependency is loaded when the evaluator that needs it is made, as elsewhere in Optuna,
# where imports are lazy. The default evaluator (PED-ANOVA) works without scikit-learn, also where it is not installed.
# But where it is there for another reason, the package of the evaluators imports it for the two that fit forests: more
# than a second and 100 MB in a process that wanted one number for each parameter. Exits 0 while that is so, 1 otherwise.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 numpy==2.4.6 scipy==1.17.1 \
    scikit-learn pandas 2> /dev/null
"$place/venv/bin/python" - << 'PY'
import sys
import time
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study()
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=20)
before, began = set(sys.modules), time.process_time()
found = optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
loaded = {name.partition(".")[0] for name in set(sys.modules) - before} & {"sklearn", "pandas"}
print(f"optuna {optuna.__version__}: {found} loaded {sorted(loaded)} in {time.process_time() - began:.1f} CPU s")
raise SystemExit(0 if "sklearn" in loaded else 1)
PY
