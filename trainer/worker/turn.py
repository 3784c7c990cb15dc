"""Workers take turns where the server takes fewer connections than there are workers.

Whoever has a slot keeps its connection: it has to show that it lives. So nobody takes a slot unless the server has a
connection to spare beside its own, for a launcher, a person who looks, or a worker that has just lost its own; and
whoever waits for its turn holds none.
"""

from __future__ import annotations

import logging
import time

from truestrength.trainer.contract.ledger import Ledger

SHORTEST_TURN_S = 0.5
"""Between two questions of a worker that waits: each costs the server a connection."""
LOOK_S = 5.0
"""So long a worker goes on without another look."""

_log = logging.getLogger(__name__)


class Turn:
    """Whether one worker may take a slot."""

    def __init__(self, ledger: Ledger) -> None:
        """The first question looks."""
        self._ledger = ledger
        self._looked_at = float("-inf")
        self.waits = False
        """Whether the last answer was no."""

    def has_come(self, batch_id: str) -> bool:
        """Whether there is a connection to spare; where nobody runs a slot of the sweep, somebody has to begin."""
        if not self.waits and time.monotonic() < self._looked_at + LOOK_S:
            return True
        found, waited = self._ledger.connections(), self.waits
        self._looked_at = time.monotonic()
        self.waits = found.short and self._ledger.open_slots(batch_id).running > 0
        if self.waits and not waited:
            _log.warning(
                "the database's server takes %d connections, and there are %d: this worker waits for its turn. More "
                "workers at once need a larger max_connections.",
                found.most,
                found.taken,
            )
        return not self.waits

    def wait_without_a_connection(self) -> None:
        """What this worker has is for others until it asks again."""
        if self.waits:
            self._ledger.close()
