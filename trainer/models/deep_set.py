"""The attention deep set: a roster of players becomes a team, and a team a score. Pure functions of stacked weights.

The surprising one: there is no module. All fits (the folds and the final one) are rows of one matrix of weights and go
through one batched matrix product per layer, so six trainings cost little more than one.

A player goes through two layers; attention heads pool the roster; beside that goes the team's own summary
(minutes-weighted means of the player statistics, and the context) through a linear term, so the network learns what a
line does not say.

Shapes: F fits, L lists, T teams, P players, S player statistics, U summary columns, H hidden, K heads, D weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import silu

HEADS = 2


@dataclass(frozen=True)
class Architecture:
    """Widths of the network, from which the weights' layout follows."""

    stats: int
    summary: int
    hidden: int

    @property
    def layout(self) -> dict[str, tuple[int, int]]:
        """Name -> (inputs, outputs) of each matrix; a bias is a matrix with one input."""
        joined = HEADS * self.hidden + self.summary
        return {
            "player": (self.stats, self.hidden),
            "player_bias": (1, self.hidden),
            "deeper": (self.hidden, self.hidden),
            "deeper_bias": (1, self.hidden),
            "attention": (self.hidden, HEADS),
            "team": (joined, self.hidden),
            "team_bias": (1, self.hidden),
            "score": (self.hidden, 1),
            "linear": (self.summary, 1),
        }

    @property
    def n_weights(self) -> int:
        """D."""
        return sum(inputs * outputs for inputs, outputs in self.layout.values())

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The matrices of `flat` [F, D], each [F, inputs, outputs], without a copy."""
        sizes = [inputs * outputs for inputs, outputs in self.layout.values()]
        parts = torch.split(flat, sizes, dim=1)
        return {name: part.view(-1, *shape) for (name, shape), part in zip(self.layout.items(), parts, strict=True)}

    def initial(self, generator: torch.Generator) -> Tensor:
        """[D] first weights: He's deviation for layers, 0 for biases and for what leads to the score.

        Every team starts with the same score, so the first steps follow the data and not the draw.
        """
        parts = []
        for name, (inputs, outputs) in self.layout.items():
            zero = name.endswith("_bias") or name in {"linear", "score", "attention"}
            scale = 0.0 if zero else math.sqrt(2 / inputs)
            parts.append(scale * torch.randn(inputs * outputs, generator=generator))
        return torch.cat(parts)


def score_teams(
    weights: Mapping[str, Tensor], players: Tensor, player_mask: Tensor, summary: Tensor, keep: Tensor | None = None
) -> Tensor:
    """Scores of all teams under all fits.

    Args:
        weights: as `Architecture.views` gives them.
        players: [F, L, T, P, S] standardised statistics, 0 where masked.
        player_mask: [F, L, T, P]; a team may have no player.
        summary: [F, L, T, U] standardised.
        keep: [F, L * T, K * H + U] factors of the pooled units and the summary (dropout, in training only).

    Returns:
        [F, L, T] float32; a higher score is a better team.
    """
    n_fits, n_lists, n_teams, n_players, _ = players.shape
    hidden = silu(torch.baddbmm(weights["player_bias"], players.flatten(1, 3), weights["player"]))
    hidden = hidden + silu(torch.baddbmm(weights["deeper_bias"], hidden, weights["deeper"]))
    logits = torch.bmm(hidden, weights["attention"]).view(n_fits, -1, n_players, HEADS).float()
    absent = ~player_mask.view(n_fits, -1, n_players, 1)
    # A large finite number, not -inf: a team without players then has even attention on zeros instead of NaN.
    attention = logits.masked_fill(absent, -1e9).softmax(dim=2).masked_fill(absent, 0.0)
    by_team = hidden.view(n_fits * n_lists * n_teams, n_players, -1)
    pooled = torch.bmm(attention.flatten(0, 1).mT.to(by_team.dtype), by_team).view(n_fits, n_lists * n_teams, -1)
    flat_summary = summary.flatten(1, 2)
    joined = torch.cat([pooled, flat_summary.to(pooled.dtype)], dim=-1)
    if keep is not None:
        joined = joined * keep
    team = silu(torch.baddbmm(weights["team_bias"], joined, weights["team"]))
    score = torch.bmm(team, weights["score"]).float() + torch.bmm(flat_summary, weights["linear"]).float()
    return score.view(n_fits, n_lists, n_teams)
