"""Hydra: its Optuna sweeper and its submitit launcher, batches of `n_jobs` local jobs, the study in PostgreSQL."""

import hydra
from null_trial import null_trial


@hydra.main(version_base=None, config_path=None)
def main(config):
    """One trial."""
    return null_trial(config.learning_rate, config.marks)


if __name__ == "__main__":
    main()
