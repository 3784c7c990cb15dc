"""When a sweep ends before its budget is used up, in good order.

They change no result, so they are no part of what a sweep is: the same command with other limits goes on with it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from truestrength.trainer.contract.words import Direction, Objective

Limit = Literal["goal", "max_minutes"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What ends a sweep early; None: nothing does."""

    max_minutes: float | None = None
    """Minutes in which the sweep is worked at, by however many workers. Trials that run then are let end."""
    goal: float | None = None
    """A value of the sweep's objective; the first trial that is as good ends the sweep."""


NO_LIMITS = Limits()


def wrong_goal(objective: Objective, goal: float) -> str:
    """Why no trial can reach a goal, or every one does; empty for one that can be aimed at.

    >>> wrong_goal(Objective.NDCG4, 1.5)
    'ndcg4 is at most 1'
    """
    if goal <= 0:
        return "expected a number above 0"
    return f"{objective} is at most 1" if objective.direction is Direction.MAXIMIZE and goal > 1 else ""
