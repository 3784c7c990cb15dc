"""A finished run's configuration with other seeds: how much of what trials differ in is chance.

A seed chooses the lists that are trained on, the folds' models, their starts and their order. Surprising: the run's own
figure is left out, since it was chosen for being high, so it says nothing of where other seeds end.
"""

from __future__ import annotations

from pathlib import Path

from trainer.contract.config.settings import load_config, replace
from trainer.contract.errors import UserError
from trainer.contract.files import write_json
from trainer.contract.paths.outputs import RunPaths
from trainer.contract.records.noise import Noise
from trainer.run import pipeline
from trainer.stages.store import Store


def measure_noise(folder: Path, n_seeds: int) -> Path:
    """Train a finished run's configuration with the seeds after its own, and return the file with the figures.

    Where the file is there already, it stays as it is.

    Raises:
        UserError: when the folder holds no complete run, or the data are not there.
    """
    paths = RunPaths(folder)
    if not paths.metrics.exists():
        raise UserError(f"--run {folder}: no complete run here (no {paths.metrics.name})")
    if not paths.noise.exists():
        config = load_config(paths.config)
        store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
        seeds = tuple((config.training.seed + i) % 2**31 for i in range(1, n_seeds + 1))
        found = [
            pipeline.train(replace(config, {"training.seed": seed}), Path(config.paths.data), store) for seed in seeds
        ]
        write_json(paths.noise, Noise(seeds=seeds, objectives=tuple(run.metrics.objectives for run in found)))
    return paths.noise
