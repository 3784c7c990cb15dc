"""How good championship odds are: Brier score, log loss, reliability, and the naive odds that they have to beat.

Surprising: the naive odds are a softmax of a plain baseline's scores, with the one factor that would have been best for
the champions of the training seasons. So they know who won before, which the run's own odds do not.

Shapes: S dates, T teams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from truestrength.trainer.contract.records.metrics import STACK, THIRDS
from truestrength.trainer.contract.records.odds import UNIFORM, OddsScores, OddsTable, ReliabilityBin, TitleOdds
from truestrength.trainer.evaluation.metrics import third_of
from truestrength.trainer.features.season_games import Floats

FLOOR = 0.001
"""The log loss counts no smaller probability: a champion who was given none would outweigh everything."""
BINS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Edges of the reliability table; the last one belongs to the last bin."""
SHARPEST = 20.0
Measure = Callable[[Floats, int], Floats]


@dataclass(frozen=True)
class SeasonOdds:
    """One season's odds of several forecasters."""

    champion: int
    """Index of the team that won the title."""
    odds: Mapping[str, Floats]
    """[S, T] by forecaster, `stack` among them."""


def brier(odds: Floats, champion: int) -> Floats:
    """[S] the sum over teams of the squared error of `odds` [S, T] (Brier 1950): 0 is best, 2 is worst.

    >>> brier(np.array([[1.0, 0.0], [0.5, 0.5]]), champion=0)
    array([0. , 0.5])
    """
    errors: Floats = ((odds - np.eye(odds.shape[1])[champion]) ** 2).sum(axis=1)
    return errors


def log_loss(odds: Floats, champion: int) -> Floats:
    """[S] minus the logarithm of the champion's probability in `odds` [S, T], which counts as `FLOOR` at least.

    >>> log_loss(np.array([[1.0, 0.0], [0.5, 0.5]]), champion=0).round(3) + 0.0
    array([0.   , 0.693])
    """
    losses: Floats = -np.log(np.maximum(odds[:, champion], FLOOR))
    return losses


def softmax_odds(scores: Floats, factor: float) -> Floats:
    """[S, T] odds in proportion to exp(factor times the score), scores [S, T] standardised within their date."""
    odds: Floats = softmax(factor * _standardised(scores), axis=1)
    return odds


def fit_softmax(seasons: Sequence[tuple[Floats, int]]) -> float:
    """The factor of `softmax_odds` that is likeliest for the champions, every season counting the same.

    Args:
        seasons: scores [S, T] and the index of the champion.

    Returns:
        The factor, not negative; 0, which means uniform odds, when no champion is known.
    """
    if not seasons:
        return 0.0
    known = [(_standardised(scores), champion) for scores, champion in seasons]

    def loss(factor: float) -> float:  # without `FLOOR`, under which the boldest odds would seem best
        return float(np.mean([-log_softmax(factor * z, axis=1)[:, who].mean() for z, who in known]))

    return float(minimize_scalar(loss, bounds=(0.0, SHARPEST), method="bounded").x)


def _standardised(scores: Floats) -> Floats:
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = scores.std(axis=1, keepdims=True)
    standardised: Floats = np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)
    return standardised


def title_scores(seasons: Sequence[SeasonOdds], points_per_score: float) -> TitleOdds:
    """All figures of some seasons' odds.

    Args:
        seasons: at least one.
        points_per_score: for the record.
    """
    return TitleOdds(
        points_per_score=points_per_score,
        champions=len(seasons),
        scores=_table(seasons),
        by_third={name: _table([_third(season, i) for season in seasons]) for i, name in enumerate(THIRDS)},
        reliability=reliability([(season.odds[STACK], season.champion) for season in seasons]),
    )


def reliability(seasons: Sequence[tuple[Floats, int]]) -> tuple[ReliabilityBin, ...]:
    """Predicted probability against what happened, by bins of the prediction; bins without any team are left out.

    Args:
        seasons: odds [S, T] and the index of the champion.
    """
    odds = np.concatenate([values.ravel() for values, _ in seasons])
    won = np.concatenate([np.tile(np.arange(v.shape[1]) == who, len(v)) for v, who in seasons])
    team = np.concatenate([np.tile(np.arange(v.shape[1]), len(v)) + 1000 * i for i, (v, _) in enumerate(seasons)])
    place = np.clip(np.searchsorted(BINS, odds, side="right") - 1, 0, len(BINS) - 2)
    return tuple(_bin(i, odds[place == i], won[place == i], team[place == i]) for i in np.unique(place).tolist())


def _bin(i: int, odds: Floats, won: npt.NDArray[np.bool_], team: npt.NDArray[np.int64]) -> ReliabilityBin:
    return ReliabilityBin(
        low=BINS[i],
        high=BINS[i + 1],
        count=len(odds),
        seasons_of_teams=len(np.unique(team)),
        predicted=float(odds.mean()),
        observed=float(won.mean()),
    )


def _table(seasons: Sequence[SeasonOdds]) -> OddsTable:
    uniform = [np.full_like(season.odds[STACK], 1 / season.odds[STACK].shape[1]) for season in seasons]
    worst = _mean(brier, uniform, seasons)

    def scores(odds: Sequence[Floats]) -> OddsScores:
        error = _mean(brier, odds, seasons)
        chance = np.concatenate([o[:, season.champion] for o, season in zip(odds, seasons, strict=True)])
        return OddsScores(error, _mean(log_loss, odds, seasons), 1 - error / worst, float(chance.mean()))

    table = {name: scores([season.odds[name] for season in seasons]) for name in seasons[0].odds}
    return {STACK: table.pop(STACK), UNIFORM: scores(uniform), **table}


def _mean(measure: Measure, odds: Sequence[Floats], seasons: Sequence[SeasonOdds]) -> float:
    """The mean over the dates of all seasons."""
    per_date = [measure(values, season.champion) for values, season in zip(odds, seasons, strict=True)]
    return float(np.concatenate(per_date).mean())


def _third(season: SeasonOdds, i: int) -> SeasonOdds:
    return SeasonOdds(season.champion, {name: third_of(odds, i) for name, odds in season.odds.items()})
