"""Each loss against an independent NumPy oracle, in trios: simple, stable at extreme values, ignores padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from truestrength.trainer.models.losses import listmle, position_listmle, spearman_loss

LOSSES = [listmle, position_listmle, spearman_loss]
SCORES = np.array([0.3, -1.2, 2.0, 0.7, 0.1])
RANKS = np.array([12.0, 30.0, 2.0, 7.0, 25.0])  # league-wide, so with gaps


def oracle(name: str, scores: np.ndarray, ranks: np.ndarray) -> float:
    """One list in float64 with plain loops."""
    order = np.argsort(ranks)
    s = scores[order]
    n = len(s)
    terms = [float(np.logaddexp.reduce(s[i:]) - s[i]) for i in range(n)]
    if name == "listmle":
        return sum(terms) / n
    if name == "position_listmle":
        weights = [1 / np.log2(1 + i) for i in range(1, n + 1)]
        return sum(w * t for w, t in zip(weights, terms, strict=True)) / sum(weights)
    soft = [sum(1 / (1 + np.exp(a - b)) for j, b in enumerate(s) if j != i) for i, a in enumerate(s)]
    return 1 - float(np.corrcoef(soft, np.arange(n))[0, 1])


def call(loss, scores, ranks, mask=None) -> torch.Tensor:  # type: ignore[no-untyped-def]
    scores = torch.as_tensor(np.asarray(scores), dtype=torch.float32)
    ranks = torch.as_tensor(np.asarray(ranks), dtype=torch.float32)
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else torch.as_tensor(mask)
    return loss(scores, ranks, mask)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_loss_simple(loss) -> None:  # type: ignore[no-untyped-def]
    got = call(loss, [SCORES, -SCORES], [RANKS, RANKS])
    want = [oracle(loss.__name__, SCORES, RANKS), oracle(loss.__name__, -SCORES, RANKS)]
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("scale", [1e-30, 1e4, 1e30])
def test_loss_stable_for_extreme_values(loss, scale: float) -> None:  # type: ignore[no-untyped-def]
    scores = torch.tensor(np.array([SCORES * scale, SCORES * 0]), dtype=torch.float32, requires_grad=True)
    ranks = torch.tensor(np.array([RANKS, RANKS]))
    value = loss(scores, ranks, torch.ones(2, 5, dtype=torch.bool))
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert torch.isfinite(scores.grad).all()
    if loss is spearman_loss and scale < 1:  # equal soft ranks: 1 here, NaN in NumPy
        assert value[0].item() == pytest.approx(1)
        return
    with np.errstate(over="ignore"):
        want = oracle(loss.__name__, (SCORES * scale).astype(np.float32).astype(np.float64), RANKS)
    np.testing.assert_allclose(value[0].item(), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_loss_ignores_padding(loss) -> None:  # type: ignore[no-untyped-def]
    wide_scores = np.array([9e9, *SCORES[:2], -9e9, *SCORES[2:], np.nan])
    wide_ranks = np.array([0.0, *RANKS[:2], 0.0, *RANKS[2:], 0.0])
    mask = np.array([False, True, True, False, True, True, True, False])
    scores = torch.tensor(wide_scores, dtype=torch.float32, requires_grad=True)
    value = loss(scores, torch.tensor(wide_ranks), torch.tensor(mask))
    value.backward()
    assert value.item() == pytest.approx(call(loss, SCORES, RANKS).item(), rel=1e-5)
    assert (scores.grad[~torch.tensor(mask)] == 0).all()
    assert call(loss, wide_scores, wide_ranks, np.zeros(8, dtype=bool)).item() in (0.0, 1.0)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_loss_does_not_change_when_a_constant_is_added(loss) -> None:  # type: ignore[no-untyped-def]
    got = call(loss, SCORES + 64, RANKS)
    assert got.item() == pytest.approx(call(loss, SCORES, RANKS).item(), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_descending_the_loss_gives_the_better_team_the_higher_score(loss) -> None:  # type: ignore[no-untyped-def]
    scores = torch.zeros(5, requires_grad=True)
    optimiser = torch.optim.SGD([scores], lr=3.0)
    for _ in range(60):
        optimiser.zero_grad()
        loss(scores, torch.tensor(RANKS), torch.ones(5, dtype=torch.bool)).backward()
        optimiser.step()
    assert spearmanr(scores.detach().numpy(), -RANKS).statistic == pytest.approx(1)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_loss_is_float32_for_half_precision_scores(loss) -> None:  # type: ignore[no-untyped-def]
    scores = torch.tensor(SCORES).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(scores, torch.tensor(RANKS), torch.ones(5, dtype=torch.bool))
    assert value.dtype is torch.float32
    assert value.item() == pytest.approx(oracle(loss.__name__, scores.double().numpy(), RANKS), rel=1e-5)
