"""How far chance alone moves a run's figures: its configuration again, with other seeds; `noise.json`."""

from __future__ import annotations

import msgspec

from truestrength.trainer.contract.records.metrics import Scores
from truestrength.trainer.contract.words import Objective


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """The stack's validation figures of one configuration with seeds that no trial had."""

    seeds: tuple[int, ...]
    objectives: tuple[Scores, ...]
    """One for each seed."""

    def of(self, objective: Objective) -> list[float]:
        """The values of one objective, seed by seed."""
        return [scores.of(objective) for scores in self.objectives]
