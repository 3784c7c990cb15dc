#!/usr/bin/env bash
# Optuna 5.0.0: QMCSampler without scrambling ignores its seed, and its second trial is the lower bound of everything.
#
# One would swear that samplers with different seeds propose different points. An unscrambled Sobol sequence is one
# fixed sequence: only the first trial (sampled independently, since the search space is not known yet) depends on the
# seed. The sequence begins at its origin, so the second trial has every parameter at its lower bound: the first
# category, the smallest learning rate.
# Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 numpy==2.4.6 scipy==1.17.1 2>/dev/null
"$place/venv/bin/python" - <<'PY'
import warnings

import optuna

warnings.simplefilter("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def points(seed: int, scramble: bool) -> list[dict[str, object]]:
    sampler = optuna.samplers.QMCSampler(seed=seed, scramble=scramble)
    study = optuna.create_study(sampler=sampler)

    def trial_value(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 0.001, 0.1, log=True)
        depth = trial.suggest_int("depth", 3, 9)
        return rate * depth + len(trial.suggest_categorical("kind", ["first", "second", "third"]))

    study.optimize(trial_value, n_trials=6)
    return [trial.params for trial in study.trials]


one, other = points(1, False), points(2, False)
print(f"optuna {optuna.__version__}, seed 1: {one[:3]}")
print(f"optuna {optuna.__version__}, seed 2: {other[:3]}")
same = one[1:] == other[1:] and one[0] != other[0]
lowest = abs(one[1]["rate"] - 0.001) < 1e-9 and one[1]["depth"] == 3
scrambled = points(1, True)[1:] != points(2, True)[1:]
print(f"same but for the first: {same}; the second at every lower bound: {lowest}; scrambling heeds it: {scrambled}")
raise SystemExit(0 if same and lowest and scrambled else 1)
PY
