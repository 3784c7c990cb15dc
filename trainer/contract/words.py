"""The words a sweep is made of: objectives (with their direction), targets, phases, search methods and samplers."""

from __future__ import annotations

from enum import StrEnum

MOST_WORKERS = 10_000
"""Of a sweep at once."""
MOST_REPEATS = 1_000
"""Seeds of a trial."""


class Direction(StrEnum):
    """Which way an objective gets better; the values are Optuna's."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Objective(StrEnum):
    """A validation metric that a sweep optimises. Definitions: `trainer.evaluation.metrics`."""

    SPEARMAN = "spearman"
    NDCG4 = "ndcg4"
    NDCG16 = "ndcg16"
    NDCG20 = "ndcg20"
    PLAYOFF_SPEARMAN = "playoff_spearman"
    RANK_RMSE = "rank_rmse"

    @property
    def direction(self) -> Direction:
        """`rank_rmse` is an error and is minimised; all the others are maximised."""
        return Direction.MINIMIZE if self is Objective.RANK_RMSE else Direction.MAXIMIZE

    def better(self, a: float, b: float) -> bool:
        """Whether value `a` is strictly better than value `b`."""
        return a < b if self.direction is Direction.MINIMIZE else a > b


class Target(StrEnum):
    """What the lists are ranked by."""

    FINAL_RANK = "final_rank"
    PLAYOFF_OUTCOME = "playoff_outcome"


class Phase(StrEnum):
    """The phases that the program itself speaks of; others are named by the configuration, below `search_spaces`."""

    BASELINE = "baseline"
    PHASE1 = "phase1"
    ROLLING = "rolling"
    FULL = "full"


class Method(StrEnum):
    """How a sweep proposes the parameters of its slots."""

    GRID = "grid"
    RANDOM = "random"
    OPTUNA = "optuna"
    HALVING = "halving"


class Sampler(StrEnum):
    """How a sweep with method `optuna` searches; the names are Optuna's."""

    TPE = "tpe"
    GP = "gp"
    CMAES = "cmaes"
    QMC = "qmc"
    RANDOM = "random"
