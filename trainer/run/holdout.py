"""A finished run on the held-out season: read once, for the best run."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.files import replacing, write_json
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.evaluation.season_odds import evaluate_odds
from truestrength.trainer.evaluation.tables import evaluate
from truestrength.trainer.models.fitted import FittedModels, load_models
from truestrength.trainer.run.pipeline import predict_seasons
from truestrength.trainer.run.references import ceilings, references
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.store import Store


def holdout(config: Config, league_folder: Path, store: Store, models: FittedModels) -> tuple[RunMetrics, pl.DataFrame]:
    """Metrics and predictions of saved models on the held-out season, which no run has seen.

    Raises:
        UserError: when the held-out season's target is not known, or its features are not those of the models.
    """
    target = config.training.listmle_target
    split = usable_split(config.evaluation, read_manifest(league_folder), {target})
    batches = batches_stage.fetch(config, league_folder, store)
    known = references(league_folder, batches, target, split.train)
    predictions = predict_seasons(models, batches, split.holdout, known, target)
    measured = evaluate(predictions, known.truth, known.baselines, target, split.holdout)
    metrics = RunMetrics(
        target=target,
        seasons=split.holdout,
        stack_weights=models.description.stack_weights,
        title_odds=evaluate_odds(predictions, known.title, models.description.points_per_score, split.holdout),
        **vars(measured),
        **vars(ceilings(league_folder, batches, target, split.holdout)),
    )
    return metrics, predictions


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
        metrics, predictions = holdout(config, Path(config.paths.data), store, load_models(paths.models))
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
