"""One training run, from a league folder to metrics, predictions and models; the same models on the held-out season.

The surprising one: with a store, a run may train its models further than it needs (`train_to`), so that the other
trials of its sweep find them trained; what the run itself reads is a prefix, the same to the last bit as if it had
trained alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from trainer.contract.config import Config
from trainer.contract.league import read_manifest
from trainer.contract.metrics import RunMetrics
from trainer.contract.objectives import Target
from trainer.contract.season_checks import usable_split
from trainer.contract.seasons import SeasonSplit
from trainer.evaluation.season_odds import add_odds, evaluate_odds, fit_points
from trainer.evaluation.tables import BASE_MODELS, WITHOUT, evaluate
from trainer.features.batches import Batches
from trainer.features.lists import choose_lists
from trainer.features.targets import require_target
from trainer.models import settings
from trainer.models.fits import Fits, Ints, Task, plan_fits
from trainer.models.fitted import FittedModels, describe
from trainer.models.settings import Depths
from trainer.ranking import date_rows, predictions_of, rank_validation
from trainer.stages import batches as batches_stage
from trainer.stages.model_stages import ModelStages, TrainedModel
from trainer.stages.references import References, ceilings, references
from trainer.stages.store import Store
from trainer.stages.watch import Watch


@dataclass(frozen=True)
class TrainedRun:
    """What a run found."""

    metrics: RunMetrics
    predictions: pl.DataFrame
    """season, date, team_id, conference, a score per model, predicted_rank, target_rank and title_probability, on the
    validation dates."""
    models: FittedModels


def train(
    config: Config,
    league_folder: Path,
    store: Store,
    *,
    share: bool = True,
    train_to: Depths | None = None,
    proceed: Callable[[], None] = lambda: None,
) -> TrainedRun:
    """Train the three models and the stack, and evaluate them on the validation seasons.

    Args:
        config: everything that can change the result.
        league_folder: the data.
        store: batches, and with `share` the trained models, are read from it and written to it.
        share: False trains every model alone; the result is the same.
        train_to: how deep the other runs of a sweep will want the models; used with `share`.
        proceed: called before every stage, and while somebody else builds one; may raise to stop the run.

    Raises:
        UserError: for seasons, folds or data that the configuration cannot be used with, or a loss that diverges.
    """
    watch = Watch(dict(store.counts), proceed)
    target = config.training.listmle_target
    with watch.stage("batches"):
        split = usable_split(config.evaluation, read_manifest(league_folder), {target})
        batches = batches_stage.fetch(config, league_folder, store, proceed)
    with watch.stage("references"):
        known = references(league_folder, batches, target, split.train)
        require_target(known.truth, target, (*split.train, *split.validation))
    task = Task(batches, target, _fits(config, batches, split))
    stages = ModelStages(
        task=task,
        config=config,
        batches=batches_stage.identity(config, league_folder),
        store=store if share else None,
        train_to=_at_least(settings.depths(config), train_to if share else None),
        proceed=proceed,
    )
    trained = _models(stages, watch)
    scores = {name: model.scores for name, model in trained.items()}
    with watch.stage("stack"):
        ranked = rank_validation(task, scores)
        points = fit_points(known.title, batches, np.concatenate(task.fits.rank[:-1]), ranked.out_of_fold)
    with watch.stage("evaluation"):
        validation = task.fits.rank[-1]
        ranking = predictions_of(batches, validation, ranked.scores, known.truth, target)
        measured = evaluate(ranking, known.truth, known.baselines, target, split.validation)
    with watch.stage("title_odds"):
        predictions = add_odds(ranking.drop(WITHOUT), known.title, points)
        metrics = RunMetrics(
            target=target,
            seasons=split.validation,
            title_odds=evaluate_odds(predictions, known.title, points, split.validation),
            stack_weights=ranked.stack.as_table(),
            **vars(measured),
            **vars(ceilings(league_folder, batches, target, split.validation)),
        )
    description = describe(ranked.stack, points, batches, config)
    finals = {name: model.final for name, model in trained.items()}
    models = FittedModels(**finals, description=description)
    metrics = msgspec.structs.replace(metrics, cache=watch.counts_since(store.counts), seconds=watch.seconds)
    return TrainedRun(metrics, predictions, models)


def _models(stages: ModelStages, watch: Watch) -> dict[str, TrainedModel]:
    """The three models. While another worker trains one of them, this one sees to the others."""
    makers = dict(zip(BASE_MODELS, (stages.model_a, stages.model_b, stages.model_c), strict=True))
    trained: dict[str, TrainedModel] = {}
    for wait in (False, True):
        for name in [name for name in makers if name not in trained]:
            with watch.stage(name):
                if (made := makers[name](wait=wait)) is not None:
                    trained[name] = made
    return {name: trained[name] for name in BASE_MODELS}


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


def predict_seasons(
    models: FittedModels, batches: Batches, seasons: tuple[str, ...], known: References, target: Target
) -> pl.DataFrame:
    """The predictions of saved models for every date of `seasons`, with the columns of `TrainedRun.predictions`."""
    lists = _lists_of(batches, seasons)
    mask = batches.team_mask[lists]
    rows = {name: scores[mask].astype(np.float64) for name, scores in models.scores(batches, lists).items()}
    stack = models.stack.score(rows, date_rows(batches, lists))
    ranking = predictions_of(batches, lists, {"stack": stack, **rows}, known.truth, target)
    return add_odds(ranking, known.title, models.description.points_per_score)


def _fits(config: Config, batches: Batches, split: SeasonSplit) -> Fits:
    training = config.training
    return plan_fits(
        batches,
        out_of_fold=choose_lists(batches, split.train, training.max_lists_oof, training.seed),
        final=choose_lists(batches, split.train, training.max_final_batches, training.seed),
        ranked=_lists_of(batches, split.validation),
        n_folds=training.n_folds,
    )


def _lists_of(batches: Batches, seasons: tuple[str, ...]) -> Ints:
    wanted = [batches.seasons.index(season) for season in seasons]
    return np.flatnonzero(np.isin(batches.season, wanted)).astype(np.int64)


def _at_least(own: Depths, wanted: Depths | None) -> Depths:
    if wanted is None:
        return own
    return Depths(max(own.epochs, wanted.epochs), max(own.rounds, wanted.rounds), max(own.trees, wanted.trees))
