"""What a run leaves in `metrics.json`: the six objectives of every model and baseline, sliced; typed for reports."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

import msgspec

from truestrength.trainer.contract.records.cost import Cost
from truestrength.trainer.contract.records.odds import TitleOdds
from truestrength.trainer.contract.words import Objective

STACK = "stack"
"""The ranker that a sweep optimises: the weighted sum of the base models."""
BASE_MODELS = ("model_a", "model_b", "model_c")
MODELS = (STACK, *BASE_MODELS)
PLAIN_BASELINES = ("win_rate", "point_difference", "elo", "last_season_rank")
EXPECTED = "expected"
"""The expected rank (or place) of the simulated season: the ranking that no model is trained for."""
BASELINES = (EXPECTED, *PLAIN_BASELINES, "blend")
LABELS = {EXPECTED: f"{EXPECTED} (without training)"}
"""What tables call a ranker, where its name alone does not say it."""
THIRDS = ("early", "middle", "late")
"""The keys of everything that is given by third of the season: of its dates that are ranked."""


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The six objectives of one ranking; definitions in `trainer.evaluation.metrics`."""

    spearman: float
    ndcg4: float
    ndcg16: float
    ndcg20: float
    playoff_spearman: float
    rank_rmse: float

    def of(self, objective: Objective) -> float:
        """The value of one objective."""
        return float(getattr(self, objective))


Table = dict[str, Scores]
"""Scores by ranker: of `MODELS` and `BASELINES`."""


class StageCount(msgspec.Struct, frozen=True):
    """How often the store had a stage (or batches) and how often it had to be made."""

    hits: int = 0
    misses: int = 0


class Gain(msgspec.Struct, frozen=True):
    """How much better the stack is than a baseline, positive when it is, with its 95 % interval.

    Paired block bootstrap over dates: `trainer.evaluation.bootstrap`.
    """

    mean: float
    low: float
    high: float


class Repeat(msgspec.Struct, frozen=True):
    """The stack's figures with one seed."""

    seed: int
    objectives: Scores


def mean_of(scores: Sequence[Scores]) -> Scores:
    """Objective by objective."""
    return Scores(**{objective.value: fmean(row.of(objective) for row in scores) for objective in Objective})


def standard_error_of(scores: Sequence[Scores]) -> Scores:
    """Of their mean; at least two."""
    columns = {objective.value: [row.of(objective) for row in scores] for objective in Objective}
    return Scores(**{name: stdev(values) / sqrt(len(values)) for name, values in columns.items()})


class RunMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A run's figures on some seasons (validation in `metrics.json`, held out in `holdout.json`)."""

    target: str
    seasons: tuple[str, ...]
    n_dates: int
    models: Table
    """Of `MODELS`."""
    baselines: Table
    """Of `BASELINES`; runs of older versions lack some."""
    by_conference: dict[str, Table]
    """Conference -> rankers (models and baselines), computed within the conference."""
    by_third: dict[str, Table]
    """`early`, `middle`, `late` third of the season -> rankers (models and baselines)."""
    gains: dict[str, dict[str, Gain]] = {}
    """Baseline -> objective -> the stack's gain over it."""
    title_odds: TitleOdds | None = None
    """Championship odds from the stack's scores, beside naive ones."""
    ceilings: Table = {}
    """Only of a league whose true strengths are known: the rankings `true_strength` and `true_outlook` (the record so
    far, and the rest of the season at the true strengths). No ranker could know them, so nothing has to beat them."""
    ceilings_by_third: dict[str, Table] = {}
    stack_weights: dict[str, float]
    """Weight of each model's standardised score in the stack."""
    stack_without: dict[str, Scores] = {}
    """Scores of the stack when one model is left out: what that model is worth."""
    cache: dict[str, StageCount] = {}
    """Store hits and misses by stage."""
    seconds: dict[str, float] = {}
    """Wall seconds by stage."""
    cost: Cost | None = None
    """Of the whole attempt up to here; None in runs of older versions."""
    repeats: tuple[Repeat, ...] = ()
    """Of a trial with more seeds than one, its own first. Whatever else stands here is the first seed's, whose models
    and predictions are the run's."""
    standard_error: Scores | None = None
    """Of `objectives`; None for one seed."""

    @property
    def objectives(self) -> Scores:
        """What a sweep optimises: the stack's scores, of more seeds than one their mean."""
        return mean_of([repeat.objectives for repeat in self.repeats]) if self.repeats else self.models[STACK]
