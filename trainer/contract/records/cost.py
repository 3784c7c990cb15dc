"""What one attempt cost its machine, and what it would have cost without anybody else's work.

Surprising: a trial whose results were all in the store costs milliseconds and still says what it was worth, because
every entry of the store carries what its making took.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

WATTS_OF_A_CORE = 10.0
"""A busy core with its part of the package: server processors of 200 to 350 W have 24 to 48 of them."""
WATTS_OF_A_GPU = 300.0
"""A training GPU at work, between the limits of an L4 (72 W) and an H100 (700 W)."""


class Spent(msgspec.Struct, frozen=True):
    """Time that a piece of work took in one process."""

    seconds: float = 0.0
    """Wall seconds."""
    cpu_seconds: float = 0.0
    """Of all threads together."""

    def plus(self, other: Spent, times: float = 1.0) -> Spent:
        """Both together, the other one so many times."""
        return Spent(self.seconds + times * other.seconds, self.cpu_seconds + times * other.cpu_seconds)


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of one attempt, from its claim to its end. None: not known, which is something else than nothing."""

    wall_seconds: float
    cpu_seconds: float
    """Of all threads of the worker meanwhile."""
    waited_seconds: float
    """Wall seconds in which it waited for what somebody else was making for the store."""
    alone_seconds: float | None
    """Wall seconds that it would have taken with an empty store and nobody beside it, as whoever made each part of it
    measured them; a prefix of a training counts in proportion to its depth. None when a part was made by a version
    that did not measure."""
    alone_cpu_seconds: float | None
    memory_mb: float | None
    """The most memory that the worker held, in MiB."""
    memory_since: str
    """`attempt`, or `process` where the kernel does not let the mark be set back between attempts."""
    gpu_seconds: float | None
    """Wall seconds in which it trained on a GPU; None where no GPU is in use."""
    gpu_memory_mb: float | None
    """The most GPU memory that PyTorch held, in MiB."""
    energy_joules: float
    """An estimate."""
    energy_from: str
    """What it rests on: `rapl` (the processor's counter) or `cpu_seconds` times a stated figure; with a GPU, then
    `+nvml` (its counter) or `+gpu_seconds` times a stated figure."""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over attempts. Those without a record (dead workers, older versions) are counted apart."""

    attempts: int
    unknown: int
    """Attempts that say nothing of their cost: they are in none of the sums."""
    wall_seconds: float
    cpu_seconds: float
    waited_seconds: float
    gpu_seconds: float | None
    memory_mb: float | None
    """The largest."""
    gpu_memory_mb: float | None
    """The largest."""
    energy_joules: float
    """An estimate."""
    energy_from: list[str]
    """What it rests on, of all attempts."""
    compared: int
    """Complete attempts whose cost alone is known; the next four are theirs."""
    alone_seconds: float
    shared_seconds: float
    """What these took in truth."""
    saved_seconds: float
    """By sharing: the difference."""
    saved_ratio: float | None
    """How many times as long they would have taken alone."""


def summed(costs: Iterable[tuple[bool, Cost | None]]) -> Costs:
    """The sums over attempts, given whether each is complete and its cost."""
    everything = list(costs)
    known = [cost for _, cost in everything if cost]
    compared = [(cost.wall_seconds, cost.alone_seconds) for complete, cost in everything if complete and cost]
    pairs = [(wall, alone) for wall, alone in compared if alone is not None]
    shared, alone = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    gpu = [cost.gpu_seconds for cost in known if cost.gpu_seconds is not None]
    return Costs(
        attempts=len(everything),
        unknown=len(everything) - len(known),
        wall_seconds=round(sum(cost.wall_seconds for cost in known), 3),
        cpu_seconds=round(sum(cost.cpu_seconds for cost in known), 3),
        waited_seconds=round(sum(cost.waited_seconds for cost in known), 3),
        gpu_seconds=round(sum(gpu), 3) if gpu else None,
        memory_mb=max((cost.memory_mb for cost in known if cost.memory_mb is not None), default=None),
        gpu_memory_mb=max((cost.gpu_memory_mb for cost in known if cost.gpu_memory_mb is not None), default=None),
        energy_joules=round(sum(cost.energy_joules for cost in known), 1),
        energy_from=sorted({cost.energy_from for cost in known}),
        compared=len(pairs),
        alone_seconds=round(alone, 3),
        shared_seconds=round(shared, 3),
        saved_seconds=round(alone - shared, 3),
        saved_ratio=round(alone / shared, 3) if shared else None,
    )
