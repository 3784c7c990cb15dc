"""What a sweep knows from earlier ones: finished trials, kept with the sweep, so that every worker has the same ones.

Read once, when the sweep is registered: whatever becomes of the earlier sweeps, it goes on with what it knew.
"""

from __future__ import annotations

from typing import Any

import msgspec


class PriorTrial(msgspec.Struct, frozen=True):
    """A finished trial of an earlier sweep, as a point of this sweep's search space."""

    parameters: dict[str, Any]
    value: float
    """By this sweep's objective."""


class PriorSweep(msgspec.Struct, frozen=True, kw_only=True):
    """What is known from one earlier sweep."""

    name: str
    """Its batch id, or its folder, as the user wrote it."""
    finished: int
    """Its finished trials; of successive halving, those of the last rung."""
    fitting: int
    """Those that are points of this sweep's search space, and have a value by its objective."""
    alike: bool
    """Measured on the same data and seasons."""
    trials: tuple[PriorTrial, ...]
    """Those that count: of very many, the best, the worst and the newest."""
