"""One training run, from a league folder to metrics, predictions and models; the same models on the held-out season.

The surprising one: with a store, a run may train its models further than it needs (`train_to`), so that the other
trials of its sweep find them trained; what the run itself reads is a prefix, the same to the last bit as if it had
trained alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from trainer.contract.config import Config
from trainer.contract.league import read_manifest
from trainer.contract.metrics import RunMetrics, Scores, StageCount
from trainer.contract.objectives import Objective, Target
from trainer.evaluation.metrics import mean_scores, objectives
from trainer.evaluation.tables import MODELS, evaluate, season_scores
from trainer.features.batches import Batches
from trainer.features.lists import choose_lists
from trainer.features.seasons import SeasonSplit, split_seasons
from trainer.features.targets import require_target
from trainer.models import settings
from trainer.models.fits import Fits, Ints, Task, plan_fits
from trainer.models.fitted import FittedModels, describe
from trainer.models.settings import Depths
from trainer.models.stack import Stack, StackRows, fit_stack
from trainer.models.team_rows import relevance_rows
from trainer.stages import batches as batches_stage
from trainer.stages.model_stages import ModelStages
from trainer.stages.references import References, references
from trainer.stages.store import Store

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

BASE_MODELS = ("model_a", "model_b", "model_c")


@dataclass(frozen=True)
class TrainedRun:
    """What a run found."""

    metrics: RunMetrics
    predictions: pl.DataFrame
    """season, date, team_id, conference, a score per model, predicted_rank and target_rank, on the validation dates."""
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
        proceed: called before every stage; may raise to stop the run.

    Raises:
        UserError: for seasons, folds or data that the configuration cannot be used with, or a loss that diverges.
    """
    watch = _Watch(dict(store.counts), proceed)
    target = config.training.listmle_target
    with watch.stage("batches"):
        split = split_seasons(config.evaluation, read_manifest(league_folder))
        batches = batches_stage.fetch(config, league_folder, store)
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
    )
    scores = {}
    with watch.stage("model_a"):
        scores["model_a"], model_a = stages.model_a()
    with watch.stage("model_b"):
        scores["model_b"], model_b = stages.model_b()
    with watch.stage("model_c"):
        scores["model_c"], model_c = stages.model_c()
    with watch.stage("stack"):
        ranked = _rank(task, scores)
    with watch.stage("evaluation"):
        validation = task.fits.rank[-1]
        predictions = _predictions(batches, validation, ranked.scores, known.truth, target)
        # A stack that lacks a model stands in the place of that model.
        lacking = _predictions(batches, validation, {**ranked.scores, **ranked.without}, known.truth, target)
        measured = evaluate(predictions, known.truth, known.baselines, target, split.validation)
        metrics = RunMetrics(
            target=target,
            seasons=split.validation,
            stack_weights=ranked.stack.as_table(),
            stack_without=_scores_of(BASE_MODELS, lacking, known, target, split.validation),
            **vars(measured),
        )
    models = FittedModels(
        model_a,
        model_b,
        model_c,
        describe(ranked.stack, target, batches, config.model_a.hidden, settings.depths(config)),
    )
    metrics = msgspec.structs.replace(metrics, cache=watch.counts_since(store.counts), seconds=watch.seconds)
    log.info("spearman %.4f on %s", metrics.objectives.spearman, ", ".join(split.validation))
    return TrainedRun(metrics, predictions, models)


def holdout(config: Config, league_folder: Path, store: Store, models: FittedModels) -> tuple[RunMetrics, pl.DataFrame]:
    """Metrics and predictions of saved models on the held-out season, which no run has seen.

    Raises:
        UserError: when the held-out season's target is not known, or its features are not those of the models.
    """
    target = config.training.listmle_target
    split = split_seasons(config.evaluation, read_manifest(league_folder))
    batches = batches_stage.fetch(config, league_folder, store)
    known = references(league_folder, batches, target, split.train)
    predictions = predict_seasons(models, batches, split.holdout, known.truth, target)
    measured = evaluate(predictions, known.truth, known.baselines, target, split.holdout)
    metrics = RunMetrics(
        target=target,
        seasons=split.holdout,
        stack_weights=models.description.stack_weights,
        **vars(measured),
    )
    return metrics, predictions


def predict_seasons(
    models: FittedModels, batches: Batches, seasons: tuple[str, ...], truth: pl.DataFrame, target: Target
) -> pl.DataFrame:
    """The predictions of saved models for every date of `seasons`, with the columns of `TrainedRun.predictions`."""
    lists = _lists_of(batches, seasons)
    mask = batches.team_mask[lists]
    rows = {name: scores[mask].astype(np.float64) for name, scores in models.scores(batches, lists).items()}
    rows["stack"] = models.stack.score(rows, _date_rows(batches, lists))
    return _predictions(batches, lists, rows, truth, target)


@dataclass(frozen=True)
class _Ranked:
    """The stack, and all models' scores of the validation rows."""

    stack: Stack
    scores: dict[str, Floats]
    """[R] by model, the stack included."""
    without: dict[str, Floats]
    """[R] scores of the stack fitted without a model, by that model."""


def _rank(task: Task, scores: Mapping[str, npt.NDArray[np.float32]]) -> _Ranked:
    """Fit the stack on the out-of-fold rows and score the validation rows with it."""
    fits, batches = task.fits, task.batches
    n_out_of_fold = fits.n_out_of_fold
    folds, validation = np.concatenate(fits.rank[:-1]), fits.rank[-1]
    known, asked = batches.team_mask[folds], batches.team_mask[validation]
    rows = StackRows(
        scores={name: s[:n_out_of_fold][known].astype(np.float64) for name, s in scores.items()},
        relevance=relevance_rows(batches, folds, task.target).astype(np.float64),
        date=_date_rows(batches, folds),
        season=np.repeat(batches.season[folds], known.sum(axis=1)),
    )
    of_validation = {name: s[n_out_of_fold:][asked].astype(np.float64) for name, s in scores.items()}
    dates = _date_rows(batches, validation)
    stack = fit_stack(rows, BASE_MODELS)
    without = {
        name: fit_stack(rows, [other for other in BASE_MODELS if other != name]).score(of_validation, dates)
        for name in BASE_MODELS
    }
    return _Ranked(stack, {**of_validation, "stack": stack.score(of_validation, dates)}, without)


def _predictions(
    batches: Batches, lists: Ints, scores: Mapping[str, Floats], truth: pl.DataFrame, target: Target
) -> pl.DataFrame:
    mask = batches.team_mask[lists]
    n_teams = mask.sum(axis=1)
    frame = pl.DataFrame(
        {
            "season": pl.Series(batches.seasons)[np.repeat(batches.season[lists], n_teams)],
            "date": pl.Series(np.repeat(batches.date[lists], n_teams)).cast(pl.Date),
            "team_id": batches.team_id[lists][mask],
            "conference": pl.Series(batches.conferences)[np.repeat(batches.conference[lists], n_teams)],
            **{name: scores[name] for name in MODELS},
        }
    )
    true_rank = truth.select("season", "team_id", target_rank=pl.col(target.value))
    predicted = pl.col("stack").rank("ordinal", descending=True).over("season", "date")
    return (
        frame.with_columns(predicted_rank=predicted)
        .join(true_rank, on=["season", "team_id"], how="left")
        .sort("season", "date", "team_id")
    )


def _scores_of(
    rankers: Sequence[str], predictions: pl.DataFrame, known: References, target: Target, seasons: tuple[str, ...]
) -> dict[str, Scores]:
    """Mean scores of some columns of `predictions`."""
    blocks = season_scores(predictions, known.truth, known.baselines, target, seasons)
    result = {}
    for name in rankers:
        per_season = [
            objectives(block.scores[block.rankers.index(name)], block.rank, block.outcome, block.playoff_team)
            for block in blocks
        ]
        joined = {objective: np.concatenate([values[objective] for values in per_season]) for objective in Objective}
        result[name] = mean_scores(joined)
    return result


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


def _date_rows(batches: Batches, lists: Ints) -> Ints:
    """[R] a number per season and date for each real team of `lists`."""
    date = batches.season[lists].astype(np.int64) * 1_000_000 + batches.date[lists]
    return np.repeat(date, batches.team_mask[lists].sum(axis=1))


def _at_least(own: Depths, wanted: Depths | None) -> Depths:
    if wanted is None:
        return own
    return Depths(max(own.epochs, wanted.epochs), max(own.rounds, wanted.rounds), max(own.trees, wanted.trees))


class _Watch:
    """Seconds and store counts of one run."""

    def __init__(self, counts: dict[str, StageCount], proceed: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._counts = counts
        self._proceed = proceed

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the wall time of the body."""
        self._proceed()
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 4)

    def counts_since(self, counts: Mapping[str, StageCount]) -> dict[str, StageCount]:
        """Hits and misses since the watch was made."""
        zero = StageCount()
        differences = {
            name: StageCount(
                hits=now.hits - self._counts.get(name, zero).hits,
                misses=now.misses - self._counts.get(name, zero).misses,
            )
            for name, now in counts.items()
        }
        return {name: count for name, count in differences.items() if count != zero}
