"""One run outside any sweep (`trainer run`), and a finished run on the held-out season (`trainer holdout`)."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from trainer import pipeline
from trainer.contract import run_ids
from trainer.contract.config import Config, load_config
from trainer.contract.database import database_url
from trainer.contract.errors import UserError
from trainer.contract.files import replacing, write_json
from trainer.contract.league import read_manifest
from trainer.contract.ledger import Ledger
from trainer.contract.paths import OutputsRoot, RunPaths
from trainer.contract.season_checks import usable_split
from trainer.models.fitted import load_models
from trainer.stages.store import Store
from trainer.threads import use_threads
from trainer.training_run import open_store, train_into


def run_once(config: Config, *, threads: int | None = None, share: bool = True) -> RunPaths:
    """Train one run under its own run id, and return its folder.

    Raises:
        UserError: for a run id that is taken, data that cannot be used, or no database.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    threads = use_threads(threads)
    # Refused before a run id is taken.
    usable_split(config.evaluation, read_manifest(Path(config.paths.data)), {config.training.listmle_target})
    outputs = OutputsRoot(Path(config.paths.outputs))
    outputs.root.mkdir(parents=True, exist_ok=True)
    with Ledger(database_url(outputs=outputs)) as ledger:
        ledger.prepare()
        run_id = config.inference.run_id
        if run_id is None:
            run_id = run_ids.new_run_id(ledger, outputs, config.inference.run_id_base)
        else:
            run_ids.reserve(outputs, run_id)
        paths = outputs.lone_run(run_id)
        train_into(paths, run_id, config, open_store(config, ledger), threads=threads, share=share)
    return paths


def evaluate_holdout(folder: Path) -> Path:
    """Rank the held-out season with a finished run's saved models, and return the file with the metrics.

    The season is read once: where the file is there already, it stays as it is.

    Raises:
        UserError: when the folder holds no complete run.
    """
    paths = RunPaths(folder)
    if not paths.metrics.exists():
        raise UserError(f"--run {folder}: no complete run here (no {paths.metrics.name})")
    if not paths.holdout.exists():
        config = load_config(paths.config)
        store = Store(Path(config.paths.batch_cache), max_gb=config.cache.max_gb)
        metrics, predictions = pipeline.holdout(config, Path(config.paths.data), store, load_models(paths.models))
        _write_predictions(paths.holdout_predictions, predictions)
        write_json(paths.holdout, metrics)
    return paths.holdout


def evaluate_holdouts(folders: Sequence[Path]) -> list[Path]:
    """`evaluate_holdout` for several runs in one process; a run that cannot be evaluated does not stop the others.

    Raises:
        UserError: at the end, with what went wrong with each of them; anything unforeseen, with its traceback, as well.
    """
    done, problems = [], []
    for folder in folders:
        try:
            done.append(evaluate_holdout(folder))
        except UserError as error:
            problems.append(str(error))
        except Exception:
            problems.append(f"--run {folder}: {traceback.format_exc()}")
    if problems:
        raise UserError("\n".join(problems))
    return done


def _write_predictions(path: Path, predictions: pl.DataFrame) -> None:
    with replacing(path) as temporary:
        predictions.write_parquet(temporary)
