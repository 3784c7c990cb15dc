"""What a run says of championship odds, in `metrics.json` and `holdout.json`; typed for reports.

Surprising: there is one champion a season, so whatever the number of dates, the figures rest on as many events as there
are seasons.
"""

from __future__ import annotations

import msgspec

UNIFORM = "uniform"


class OddsScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How good championship odds were; means over dates. Definitions: `trainer.evaluation.odds_scores`."""

    brier: float
    """Sum over teams of the squared error; 0 is best, 2 is worst."""
    log_loss: float
    """Minus the logarithm of the champion's probability; 0 is best."""
    skill: float
    """Brier skill: the share of the uniform odds' Brier score that is saved; 1 is best, 0 is no better than they."""
    champion: float
    """The probability given to the team that won the title."""


OddsTable = dict[str, OddsScores]
"""Scores by whose odds they are: `stack` (the run's), `uniform`, and each plain baseline."""


class ReliabilityBin(msgspec.Struct, frozen=True):
    """The teams and dates whose probability lay in [low, high)."""

    low: float
    high: float
    count: int
    """Teams and dates."""
    seasons_of_teams: int
    """Different teams and seasons among them: what is nearly independent."""
    predicted: float
    """Mean probability."""
    observed: float
    """Share of the teams and dates whose team won the title."""


class TitleOdds(msgspec.Struct, frozen=True, kw_only=True):
    """Championship odds of a run on some seasons, beside naive ones."""

    points_per_score: float
    """Points a game that a unit of the stack's score is worth, fitted on training seasons."""
    champions: int
    """Seasons, each with one champion: the number of events behind every figure."""
    scores: OddsTable
    by_third: dict[str, OddsTable]
    """`early`, `middle`, `late` third of the season."""
    reliability: tuple[ReliabilityBin, ...]
    """Of the run's odds; bins without any team are left out."""
