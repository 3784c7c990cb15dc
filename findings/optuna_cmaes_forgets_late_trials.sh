#!/usr/bin/env bash
# Optuna 5.0.0: CmaEsSampler never learns from a trial that ends after its generation is full, whatever it found.
#
# One would swear that every finished trial counts for something. CMA-ES moves on as soon as a generation (6 trials for
# 2 parameters) has ended; what was proposed from the same generation and ends later is never told to it. With one
# worker there is none of those. With 18 workers that ask at once, 12 of the first 18 trials are for nothing: here their
# values are a million times better or worse, and all later proposals are the same, to the bit.
# Exits 0 while that is so, and 1 when it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check optuna==5.0.0 cmaes==0.13.1 numpy==2.4.6 2>/dev/null
"$place/venv/bin/python" - <<'PY'
import optuna
from optuna.distributions import FloatDistribution

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = {"x": FloatDistribution(-5, 5), "y": FloatDistribution(-5, 5)}
SIZE = 6  # of a generation of CMA-ES with two parameters: 4 + floor(3 ln 2)


def later_proposals(changed: range, by: float) -> list[tuple[float, float]]:
    """What is proposed after 18 trials that were asked for at once, with other values for some of them."""
    study = optuna.create_study(sampler=optuna.samplers.CmaEsSampler(seed=1, n_startup_trials=1))
    study.tell(study.ask(SPACE), 1.0)  # the one that is drawn at random, from which the space is known
    for number, trial in enumerate([study.ask(SPACE) for _ in range(3 * SIZE)]):
        study.tell(trial, trial.params["x"] ** 2 + trial.params["y"] ** 2 + by * (number in changed))
    found = []
    for _ in range(5 * SIZE):
        trial = study.ask(SPACE)
        found.append((trial.params["x"], trial.params["y"]))
        study.tell(trial, trial.params["x"] ** 2 + trial.params["y"] ** 2)
    return found


as_it_is = later_proposals(range(0), 0.0)
late = range(SIZE, 3 * SIZE)
forgotten = all(later_proposals(late, by) == as_it_is for by in (-1e6, 1e6))
heard = later_proposals(range(1), 1e6) != as_it_is  # one of the first six does count
print(f"optuna {optuna.__version__}: first 3 of {len(as_it_is)} later proposals {as_it_is[:3]}")
print(f"the same whatever {2 * SIZE} of {3 * SIZE} trials asked for at once have found: {forgotten}; others when one of the first {SIZE} changes: {heard}")
raise SystemExit(0 if forgotten and heard else 1)
PY
