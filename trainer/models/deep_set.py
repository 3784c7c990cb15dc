"""The attention deep set: a roster of players becomes a team, and a team a score. Pure functions of stacked weights.

The surprising one: there is no module. All fits (the folds and the final one) are rows of one matrix of weights and go
through one batched matrix product per layer, so six trainings cost little more than one.

Each player goes through a layer; attention heads, which start from the minutes he plays, pool the roster; beside that
goes the team's context, through a layer and through a linear term, so the network learns what a line does not say. The
linear term may not count a column the wrong way round.

Shapes: F fits, L lists, T teams, P players, S player statistics, C context columns, H hidden, K heads, D weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import silu

HEADS = 2
FIRST_SLOPE = 2.0
"""Log odds of ranking one team over another for each standard deviation between their expected ranks."""


@dataclass(frozen=True)
class Architecture:
    """Widths of the network, from which the weights' layout follows."""

    stats: int
    directions: tuple[int, ...]
    """[C] of each context column, as `trainer.features.directions` gives them."""
    expected: int | None
    """The context column that is an estimate of the target as it stands; where training starts from."""
    hidden: int

    @property
    def context(self) -> int:
        """C."""
        return len(self.directions)

    @property
    def layout(self) -> dict[str, tuple[int, int]]:
        """Name -> (inputs, outputs) of each matrix; a bias is a matrix with one input."""
        return {
            "player": (self.stats, self.hidden),
            "player_bias": (1, self.hidden),
            "attention": (self.hidden, HEADS),
            "team": (self.joined, self.hidden),
            "team_bias": (1, self.hidden),
            "score": (self.hidden, 1),
            "linear": (self.context, 1),  # the last: see `lowest`
        }

    @property
    def joined(self) -> int:
        """Units that describe a team: K * H pooled ones, then its context."""
        return HEADS * self.hidden + self.context

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The matrices of `flat` [F, D], each [F, inputs, outputs], without a copy."""
        parts = torch.split(flat, self._sizes, dim=1)
        return {name: part.view(-1, *shape) for (name, shape), part in zip(self.layout.items(), parts, strict=True)}

    def initial(self, generator: torch.Generator) -> Tensor:
        """[D] first weights: He's deviation for layers, 0 for biases and for what leads to the score.

        Every team starts with the score that the column `expected` gives it, so the first steps follow the data and not
        the draw.
        """
        parts = []
        for name, (inputs, outputs) in self.layout.items():
            layer = name in {"player", "team"}
            scale = math.sqrt(2 / inputs) if layer else 0.0
            parts.append(scale * torch.randn(inputs * outputs, generator=generator))
        if self.expected is not None:
            parts[-1][self.expected] = FIRST_SLOPE
        return torch.cat(parts)

    def decayed(self) -> Tensor:
        """[D] 1 for the weights that decay, 0 for the slope of the column `expected`: without evidence, it decides."""
        decayed = torch.ones(sum(self._sizes))
        if self.expected is not None:
            decayed[self.expected - self.context] = 0.0
        return decayed

    def lowest(self) -> Tensor:
        """[D] the least that each weight may be: 0 for the linear term's weights of columns that have a direction."""
        free = torch.full((sum(self._sizes) - self.context,), -torch.inf)
        directed = torch.tensor(self.directions) != 0
        return torch.cat([free, torch.where(directed, 0.0, -torch.inf)])

    @property
    def _sizes(self) -> list[int]:
        return [inputs * outputs for inputs, outputs in self.layout.values()]


@dataclass(frozen=True)
class Inputs:
    """What the network reads."""

    players: Tensor
    """[F, L, T, P, S] standardised statistics, 0 where masked."""
    minutes: Tensor
    """[F, L, T, P] logarithm of the minutes a game; a large negative number where there is no player."""
    context: Tensor
    """[F, L, T, C] standardised, and turned round where lower is better; 0 where masked."""


def attend(weights: Mapping[str, Tensor], inputs: Inputs) -> tuple[Tensor, Tensor]:
    """What is made of each player, [F, L * T, P, H], and each head's share of him in his team, [F, L * T, P, K]."""
    n_fits, _, _, n_players = inputs.minutes.shape
    hidden = silu(torch.baddbmm(weights["player_bias"], inputs.players.flatten(1, 3), weights["player"]))
    logits = torch.bmm(hidden, weights["attention"]).view(n_fits, -1, n_players, HEADS)
    attention = (logits.float() + inputs.minutes.flatten(1, 2)[..., None]).softmax(dim=2)
    return hidden.view(n_fits, -1, n_players, hidden.shape[-1]), attention


def score_teams(weights: Mapping[str, Tensor], inputs: Inputs, keep: Tensor | None = None) -> Tensor:
    """Scores of all teams under all fits.

    Args:
        weights: as `Architecture.views` gives them.
        inputs: the lists of each fit.
        keep: [F, L * T, K * H + C] factors of the units that describe a team (dropout, in training only).

    Returns:
        [F, L, T] float32; a higher score is a better team. Teams that are not there have scores too; mask them.
    """
    n_fits, n_lists, n_teams, _ = inputs.minutes.shape
    by_team, attention = attend(weights, inputs)
    # Products and sums, not a matrix product: thousands of products of 2 x 15 by 15 x 8 take longer.
    pooled = [(attention[..., head : head + 1] * by_team).sum(2) for head in range(HEADS)]
    context = inputs.context.flatten(1, 2)
    joined = torch.cat([*pooled, context], dim=-1)
    if keep is not None:
        joined = joined * keep
    team = silu(torch.baddbmm(weights["team_bias"], joined, weights["team"]))
    score = torch.bmm(team, weights["score"]).float() + torch.bmm(context, weights["linear"]).float()
    return score.view(n_fits, n_lists, n_teams)
