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

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.league.season_checks import usable_split
from truestrength.trainer.contract.league.seasons import SeasonSplit
from truestrength.trainer.contract.records.metrics import BASE_MODELS, STACK, RunMetrics
from truestrength.trainer.contract.words import Target
from truestrength.trainer.evaluation.season_odds import add_odds, evaluate_odds, fit_points
from truestrength.trainer.evaluation.tables import WITHOUT, evaluate
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.lists import choose_lists
from truestrength.trainer.features.targets import require_target
from truestrength.trainer.models import settings
from truestrength.trainer.models.fits import Fits, Ints, Task, plan_fits
from truestrength.trainer.models.fitted import FittedModels, describe
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run.ranking import Ranked, date_rows, predictions_of, rank_validation
from truestrength.trainer.run.references import References, ceilings, references
from truestrength.trainer.stages import batches as batches_stage
from truestrength.trainer.stages.model_stages import ModelStages, TrainedModel
from truestrength.trainer.stages.store import Store
from truestrength.trainer.stages.watch import Watch


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
        store: of batches and, with `share`, of trained models.
        share: False trains every model alone; the result is the same.
        train_to: how deep the other runs of a sweep will want the models; used with `share`.
        proceed: called before and between stages; may raise to stop the run.

    Raises:
        UserError: for seasons, folds or data that the configuration cannot be used with, or a loss that diverges.
    """
    watch, target = Watch(dict(store.counts), proceed), config.training.listmle_target
    with watch.stage("batches"):
        split = usable_split(config.evaluation, read_manifest(league_folder), {target})
        batches = batches_stage.fetch(config, league_folder, store, proceed)
    with watch.stage("references"):
        known = references(league_folder, batches, target, split.train)
        require_target(known.truth, target, (*split.train, *split.validation))
    task = Task(batches, target, _fits(config, batches, split))
    train_to = _at_least(settings.depths(config), train_to if share else None)
    identity = batches_stage.identity(config, league_folder)
    trained = _models(ModelStages(task, config, identity, store if share else None, train_to, proceed), watch)
    with watch.stage("stack"):
        ranked = rank_validation(task, {name: model.scores for name, model in trained.items()})
        points = fit_points(known.title, batches, np.concatenate(task.fits.rank[:-1]), ranked.out_of_fold)
    found = _judged(task, ranked, points, split.validation, known=known, league_folder=league_folder, watch=watch)
    description = describe(ranked.stack, points, batches, config)
    models = FittedModels(**{name: model.final for name, model in trained.items()}, description=description)
    return TrainedRun(*_with_costs(found, watch, store), models)


def _with_costs(found: tuple[RunMetrics, pl.DataFrame], watch: Watch, store: Store) -> tuple[RunMetrics, pl.DataFrame]:
    metrics, predictions = found
    costs = {"cache": watch.counts_since(store.counts), "seconds": watch.seconds}
    return msgspec.structs.replace(metrics, **costs), predictions


def _judged(
    task: Task,
    ranked: Ranked,
    points: float,
    seasons: tuple[str, ...],
    *,
    known: References,
    league_folder: Path,
    watch: Watch,
) -> tuple[RunMetrics, pl.DataFrame]:
    """The figures of a ranking of the validation seasons, and its rows."""
    with watch.stage("evaluation"):
        ranking = predictions_of(task.batches, task.fits.rank[-1], ranked.scores, known.truth, task.target)
        measured = evaluate(ranking, known.truth, known.baselines, task.target, seasons)
    with watch.stage("title_odds"):
        predictions = add_odds(ranking.drop(WITHOUT), known.title, points)
        metrics = RunMetrics(
            target=task.target,
            seasons=seasons,
            title_odds=evaluate_odds(predictions, known.title, points, seasons),
            stack_weights=ranked.stack.as_table(),
            **vars(measured),
            **vars(ceilings(league_folder, task.batches, task.target, seasons)),
        )
    return metrics, predictions


def _models(stages: ModelStages, watch: Watch) -> dict[str, TrainedModel]:
    """The three models. While another worker trains one of them, this one sees to the others."""
    makers = dict(zip(BASE_MODELS, (stages.model_a, stages.model_b, stages.model_c), strict=True))
    trained: dict[str, TrainedModel] = {}
    for wait in (False, True):
        for name in [name for name in makers if name not in trained]:
            with watch.stage(name):
                if (made := makers[name](wait=wait)) is not None:
                    _check_scores(name, made)
                    trained[name] = made
    return {name: trained[name] for name in BASE_MODELS}


def _check_scores(name: str, model: TrainedModel) -> None:
    """Refuse a model that has diverged, before anything is made of its scores.

    Raises:
        UserError: naming the model and what to change.
    """
    wrong = int((~np.isfinite(model.scores)).sum())
    if wrong:
        raise UserError(
            f"{name.replace('_', ' ')}: {wrong} of its {model.scores.size} scores are no numbers: it has diverged. "
            f"Look at the settings of {name} in the run's config.yaml; a lower {name}.learning_rate is the usual cure"
        )


def predict_seasons(
    models: FittedModels, batches: Batches, seasons: tuple[str, ...], known: References, target: Target
) -> pl.DataFrame:
    """The predictions of saved models for every date of `seasons`, with the columns of `TrainedRun.predictions`."""
    lists = _lists_of(batches, seasons)
    mask = batches.team_mask[lists]
    rows = {name: scores[mask].astype(np.float64) for name, scores in models.scores(batches, lists).items()}
    stack = models.stack.score(rows, date_rows(batches, lists))
    ranking = predictions_of(batches, lists, {STACK: stack, **rows}, known.truth, target)
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
