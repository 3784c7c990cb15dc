"""What carried a team on a date: its strength by name, in parts that add up to it.

Surprising: everything is against the league. A column counts by how much more it adds to a team than to the others on
the date, and a player against an average one, so that there is a part for the average team's players.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from truestrength.trainer.contract.errors import UserError, suggest
from truestrength.trainer.models.team_rows import EXPECTED, context_rows
from truestrength.trainer.use.ranked_date import Familiarity, RankedDate, rank_date
from truestrength.trainer.use.saved_run import SavedRun
from truestrength.trainer.use.taken_apart import ModelParts, Players, taken_apart

Kind = Literal["expected", "context", "player"]
AVERAGE_PLAYERS = "the average team's players"
"""What all players of a team are held against, since a single one is held against an average player."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that adds to a team's score, through one model."""

    model: str
    kind: Kind
    """`expected`: the simulated season's rank or place, with which every model begins."""
    name: str
    """Of the column or the player."""
    value: float | None = None
    """Of the column; None for a player."""
    attention: float | None = None
    """The player's share of his team in model A; None for a column."""
    points: float
    """What it adds to the strength, in points a game."""
    score: float
    """What it adds to the stack's score."""


class TeamParts(msgspec.Struct, frozen=True, kw_only=True):
    """A team's score, taken apart."""

    rank: int
    team: str
    name: str
    strength: float
    """In points a game: the sum of its parts' `points`."""
    score: float
    """The sum of its parts' `score`."""
    parts: tuple[Part, ...]
    """Those that add or take away the most first."""

    def points(self, kind: Kind) -> float:
        """What all parts of a kind add, in points a game."""
        return sum(part.points for part in self.parts if part.kind == kind)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`trainer explain --json`."""

    run: str
    target: str
    as_of: str
    season: str
    next_games: str
    familiarity: Familiarity
    stack_weights: dict[str, float]
    """Weight of each model's standardised score."""
    points_per_score: float
    teams: tuple[TeamParts, ...]
    """By rank; all of the league, or the one that was asked for."""


def explain(run: SavedRun, data: Path | None, on: date | None) -> Explanation:
    """Take every team's score on a date apart.

    Args:
        run: whose models.
        data: a league folder (the run's own).
        on: the date. Without one and without `data`, the middle of the last season that the run was validated on.

    Raises:
        DataError: as `rank_date`.
    """
    if on is None and data is None:
        on = _middle(run)
    ranked = rank_date(run, data, on)
    by_model, players = taken_apart(ranked)
    teams = ranked.read.known.league.teams.select("team_id", "abbreviation", "name").rows_by_key("team_id", unique=True)
    points, found = ranked.points_per_score, []
    for rank, row in enumerate(np.argsort(-ranked.stack).tolist(), 1):
        team, name = teams[int(ranked.read.team_id[row])]
        score = float(ranked.stack[row])
        parts = sorted(_parts(ranked, row, by_model, players), key=lambda part: -abs(part.score))
        found.append(
            TeamParts(rank=rank, team=team, name=name, strength=points * score, score=score, parts=tuple(parts))
        )
    return Explanation(
        run=run.name,
        target=run.metrics.target,
        as_of=str(on or ranked.read.known.day),
        season=ranked.read.known.season,
        next_games=str(ranked.read.known.day),
        familiarity=ranked.familiarity,
        stack_weights=run.models.description.stack_weights,
        points_per_score=points,
        teams=tuple(found),
    )


class NamedPart(msgspec.Struct, frozen=True, kw_only=True):
    """What something of one name adds to a team, in points a game."""

    name: str
    kind: Kind
    value: float | None
    attention: float | None
    points: dict[str, float]
    """By model."""

    @property
    def total(self) -> float:
        """Through all models."""
        return sum(self.points.values())


def by_name(team: TeamParts) -> list[NamedPart]:
    """A team's parts with those of one name together, whichever models they come through; the largest first."""
    named: dict[tuple[Kind, str], list[Part]] = {}
    for part in team.parts:
        named.setdefault((part.kind, part.name), []).append(part)
    rows = [
        NamedPart(
            name=name,
            kind=kind,
            value=parts[0].value,
            attention=parts[0].attention,
            points={part.model: part.points for part in sorted(parts, key=lambda part: part.model)},
        )
        for (kind, name), parts in named.items()
    ]
    return sorted(rows, key=lambda row: -abs(row.total))


def of_team(explanation: Explanation, team: str) -> Explanation:
    """The same for one team only, by its abbreviation.

    Raises:
        UserError: when there is no such team in the season.
    """
    chosen = tuple(one for one in explanation.teams if one.team.casefold() == team.casefold())
    if not chosen:
        known = sorted(one.team for one in explanation.teams)
        raise UserError(f"--team {team}: no such team in {explanation.season}: {suggest(team.upper(), known)}")
    return msgspec.structs.replace(explanation, teams=chosen)


def _middle(run: SavedRun) -> date:
    days = run.predictions.filter(pl.col("season") == max(run.metrics.seasons))["date"].unique().sort()
    middle = days[len(days) // 2]
    assert isinstance(middle, date)
    return middle


def _parts(ranked: RankedDate, row: int, by_model: Mapping[str, ModelParts], players: Players) -> Iterator[Part]:
    """All parts of one team, by its row."""
    columns, own = ranked.read.batches.context_columns, EXPECTED[ranked.run.models.description.target]
    values = dict(zip(columns, context_rows(ranked.read.batches, ranked.read.lists)[row].tolist(), strict=True))
    points = ranked.points_per_score
    for model, parts in by_model.items():
        for name, score in zip(columns, parts.context[row].tolist(), strict=True):
            kind: Kind = "expected" if name == own else "context"
            yield Part(model=model, kind=kind, name=name, value=values[name], score=score, points=points * score)
        if parts.players is not None:
            score = parts.average_players
            yield Part(model=model, kind="player", name=AVERAGE_PLAYERS, score=score, points=points * score)
            of_team = zip(players.names[row], parts.players[row].tolist(), players.attention[row].tolist(), strict=True)
            for player, score, share in of_team:
                if player is not None:
                    yield Part(
                        model=model, kind="player", name=player, attention=share, score=score, points=points * score
                    )
