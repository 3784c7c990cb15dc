"""Adam for one matrix of stacked weights, with decoupled weight decay, clipping by fit, and loss scaling for fp16.

torch.optim.Adam takes the same steps; making one imports torch's compiler, which costs a worker two seconds, and it
knows no clipping by row. The state is plain tensors, so that a training can be stopped, stored and continued.

Shapes: F fits, D weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[Any]

_BETA1, _BETA2 = 0.9, 0.999
_EPSILON = 1e-8
_FIRST_SCALE = 2.0**13
_GROW_AFTER = 200
"""Steps without an overflow after which the scale of the loss is doubled."""


@dataclass
class Adam:
    """One optimiser of all fits."""

    learning_rate: float
    decay: Tensor
    """[D] share of the learning rate by which each weight shrinks in a step."""
    clip: float
    """Largest norm of one fit's gradient."""
    first_moment: Tensor
    """[F, D]"""
    second_moment: Tensor
    """[F, D]"""
    n_steps: int = 0
    scale: float = 1.0
    """Factor of the loss; 1 but for fp16."""
    steps_in_range: int = 0

    @classmethod
    def new(cls, weights: Tensor, learning_rate: float, decay: Tensor, clip: float, *, scaled: bool) -> Adam:
        """The state before the first step; `scaled` for fp16."""
        zeros = torch.zeros_like(weights)
        return cls(learning_rate, decay, clip, zeros, zeros.clone(), scale=_FIRST_SCALE if scaled else 1.0)

    def resume(self, arrays: Mapping[str, Array]) -> None:
        """Go on from `state`."""
        device = self.first_moment.device
        self.first_moment = torch.from_numpy(arrays["first_moment"].copy()).to(device)
        self.second_moment = torch.from_numpy(arrays["second_moment"].copy()).to(device)
        self.n_steps, self.steps_in_range = int(arrays["steps"][0]), int(arrays["steps"][1])
        self.scale = float(arrays["scale"][0])

    def state(self) -> dict[str, Array]:
        """What `resume` needs."""
        return {
            "first_moment": self.first_moment.cpu().numpy().copy(),
            "second_moment": self.second_moment.cpu().numpy().copy(),
            "steps": np.array([self.n_steps, self.steps_in_range]),
            "scale": np.array([self.scale]),
        }

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change `weights` [F, D] by one step along `gradient` of `scale` times the loss.

        With a scaled loss, a gradient that overflowed takes no step and halves the scale.
        """
        if self.scale != 1.0:
            gradient = gradient / self.scale
            if not self._in_range(gradient):
                return
        norm = gradient.norm(dim=1, keepdim=True)
        gradient = gradient * (self.clip / norm.clamp(min=1e-12)).clamp(max=1.0)
        self.n_steps += 1
        self.first_moment.lerp_(gradient, 1 - _BETA1)
        self.second_moment.lerp_(gradient.square(), 1 - _BETA2)
        deviation = (self.second_moment / (1 - _BETA2**self.n_steps)).sqrt_().add_(_EPSILON)
        weights.mul_((1 - self.learning_rate * self.decay).clamp(min=0.0))
        weights.addcdiv_(self.first_moment, deviation, value=-self.learning_rate / (1 - _BETA1**self.n_steps))

    def _in_range(self, gradient: Tensor) -> bool:
        if not bool(torch.isfinite(gradient).all()):
            self.scale, self.steps_in_range = max(self.scale / 2, 2.0**-10), 0
            return False
        self.steps_in_range += 1
        if self.steps_in_range == _GROW_AFTER:
            self.scale, self.steps_in_range = self.scale * 2, 0
        return True
