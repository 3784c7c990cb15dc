"""Plain Optuna: `--workers` processes that call `study.optimize` on one study in PostgreSQL, with the same sampler."""

import argparse
import multiprocessing
import os

import optuna
from null_trial import LEARNING_RATE, SPACE, null_trial

optuna.logging.set_verbosity(optuna.logging.WARNING)


def objective(trial, marks):
    """Ask for the phase's parameters."""
    for name, (low, high) in SPACE.items():
        trial.suggest_int(name, low, high)
    return null_trial(trial.suggest_float("learning_rate", *LEARNING_RATE), marks)


def worker(args, number):
    """What each process does, as in Optuna's tutorial on distributed optimisation: an even share of the trials."""
    sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=number)
    study = optuna.load_study(study_name=args.name, storage=os.environ["STUDY_STORAGE"], sampler=sampler)
    share = len(range(number, args.trials, args.workers))
    study.optimize(lambda trial: objective(trial, args.marks), n_trials=share)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--marks")
    parser.add_argument("--name")
    args = parser.parse_args()
    optuna.create_study(study_name=args.name, storage=os.environ["STUDY_STORAGE"])
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(args, number)) for number in range(args.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
