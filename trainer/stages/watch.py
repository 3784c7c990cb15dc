"""What a run spends on each of its stages, and how often the store had them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from truestrength.trainer.contract.records.metrics import StageCount


class Watch:
    """Seconds and store counts of one run."""

    def __init__(self, counts: dict[str, StageCount], proceed: Callable[[], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._counts = counts
        self._proceed = proceed

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the wall time of the body; a stage may be entered again."""
        self._proceed()
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - begun, 4)

    def counts_since(self, counts: Mapping[str, StageCount]) -> dict[str, StageCount]:
        """Hits and misses since the watch was made."""
        zero = StageCount()
        differences = {
            name: StageCount(
                hits=now.hits - self._counts.get(name, zero).hits,
                misses=now.misses - self._counts.get(name, zero).misses,
            )
            for name, now in counts.items()
        }
        return {name: count for name, count in differences.items() if count != zero}
