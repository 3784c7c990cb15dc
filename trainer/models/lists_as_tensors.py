"""The lists of all fits as ready tensors: standardised with each fit's own training lists, padded to one shape.

Everything is in memory before the first step; a step only indexes. Surprising: a fit with fewer lists than another
is padded with lists without teams, which every loss ignores.

Shapes: F fits, L lists (padded), T teams, P players, S player statistics, U summary columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from trainer.features.batches import Batches
from trainer.models.deep_set import Architecture
from trainer.models.fits import Ints

Floats = npt.NDArray[np.float32]

_LARGEST = 5.0
"""Standardised values are cut here: a player with two minutes can have any rate."""


@dataclass(frozen=True)
class Standardisation:
    """Means and deviations of the training lists of F fits."""

    player_mean: Floats
    """[F, S]"""
    player_deviation: Floats
    """[F, S]"""
    summary_mean: Floats
    """[F, U]"""
    summary_deviation: Floats
    """[F, U]"""

    def arrays(self) -> dict[str, Floats]:
        """As named arrays, for a file."""
        return dict(vars(self))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Standardisation:
        """From `arrays`."""
        return cls(**{name: arrays[name] for name in cls.names()})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of `arrays`."""
        return tuple(cls.__dataclass_fields__)

    def architecture(self, hidden: int) -> Architecture:
        """The network that reads what this standardises."""
        return Architecture(stats=self.player_mean.shape[1], summary=self.summary_mean.shape[1], hidden=hidden)

    def of_fit(self, fit: int) -> Standardisation:
        """One fit's own, with F = 1."""
        return Standardisation(**{name: values[[fit]] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Inputs:
    """What the network reads: [F, L, ...]."""

    players: Tensor
    """[F, L, T, P, S]"""
    player_mask: Tensor
    """[F, L, T, P]"""
    summary: Tensor
    """[F, L, T, U]"""


def team_summary(batches: Batches, lists: Ints) -> Floats:
    """[L, T, U] minutes-weighted means of the player statistics, then the context.

    The weights are the first column whose name starts with "minutes"; without one, all players count the same.
    """
    players, mask = batches.players[lists], batches.player_mask[lists]
    minutes = next((i for i, name in enumerate(batches.player_columns) if name.startswith("minutes")), None)
    weight = mask.astype(np.float32) if minutes is None else np.where(mask, np.maximum(players[..., minutes], 0.0), 0.0)
    total = weight.sum(axis=-1, keepdims=True)
    weight = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    mean = (weight[..., None, :] @ players)[..., 0, :]
    return np.concatenate([mean, batches.context[lists]], axis=-1).astype(np.float32)


def standardisation(batches: Batches, train: Sequence[Ints]) -> Standardisation:
    """Statistics of each fit's training lists, and of nothing else."""
    players = [_moments(batches.players[lists][batches.player_mask[lists]]) for lists in train]
    summary = [_moments(team_summary(batches, lists)[batches.team_mask[lists]]) for lists in train]
    return Standardisation(
        player_mean=np.stack([mean for mean, _ in players]),
        player_deviation=np.stack([deviation for _, deviation in players]),
        summary_mean=np.stack([mean for mean, _ in summary]),
        summary_deviation=np.stack([deviation for _, deviation in summary]),
    )


def inputs(batches: Batches, lists: Sequence[Ints], scale: Standardisation, device: str) -> Inputs:
    """The lists of each fit, standardised by its statistics; shorter fits are padded with empty lists."""
    players, masks, summaries = [], [], []
    for fit, chosen in enumerate(lists):
        mask, present = batches.player_mask[chosen], batches.team_mask[chosen]
        of_fit = _scaled(batches.players[chosen], scale.player_mean[fit], scale.player_deviation[fit])
        players.append(torch.from_numpy(np.where(mask[..., None], of_fit, np.float32(0))))
        masks.append(torch.from_numpy(mask.copy()))
        summary = _scaled(team_summary(batches, chosen), scale.summary_mean[fit], scale.summary_deviation[fit])
        summaries.append(torch.from_numpy(np.where(present[..., None], summary, np.float32(0))))
    return Inputs(*(stacked(parts).to(device) for parts in (players, masks, summaries)))


def stacked(parts: Sequence[Tensor]) -> Tensor:
    """[F, L, ...] the parts under each other, shorter ones padded with zeros."""
    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation by column; a column that never varies gets a deviation of 1."""
    deviation = rows.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 1e-8, deviation, 1.0)
    return rows.mean(axis=0, dtype=np.float64).astype(np.float32), deviation.astype(np.float32)


def _scaled(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    scaled: Floats = np.clip((values - mean) / deviation, -_LARGEST, _LARGEST)
    return scaled
