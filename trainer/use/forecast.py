"""What a finished run says of a season as of a date: the teams by strength, and how the season may end.

A score is a strength in points by the factor that the run fitted to margins; the rest of the season is simulated with
it, so ranks and odds agree with each other. Surprising: a season's last rank and its playoffs depend on what is left to
play as well, so the strongest team need not have the best expected rank.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from truestrength.trainer.evaluation.title_odds import season_forecast
from truestrength.trainer.use.ranked_date import Familiarity, RankedDate, rank_date
from truestrength.trainer.use.saved_run import SavedRun


class TeamForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A team on the date."""

    rank: int
    """By strength, in the league."""
    conference_rank: int
    """By strength, in its conference."""
    team_id: int
    team: str
    """Abbreviation."""
    name: str
    conference: str
    won: int
    lost: int
    strength: float
    """Points a game by which it beats an average team."""
    expected_win_rate: float
    """At the end of the regular season."""
    expected_final_rank: float
    playoffs: float
    """Probability of being one of its conference's teams in the playoffs, by record."""
    title: float
    """Probability of winning the title."""


class SeasonForecast(msgspec.Struct, frozen=True, kw_only=True):
    """`trainer predict --json`."""

    run: str
    target: str
    """What the run ranks by."""
    as_of: str
    season: str
    next_games: str
    """The day of the next games, from which on nothing is known but the schedule."""
    assumed_games: int
    """Games of the rest that no schedule tells of, and that were assumed; 0 where the logs have them."""
    familiarity: Familiarity
    """What the season was to the run."""
    same_data: bool
    """Whether the league is, to the bit, the one that the run was trained on."""
    teams: tuple[TeamForecast, ...]
    """By rank."""


def predict(run: SavedRun, data: Path | None, on: date | None) -> SeasonForecast:
    """Forecast the season that goes on at a date.

    Args:
        run: whose models.
        data: a league folder (the run's own).
        on: the date (as `rank_date`).

    Raises:
        DataError: as `rank_date`.
    """
    ranked = rank_date(run, data, on)
    known = ranked.read.known
    return SeasonForecast(
        run=run.name,
        target=run.metrics.target,
        as_of=str(on or known.day),
        season=known.season,
        next_games=str(known.day),
        assumed_games=known.assumed_games,
        familiarity=ranked.familiarity,
        same_data=known.league.manifest.fingerprint == run.provenance.data_fingerprint,
        teams=tuple(msgspec.convert(row, TeamForecast) for row in _table(ranked).to_dicts()),
    )


def _table(ranked: RankedDate) -> pl.DataFrame:
    """The fields of `TeamForecast`, best first."""
    games, known = ranked.read.games, ranked.read.known
    strength = np.empty(len(games.team_id))
    strength[np.searchsorted(games.team_id, ranked.read.team_id)] = ranked.points_per_score * ranked.stack
    ahead = season_forecast(games, (known.day - date(1970, 1, 1)).days, strength)
    frame = pl.DataFrame(
        {
            "team_id": games.team_id,
            "strength": strength,
            "won": np.rint(ahead.won).astype(np.int64),
            "lost": np.rint(ahead.played - ahead.won).astype(np.int64),
            "expected_win_rate": ahead.win_rate,
            "expected_final_rank": ahead.rank,
            "playoffs": ahead.playoffs,
            "title": ahead.title,
        }
    )
    teams = known.league.teams.select("team_id", "name", "conference", team="abbreviation")
    order = pl.col("strength").rank("ordinal", descending=True)
    return (
        frame.join(teams, on="team_id", how="left")
        .with_columns(rank=order, conference_rank=order.over("conference"))
        .select(TeamForecast.__struct_fields__)
        .sort("rank")
    )
