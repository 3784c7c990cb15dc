"""The teams on one date, ranked by the models of a finished run.

Surprising: the league need not be the run's own. Logs that go on after it, or a season that is not over, are ranked by
the models as they are; only another league's teams are refused.

Shapes: L lists (a conference each), T teams, M rows (the teams that there are, list by list).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.records.metrics import BASE_MODELS
from truestrength.trainer.data.league import League, load_league
from truestrength.trainer.features.batches import Batches, build_batches
from truestrength.trainer.features.season_games import SeasonGames, season_games
from truestrength.trainer.models.fits import Ints
from truestrength.trainer.run.ranking import date_rows
from truestrength.trainer.use.as_of import AsOf, as_of, last_date
from truestrength.trainer.use.saved_run import SavedRun

Floats = npt.NDArray[np.float64]
Familiarity = Literal["trained on", "validated on", "new to the run"]


@dataclass(frozen=True, eq=False)
class ReadDate:
    """What is known on a date: the same for all runs that read the same, and compared by identity."""

    known: AsOf
    games: SeasonGames
    """Of the date's season."""
    batches: Batches
    """Of the date's season."""
    lists: Ints
    """[L] those of the date."""

    @property
    def team_id(self) -> Ints:
        """[M]."""
        ids: Ints = self.batches.team_id[self.lists][self.batches.team_mask[self.lists]]
        return ids


@dataclass(frozen=True)
class RankedDate:
    """What the models make of a date."""

    run: SavedRun
    read: ReadDate
    scores: dict[str, Floats]
    """[M] by model."""
    stack: Floats
    """[M] the weighted sum of the models' scores, each standardised within the date."""

    @property
    def points_per_score(self) -> float:
        """What a unit of the stack's score is worth in points a game."""
        return self.run.models.description.points_per_score

    @property
    def familiarity(self) -> Familiarity:
        """What the season was to the run: a ranking of one that it was trained on is no forecast."""
        season, held_out = self.read.known.season, self.run.config.evaluation.holdout
        if season in self.run.metrics.seasons:
            return "validated on"
        named = () if isinstance(held_out, int) else held_out
        return "trained on" if season < min(self.run.metrics.seasons) and season not in named else "new to the run"


def rank_date(run: SavedRun, data: Path | None = None, on: date | None = None) -> RankedDate:
    """Rank the teams with what was known before a date.

    Args:
        run: whose models.
        data: a league folder (the run's own).
        on: the date (the last one of the league on which there is anything left to rank).

    Raises:
        DataError: when the league is another one, or the date cannot be ranked.
    """
    folder = data or Path(run.config.paths.data)
    fingerprint = read_manifest(folder).fingerprint
    _check_league(run, _league(folder, fingerprint))
    training, first_day = run.config.training, run.config.evaluation.first_day
    read = _read(
        folder,
        fingerprint,
        on,
        windows=tuple(training.rolling_windows),
        roster_size=training.roster_size,
        first_day=first_day,
    )
    batches, lists, mask = read.batches, read.lists, read.batches.team_mask[read.lists]
    scores = {name: found[mask].astype(np.float64) for name, found in run.models.scores(batches, lists).items()}
    stack = run.models.stack.score(scores, date_rows(batches, lists))
    return RankedDate(run, read, {name: scores[name] for name in BASE_MODELS}, stack)


@lru_cache(maxsize=2)
def _league(
    folder: Path,
    fingerprint: str,  # noqa: ARG001 - part of the key
) -> League:
    return load_league(folder)


@lru_cache(maxsize=2)
def _read(
    folder: Path, fingerprint: str, on: date | None, *, windows: tuple[int, ...], roster_size: int, first_day: int
) -> ReadDate:
    league = _league(folder, fingerprint)
    known = as_of(league, on or last_date(league), first_day)
    batches = build_batches(known.league, windows, roster_size, first_day, only=known.season)
    (games,) = (games for games in season_games(known.league) if games.season == known.season)
    lists = np.flatnonzero(batches.date == (known.day - date(1970, 1, 1)).days).astype(np.int64)
    return ReadDate(known, games, batches, lists)


def _check_league(run: SavedRun, league: League) -> None:
    """Refuse a league that has not the run's teams.

    Raises:
        DataError: naming some of them.
    """
    teams = set(league.teams["team_id"])
    strange = sorted(set(run.predictions["team_id"]) - teams)
    if strange:
        raise DataError(
            f"{run.name} ranks other teams than this league has: {len(strange)} of its teams are not there "
            f"({', '.join(map(str, strange[:3]))}, …). Give the league folder that it was trained on, or the same "
            "league's later games, with --data"
        )
