"""The scores of a date as sums: what each column and each player adds to a team, through each model.

Surprising: this works although the stack standardises every model's scores within the date, because that is linear once
the date's mean and deviation are known. So a column counts by how much more it adds to a team than to the others.

Shapes: M rows (the teams of the date), C context columns, P players of a team.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from truestrength.trainer.features.players import player_log
from truestrength.trainer.features.roster import players_of, season_roster
from truestrength.trainer.features.season_games import season_games
from truestrength.trainer.models import boosting, forest
from truestrength.trainer.models.attribution import attribution
from truestrength.trainer.models.team_rows import EXPECTED, context_rows, expected_rows
from truestrength.trainer.use.ranked_date import RankedDate, ReadDate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModelParts:
    """What one model adds to the stack's score: the sum of all that is here."""

    context: Floats
    """[M, C] each column, less the mean over the date's teams. The column that estimates the target has in it what the
    model begins with."""
    players: Floats | None
    """[M, P] each player, against an average one; None for a model that reads none."""
    average_players: float
    """Minus the mean over the date's teams of what all their players add."""


@dataclass(frozen=True)
class Players:
    """The rosters of the date."""

    names: tuple[tuple[str | None, ...], ...]
    """[M, P] None where there is no player."""
    attention: Floats
    """[M, P] each player's share of his team in model A."""


def taken_apart(ranked: RankedDate) -> tuple[dict[str, ModelParts], Players]:
    """Every model's parts, and who the players are."""
    models, lists, batches = ranked.run.models, ranked.read.lists, ranked.read.batches
    rows, description = context_rows(batches, lists), models.description
    mask = batches.team_mask[lists]
    expected = np.zeros(rows.shape)
    expected[:, batches.context_columns.index(EXPECTED[description.target])] = expected_rows(
        batches, lists, description.target
    )
    of_a = attribution(models.model_a, description.target, description.hidden, batches, lists)
    of_b = boosting.contributions(boosting.load(models.model_b), rows, description.rounds)[:, :-1]
    of_c = forest.contributions(models.model_c, rows, description.trees)[:, :-1]
    parts = {
        "model_a": _weighted(ranked, "model_a", of_a.context[mask], of_a.players[mask].astype(np.float64)),
        "model_b": _weighted(ranked, "model_b", expected + of_b, None),
        "model_c": _weighted(ranked, "model_c", expected + of_c, None),
    }
    return parts, Players(_names(ranked.read), of_a.attention[mask])


def _weighted(ranked: RankedDate, name: str, context: npt.NDArray[np.floating], players: Floats | None) -> ModelParts:
    """Parts of the model's score, less the date's means, times the stack's weight over the date's deviation."""
    deviation = ranked.scores[name].std()
    factor = ranked.run.models.description.stack_weights[name] / deviation if deviation > 1e-12 else 0.0
    columns = context.astype(np.float64)
    return ModelParts(
        context=factor * (columns - columns.mean(axis=0)),
        players=None if players is None else factor * players,
        average_players=0.0 if players is None else float(-factor * players.sum(axis=1).mean()),
    )


@lru_cache(maxsize=2)
def _names(read: ReadDate) -> tuple[tuple[str | None, ...], ...]:
    """[M, P] as `trainer.features.roster.player_features` places them."""
    league, games = read.known.league, read.games
    seasons = [one.season for one in season_games(league)]
    log = player_log(league, seasons)
    days = games.days[np.searchsorted(games.days, read.batches.date[read.lists[:1]])]
    roster = season_roster(log, seasons.index(games.season), games, days)
    players = players_of(roster, read.batches.players.shape[2])[0]
    named = league.player_games.sort("date").unique("player_id", keep="last").sort("player_id")["player_name"].to_list()
    rows = players[np.searchsorted(games.team_id, read.team_id)]
    return tuple(tuple(named[player] if player >= 0 else None for player in row) for row in rows.tolist())
