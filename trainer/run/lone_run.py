"""One run outside any sweep: `python -m trainer run`."""

from __future__ import annotations

import logging
from pathlib import Path

from trainer.contract import outputs_root
from trainer.contract.config.settings import Config
from trainer.contract.database.address import database_url
from trainer.contract.ledger import Ledger
from trainer.contract.paths.outputs import OutputsRoot, RunPaths
from trainer.run.train_into import open_store, train_into


def run_once(config: Config, *, threads: int, share: bool = True) -> RunPaths:
    """Train one run under its own run id, and return its folder.

    Args:
        config: of the run.
        threads: CPU threads of this process, as `use_threads` set them.
        share: False trains every model anew.

    Raises:
        UserError: for a run id that is taken, data that cannot be used, or no database.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    outputs = OutputsRoot(Path(config.paths.outputs))
    outputs.root.mkdir(parents=True, exist_ok=True)
    with Ledger(database_url(outputs=outputs)) as ledger:
        ledger.prepare()
        run_id = config.inference.run_id
        if run_id is None:
            run_id = ledger.new_run_id(outputs, config.inference.run_id_base)
        else:
            outputs_root.reserve(outputs, run_id)
        paths = outputs.lone_run(run_id)
        train_into(paths, run_id, config, open_store(config, ledger), threads=threads, share=share)
    return paths
