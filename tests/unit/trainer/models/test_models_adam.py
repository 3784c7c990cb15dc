"""Adam against torch's own, and its loss scaling."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from truestrength.trainer.models.adam import Adam


def test_steps_are_those_of_torchs_adamw() -> None:
    generator = torch.Generator().manual_seed(1)
    theirs = torch.randn(3, 5, generator=generator).requires_grad_()
    ours = theirs.detach().clone()
    adamw = torch.optim.AdamW([theirs], lr=0.03, weight_decay=0.5, foreach=False)
    adam = Adam.new(ours, 0.03, torch.full((5,), 0.5), 1.0, scaled=False)
    for _ in range(50):
        gradient = 0.2 * torch.randn(3, 5, generator=generator)
        adam.step(ours, gradient)
        theirs.grad = gradient * (1 / gradient.norm(dim=1, keepdim=True)).clamp(max=1)
        adamw.step()
    torch.testing.assert_close(ours, theirs.detach())


def test_each_fit_is_clipped_by_itself() -> None:
    def step(gradient: list[list[float]]) -> torch.Tensor:
        adam = Adam.new(torch.zeros(2, 2), 1.0, torch.zeros(2), 5.0, scaled=False)
        adam.step(torch.zeros(2, 2), torch.tensor(gradient))
        return adam.first_moment * 10

    torch.testing.assert_close(step([[300.0, 400.0], [0.3, 0.4]]), torch.tensor([[3.0, 4.0], [0.3, 0.4]]))


def test_scaled_gradient_that_overflows_takes_no_step_and_halves_the_scale() -> None:
    weights = torch.ones(1, 2)
    adam = Adam.new(weights, 0.1, torch.zeros(2), 1.0, scaled=True)
    before = adam.scale
    adam.step(weights, torch.tensor([[torch.inf, 1.0]]))
    assert adam.scale == before / 2
    assert (weights == 1).all()
    assert adam.n_steps == 0
    adam.step(weights, torch.tensor([[before, before]]))
    assert (weights < 1).all()


def test_scale_grows_after_many_steps_in_range_and_survives_a_stop() -> None:
    weights = torch.ones(1, 1)
    adam = Adam.new(weights, 1e-3, torch.zeros(1), 1.0, scaled=True)
    first = adam.scale
    for _ in range(150):
        adam.step(weights, torch.ones(1, 1))
    other = Adam.new(weights, 1e-3, torch.zeros(1), 1.0, scaled=True)
    other.resume(adam.state())
    for _ in range(50):
        other.step(weights, torch.ones(1, 1))
    assert other.scale == pytest.approx(2 * first)
    assert other.n_steps == 200
    assert all(isinstance(value, np.ndarray) for value in other.state().values())
