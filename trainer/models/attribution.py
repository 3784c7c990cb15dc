"""What a team's players and context add to model A's score: integrated gradients, and the attention they get.

The path leads from a team of average players in an average position to the team as it is (Sundararajan and others,
2017); who plays how much is the same all along. Surprising: the parts add up to the score exactly, up to the
quadrature's error, because the network is smooth.

Shapes: L lists, T teams, P players, S player statistics, C context columns, K heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from truestrength.trainer.contract.words import Target
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models.deep_set import Inputs, attend, score_teams
from truestrength.trainer.models.deep_set_training import architecture_of, one_thread
from truestrength.trainer.models.fits import Ints
from truestrength.trainer.models.lists_as_tensors import Standardisation, inputs

Array = npt.NDArray[Any]

_NODES = 32
"""Of Gauss and Legendre's quadrature: the sums are then exact to the last digits of single precision."""


@dataclass(frozen=True)
class Attribution:
    """A score, taken apart: the sum of all three is `deep_set_training.score`."""

    players: Array
    """[L, T, P] of each player, against an average one."""
    context: Array
    """[L, T, C] of each column, against an average team."""
    average: Array
    """[L, T] the score of a team with average players in an average position."""
    attention: Array
    """[L, T, P] each player's share of his team, mean of the heads."""


def attribution(model: Mapping[str, Array], target: Target, hidden: int, batches: Batches, lists: Ints) -> Attribution:
    """Take the scores of some lists apart; the arguments are those of `deep_set_training.score`."""
    scale = Standardisation.of_arrays({name: row[None] for name, row in model.items()})
    weights = architecture_of(batches, target, hidden).views(torch.from_numpy(model["weights"].copy())[None])
    whole = inputs(batches, [lists], scale, "cpu")
    with one_thread():
        players, context = _gradients(weights, whole)
        none = Inputs(torch.zeros_like(whole.players), whole.minutes, torch.zeros_like(whole.context))
        average = score_teams(weights, none)
        _, attention = attend(weights, whole)
    shape = batches.player_mask[lists].shape
    shares = attention[0].mean(-1).numpy().reshape(shape)
    return Attribution(
        players=(players * whole.players).sum(-1)[0].numpy(),
        context=(context * whole.context)[0].numpy(),
        average=average[0].numpy(),
        attention=np.where(batches.player_mask[lists], shares, 0.0),
    )


def _gradients(weights: Mapping[str, torch.Tensor], whole: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean gradients of every team's score along the path, by players and by context."""
    players, context = torch.zeros_like(whole.players), torch.zeros_like(whole.context)
    places, shares = np.polynomial.legendre.leggauss(_NODES)
    for place, share in zip((places + 1) / 2, shares / 2, strict=True):
        at = [(float(place) * part).requires_grad_() for part in (whole.players, whole.context)]
        total = score_teams(weights, Inputs(at[0], whole.minutes, at[1])).sum()
        of_players, of_context = torch.autograd.grad(total, at)
        players += float(share) * of_players
        context += float(share) * of_context
    return players, context
