"""Successive halving: how a budget of slots is split into rungs, and what share of the lists each rung trains on.

With every other method there is one rung, and it trains on everything.
"""

from __future__ import annotations

from truestrength.trainer.contract.words import Method


def rung_sizes(method: Method, n_trials: int) -> list[int]:
    """Slots per rung, the cheapest rung first. Each rung has about half as many as the one before.

    >>> rung_sizes(Method.HALVING, 12), rung_sizes(Method.RANDOM, 12)
    ([7, 3, 2], [12])
    """
    if method is not Method.HALVING or n_trials < 3:
        return [n_trials]
    weights = [2, 1] if n_trials < 7 else [4, 2, 1]
    upper = [max(1, round(n_trials * weight / sum(weights))) for weight in weights[1:]]
    return [n_trials - sum(upper), *upper]


def rung_of_slots(method: Method, n_trials: int) -> list[int]:
    """The rung of every slot.

    >>> rung_of_slots(Method.HALVING, 4)
    [0, 0, 0, 1]
    """
    return [rung for rung, size in enumerate(rung_sizes(method, n_trials)) for _ in range(size)]


def fidelity(method: Method, n_trials: int, rung: int) -> float:
    """The share of the lists that a rung trains on: 1 for the last rung, half of it for each rung below.

    >>> [fidelity(Method.HALVING, 12, rung) for rung in (0, 1, 2)]
    [0.25, 0.5, 1.0]
    """
    return float(0.5 ** (len(rung_sizes(method, n_trials)) - 1 - rung))
