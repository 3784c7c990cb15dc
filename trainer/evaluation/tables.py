"""A run's figures: every model beside every baseline, over the league, by conference and by third of the season.

Surprising: within a conference teams are ranked anew, 1 to 15, so its rank errors are about half of the league's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import (
    BASE_MODELS,
    BASELINES,
    MODELS,
    STACK,
    THIRDS,
    Gain,
    Scores,
    Table,
)
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.evaluation.bootstrap import gain
from truestrength.trainer.evaluation.metrics import Bools, Floats, mean_scores, objectives, ranks_of, third_of
from truestrength.trainer.features.targets import require_target

WITHOUT = {f"stack_without_{name}": name for name in BASE_MODELS}
"""Columns of the stack that lacks a model: what that model is worth. Not a ranking that anybody is offered."""

PerDate = dict[str, dict[Objective, Floats]]
"""Ranker -> objective -> [dates of all seasons]."""


@dataclass(frozen=True)
class Evaluated:
    """The measured part of `trainer.contract.records.metrics.RunMetrics`."""

    n_dates: int
    models: Table
    baselines: Table
    by_conference: dict[str, Table]
    by_third: dict[str, Table]
    gains: dict[str, dict[str, Gain]]
    stack_without: dict[str, Scores]


@dataclass(frozen=True)
class SeasonScores:
    """One season's scores and truths. R rankers, D dates, T teams."""

    season: str
    rankers: tuple[str, ...]
    scores: Floats
    """[R, D, T]"""
    date: tuple[object, ...]
    """[D]"""
    conference: tuple[str, ...]
    """[T]"""
    rank: Floats
    """[T] target rank."""
    outcome: Floats
    """[T] playoff outcome."""
    playoff_team: Bools
    """[T]"""


def evaluate(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, target: Target, seasons: Sequence[str]
) -> Evaluated:
    """All six objectives of every model and baseline on the dates of `predictions` in `seasons`.

    Args:
        predictions: season, date, team_id, conference, and scores in the columns `MODELS`, and where the stack was
            fitted here in the columns `WITHOUT`.
        truth: as `trainer.features.targets.target_ranks` gives it.
        baselines: as `trainer.evaluation.baselines.add_blend` gives it.
        target: what the rankings are measured against.
        seasons: the seasons to evaluate.

    Raises:
        DataError: when a season has no predictions or fewer than three dates, a team lacks one on some date, a score is
            not finite, or the target or the playoffs of a season are not known.
    """
    blocks = season_scores(predictions, truth, baselines, target, seasons)
    _check_thirds(blocks)
    whole = [_per_date(block) for block in blocks]
    league = _mean(_joined(whole))
    shown = (*MODELS, *BASELINES)
    thirds = [_thirds(per_date) for per_date in whole]
    conferences = sorted({name for block in blocks for name in block.conference})
    return Evaluated(
        n_dates=sum(block.scores.shape[1] for block in blocks),
        models={name: league[name] for name in MODELS},
        baselines={name: league[name] for name in BASELINES},
        by_conference={
            name: _mean(
                _joined([_per_date(_within(block, name, shown)) for block in blocks if name in block.conference])
            )
            for name in conferences
        },
        by_third={name: _mean(_joined([third[i] for third in thirds], shown)) for i, name in enumerate(THIRDS)},
        gains={name: {o.value: _gain(whole, name, o) for o in Objective} for name in BASELINES},
        stack_without={name: league[column] for column, name in WITHOUT.items() if column in league},
    )


def _check_thirds(blocks: Sequence[SeasonScores]) -> None:
    for block in blocks:
        if len(block.date) < len(THIRDS):
            raise DataError(
                f"{block.season}: {len(block.date)} ranked dates, which cannot be cut into thirds of the season. "
                "Choose a smaller evaluation.first_day"
            )


def season_scores(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, target: Target, seasons: Sequence[str]
) -> list[SeasonScores]:
    """The scores of all rankers as one array per season.

    Raises:
        DataError: as `evaluate`.
    """
    require_target(truth, target, seasons)
    require_target(truth, Target.PLAYOFF_OUTCOME, seasons)
    return [_block(predictions, truth, baselines, target, season) for season in seasons]


def _block(
    predictions: pl.DataFrame, truth: pl.DataFrame, baselines: pl.DataFrame, target: Target, season: str
) -> SeasonScores:
    key = ["season", "date", "team_id"]
    rows = (
        predictions.filter(pl.col("season") == season)
        .join(baselines, on=key, how="left")
        .join(truth, on=["season", "team_id"], how="left")
        .sort("date", "team_id")
    )
    dates = rows["date"].unique(maintain_order=True)
    teams = rows.unique("team_id", keep="first").sort("team_id")
    if rows.is_empty() or rows.height != len(dates) * teams.height:
        raise DataError(
            f"{season}: {rows.height} predictions for {len(dates)} dates and {teams.height} teams; every team needs "
            "one on every date. Rank the season again"
        )
    rankers = (*MODELS, *BASELINES, *(name for name in WITHOUT if name in predictions.columns))
    scores = rows.select(pl.col(rankers).cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return SeasonScores(
        season=season,
        rankers=rankers,
        scores=np.moveaxis(scores.reshape(len(dates), teams.height, len(rankers)), 2, 0),
        date=tuple(dates),
        conference=tuple(teams["conference"]),
        rank=teams[target.value].cast(pl.Float64).to_numpy(),
        outcome=teams[Target.PLAYOFF_OUTCOME.value].cast(pl.Float64).to_numpy(),
        playoff_team=teams["playoff_team"].to_numpy(),
    )


def _per_date(block: SeasonScores) -> PerDate:
    n_rankers, n_dates, n_teams = block.scores.shape
    flat = objectives(block.scores.reshape(-1, n_teams), block.rank, block.outcome, block.playoff_team)
    tables = {objective: values.reshape(n_rankers, n_dates) for objective, values in flat.items()}
    return {ranker: {o: values[i] for o, values in tables.items()} for i, ranker in enumerate(block.rankers)}


def _within(block: SeasonScores, conference: str, rankers: tuple[str, ...]) -> SeasonScores:
    """The teams of one conference, ranked anew among themselves by some of the rankers."""
    chosen = np.array(block.conference) == conference
    return SeasonScores(
        season=block.season,
        rankers=rankers,
        scores=block.scores[[block.rankers.index(name) for name in rankers]][:, :, chosen],
        date=block.date,
        conference=tuple(np.array(block.conference)[chosen]),
        rank=ranks_of(-block.rank[None, chosen])[0],
        outcome=block.outcome[chosen],
        playoff_team=block.playoff_team[chosen],
    )


def _gain(whole: Sequence[PerDate], baseline: str, objective: Objective) -> Gain:
    ours, theirs = ([season[ranker][objective] for season in whole] for ranker in (STACK, baseline))
    return gain(ours, theirs, objective)


def _thirds(per_date: PerDate) -> list[PerDate]:
    """The same figures for the first, second and last third of the dates."""

    def part(i: int) -> PerDate:
        return {
            ranker: {objective: third_of(values, i) for objective, values in columns.items()}
            for ranker, columns in per_date.items()
        }

    return [part(i) for i in range(len(THIRDS))]


def _joined(seasons: Sequence[PerDate], rankers: Sequence[str] | None = None) -> PerDate:
    return {
        ranker: {
            objective: np.concatenate([season[ranker][objective] for season in seasons]) for objective in Objective
        }
        for ranker in rankers or seasons[0]
    }


def _mean(per_date: PerDate) -> dict[str, Scores]:
    return {ranker: mean_scores(values) for ranker, values in per_date.items()}
