"""Listwise losses of a ranking: ListMLE, position-aware ListMLE, and a differentiable Spearman correlation.

A higher score is a better team; rank 1 is the best. The surprising one: padding is sorted in front of the real teams,
because every sum runs from a team to the end of its list and so never meets what stands in front of it.

Shapes: `...` any leading dimensions (fits, lists), T teams (padded).
"""

from __future__ import annotations

import torch
from torch import Tensor


def listmle(scores: Tensor, ranks: Tensor, mask: Tensor) -> Tensor:
    """Negative log-likelihood of the true order under Plackett-Luce, per team of the list (Xia et al., 2008).

    Args:
        scores: [..., T] of any floating type; computed in float32. Any constant may be added to a list's scores.
        ranks: [..., T] true ranks, 1 is best; only their order counts.
        mask: [..., T] True for real teams.

    Returns:
        [...] one loss per list, at least 0; 0 for a list without teams.

    >>> listmle(torch.zeros(1, 2), torch.tensor([[1.0, 2.0]]), torch.ones(1, 2, dtype=torch.bool))
    tensor([0.3466])
    """
    surprise, real = _surprise(scores, ranks, mask)
    return surprise.sum(-1) / real.sum(-1).clamp(min=1)


def position_listmle(scores: Tensor, ranks: Tensor, mask: Tensor) -> Tensor:
    """ListMLE in which the first places count most (p-ListMLE, Lan et al., 2014).

    Place i weighs 1 / log2(1 + i), as in NDCG, and the weights of a list sum to 1. (The paper's 2 ** (T - i) - 1 would
    leave all but the first few of 15 teams without a gradient.)

    Args:
        scores: [..., T]; computed in float32.
        ranks: [..., T] true ranks, 1 is best; only their order counts.
        mask: [..., T] True for real teams.

    Returns:
        [...] one loss per list.

    >>> position_listmle(torch.zeros(1, 2), torch.tensor([[1.0, 2.0]]), torch.ones(1, 2, dtype=torch.bool))
    tensor([0.4250])
    """
    surprise, real = _surprise(scores, ranks, mask)
    place = real.cumsum(-1)
    weight = torch.where(real, 1 / torch.log2(1 + place.clamp(min=1)), 0.0)
    return (weight * surprise).sum(-1) / weight.sum(-1).clamp(min=1)


def spearman_loss(scores: Tensor, ranks: Tensor, mask: Tensor, temperature: float = 1.0) -> Tensor:
    """One minus the correlation of the true ranks with soft ranks of the scores (Qin et al., 2010).

    The soft rank of a team is 1 + the sum over the other teams of sigmoid((their score - its score) / temperature).

    Args:
        scores: [..., T]; computed in float32. Any constant may be added to a list's scores.
        ranks: [..., T] true ranks, 1 is best; only their order counts.
        mask: [..., T] True for real teams.
        temperature: how far apart two scores must be for their order to be certain.

    Returns:
        [...] one loss per list, from 0 (the true order) to 2 (its reverse); 1 where all scores are equal.

    >>> order = torch.tensor([[1.0, 2.0, 3.0]])
    >>> spearman_loss(-20 * order, order, torch.ones(1, 3, dtype=torch.bool)).abs().round(decimals=4)
    tensor([0.])
    """
    soft = _soft_ranks(torch.where(mask, scores.float(), 0.0), mask, temperature)
    true = ((ranks[..., None, :] < ranks[..., :, None]) & mask[..., None, :]).sum(-1).float()
    soft, true = _centred(soft, mask), _centred(true, mask)
    # The floor keeps the gradient finite where all scores are equal.
    scale = (soft.square().sum(-1) * true.square().sum(-1)).clamp(min=1e-12).sqrt()
    return 1 - (soft * true).sum(-1) / scale


def _surprise(scores: Tensor, ranks: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """[..., T] minus the log-probability of each team's place given those before it, in true order, and its mask."""
    order = torch.where(mask, ranks.float(), -torch.inf).argsort(dim=-1, stable=True)
    real = mask.gather(-1, order)
    ordered = torch.where(real, scores.float().gather(-1, order), 0.0)
    rest = ordered.flip(-1).logcumsumexp(-1).flip(-1)
    return torch.where(real, rest - ordered, 0.0), real


def _soft_ranks(scores: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """[..., T] expected number of better teams, up to a constant of the list."""
    ahead = torch.sigmoid((scores[..., None, :] - scores[..., :, None]) / temperature)
    return (ahead * mask[..., None, :]).sum(-1)


def _centred(values: Tensor, mask: Tensor) -> Tensor:
    """`values` minus their mean over the real teams; 0 where masked."""
    mean = (values * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)
    return torch.where(mask, values - mean, 0.0)
