"""What the times of null trials say: how long the start took, and how fast trials follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import iter_unpack
from typing import NamedTuple


class Pace(NamedTuple):
    """Of one sweep of null trials."""

    trials: int
    around_s: float
    """Wall time before the first trial and after the last one."""
    per_trial_ms: float
    """Wall time from a trial to the next, whichever worker runs it."""


def read_marks(path: Path) -> list[float]:
    """The times of all trials, in order."""
    return sorted(time for (time,) in iter_unpack("d", path.read_bytes()))


def pace(marks: Sequence[float], wall_s: float) -> Pace:
    """Split the wall time of a sweep.

    >>> pace([10.0, 10.5, 11.0], wall_s=3.0)
    Pace(trials=3, around_s=2.0, per_trial_ms=500.0)
    """
    running = marks[-1] - marks[0]
    return Pace(len(marks), wall_s - running, 1000 * running / max(1, len(marks) - 1))


def growth(marks: Sequence[float], skip: int, share: float = 0.1) -> tuple[float, float]:
    """Milliseconds per trial at the beginning and at the end of a sweep.

    Args:
        marks: The times of the trials.
        skip: Trials at the beginning that are left out: the start design needs no search.
        share: Of the trials, that each of the two figures is taken over.

    >>> growth([0.0, 1.0, 2.0, 3.0, 5.0], skip=0, share=0.5)
    (1000.0, 1500.0)
    """
    counted = marks[skip:]
    width = max(2, int(len(counted) * share)) if len(counted) > 2 else 1
    first, last = counted[: width + 1], counted[-width - 1 :]
    return tuple(1000 * (part[-1] - part[0]) / (len(part) - 1) for part in (first, last))  # type: ignore[return-value]
