"""One run outside any sweep: `truestrength train`.

Surprising: it asks no database. An id counts as given when its reservation lies on the disk, and the store is right
without an arbiter: at worst two processes make the same entry.
"""

from __future__ import annotations

import logging
from pathlib import Path

from truestrength.trainer.contract import outputs_root
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.league.list_checks import check_lists
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.run.train_into import train_into
from truestrength.trainer.stages.store import Store


def run_once(config: Config, *, threads: int, repeats: int = 1, share: bool = True) -> RunPaths:
    """Train one run under its own run id, and return its folder. Needs no database.

    Args:
        config: of the run.
        threads: CPU threads of this process, as `use_threads` set them.
        repeats: seeds to train with.
        share: False trains every model anew.

    Raises:
        UserError: for a run id that is taken, or data that cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    manifest = read_manifest(Path(config.paths.data))
    # Refused before a run id is taken.
    check_lists(config, usable_split(config.evaluation, manifest, {config.training.listmle_target}), manifest)
    outputs = OutputsRoot(Path(config.paths.outputs))
    run_id = config.inference.run_id
    if run_id is None:
        run_id = outputs_root.next_free(outputs, config.inference.run_id_base)
    else:
        outputs_root.reserve(outputs, run_id)
    paths = outputs.lone_run(run_id)
    store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
    train_into(paths, run_id, config, store, threads=threads, repeats=repeats, share=share)
    return paths
