"""Ray Tune with OptunaSearch, the study in PostgreSQL, `--workers` trials at once, actors reused."""

import argparse
import os
import tempfile

import optuna
import ray
from null_trial import LEARNING_RATE, SPACE, null_trial
from ray import tune
from ray.tune.search.optuna import OptunaSearch

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(trial):
    """The phase's parameters."""
    for name, (low, high) in SPACE.items():
        trial.suggest_int(name, low, high)
    trial.suggest_float("learning_rate", *LEARNING_RATE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--marks")
    parser.add_argument("--name")
    parser.add_argument("--folder")
    args = parser.parse_args()
    # Ray puts sockets there, whose paths may have 107 bytes: a checkout's own folder is too deep.
    scratch = tempfile.TemporaryDirectory(prefix="ray")
    ray.init(num_cpus=args.workers, include_dashboard=False, log_to_driver=False, _temp_dir=scratch.name)
    search = OptunaSearch(
        space,
        metric="value",
        mode="min",
        study_name=args.name,
        sampler=optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=0),
        storage=optuna.storages.RDBStorage(os.environ["STUDY_STORAGE"]),
    )
    marks = args.marks
    tuner = tune.Tuner(
        tune.with_resources(lambda config: {"value": null_trial(config["learning_rate"], marks)}, {"cpu": 1}),
        tune_config=tune.TuneConfig(
            search_alg=search, num_samples=args.trials, max_concurrent_trials=args.workers, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=f"{args.folder}/results", verbose=0),
    )
    results = tuner.fit()
    ray.shutdown()
    scratch.cleanup()
    raise SystemExit(bool(results.errors))
