"""The lists of all fits as ready tensors: standardised with each fit's own training lists, padded to one shape.

Everything is in memory before the first step; a step only indexes. Surprising: a fit with fewer lists than another is
padded with lists without teams, which every loss ignores.

Shapes: F fits, L lists (padded), T teams, P players, S player statistics, C context columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from truestrength.trainer.features.batches import Batches
from truestrength.trainer.features.directions import directions
from truestrength.trainer.models.deep_set import Inputs
from truestrength.trainer.models.fits import Ints

Floats = npt.NDArray[np.float32]

_LARGEST = 5.0
"""Standardised values are cut here: a player with two minutes can have any rate."""
_FEW_MINUTES = 0.5
_NOBODY = -1e9
"""Finite, so that a team without players has even attention on nothing instead of NaN."""


@dataclass(frozen=True)
class Standardisation:
    """Means and deviations of the training lists of F fits."""

    player_mean: Floats
    """[F, S]"""
    player_deviation: Floats
    """[F, S]"""
    context_mean: Floats
    """[F, C]"""
    context_deviation: Floats
    """[F, C]"""

    def arrays(self) -> dict[str, Floats]:
        """As named arrays, for a file."""
        return dict(vars(self))

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Floats]) -> Standardisation:
        """From `arrays`."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})

    def of_fit(self, fit: int) -> Standardisation:
        """One fit's own, with F = 1."""
        return Standardisation(**{name: values[[fit]] for name, values in vars(self).items()})


def standardisation(batches: Batches, train: Sequence[Ints]) -> Standardisation:
    """Statistics of each fit's training lists, and of nothing else."""
    players = [_moments(batches.players[lists][batches.player_mask[lists]]) for lists in train]
    context = [_moments(batches.context[lists][batches.team_mask[lists]]) for lists in train]
    return Standardisation(
        player_mean=np.stack([mean for mean, _ in players]),
        player_deviation=np.stack([deviation for _, deviation in players]),
        context_mean=np.stack([mean for mean, _ in context]),
        context_deviation=np.stack([deviation for _, deviation in context]),
    )


def inputs(batches: Batches, lists: Sequence[Ints], scale: Standardisation, device: str) -> Inputs:
    """The lists of each fit, standardised by its statistics; shorter fits are padded with empty lists."""
    players, minutes, context = [], [], []
    sign = np.array([-1 if direction < 0 else 1 for direction in directions(batches.context_columns)], dtype=np.float32)
    for fit, chosen in enumerate(lists):
        there, present = batches.player_mask[chosen][..., None], batches.team_mask[chosen][..., None]
        of_players = _scaled(batches.players[chosen], scale.player_mean[fit], scale.player_deviation[fit])
        of_teams = sign * _scaled(batches.context[chosen], scale.context_mean[fit], scale.context_deviation[fit])
        players.append(torch.from_numpy(np.where(there, of_players, np.float32(0))))
        minutes.append(torch.from_numpy(_log_minutes(batches, chosen)))
        context.append(torch.from_numpy(np.where(present, of_teams, np.float32(0))))
    return Inputs(*(stacked(parts).to(device) for parts in (players, minutes, context)))


def stacked(parts: Sequence[Tensor]) -> Tensor:
    """[F, L, ...] the parts under each other, shorter ones padded with zeros."""
    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)


def _log_minutes(batches: Batches, lists: Ints) -> Floats:
    """[L, T, P] logarithm of the first column whose name starts with "minutes"; without one, all players are equal."""
    column = next((i for i, name in enumerate(batches.player_columns) if name.startswith("minutes")), None)
    mask = batches.player_mask[lists]
    minutes = np.ones(mask.shape, dtype=np.float32) if column is None else batches.players[lists][..., column]
    return np.where(mask, np.log(np.maximum(minutes, _FEW_MINUTES)), np.float32(_NOBODY))


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation by column; a column that never varies gets a deviation of 1."""
    deviation = rows.std(axis=0, dtype=np.float64)
    deviation = np.where(deviation > 1e-8, deviation, 1.0)
    return rows.mean(axis=0, dtype=np.float64).astype(np.float32), deviation.astype(np.float32)


def _scaled(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    scaled: Floats = np.clip((values - mean) / deviation, -_LARGEST, _LARGEST)
    return scaled
