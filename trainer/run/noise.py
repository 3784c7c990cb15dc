"""A finished run's configuration with other seeds: how much of what trials differ in is chance.

Surprising: the run's own figure is left out, since it was chosen for being high, so it says nothing of where other
seeds end.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.files import write_json
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.run import results_stage
from truestrength.trainer.run.repeats import with_seed
from truestrength.trainer.stages.store import Store


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
        own = max(1, len(msgspec.json.decode(paths.metrics.read_bytes(), type=RunMetrics).repeats))
        configs = [with_seed(config, number) for number in range(own, own + n_seeds)]
        found = tuple(results_stage.fetch(changed, store).metrics.objectives for changed in configs)
        write_json(paths.noise, Noise(seeds=tuple(changed.training.seed for changed in configs), objectives=found))
    return paths.noise
