"""Keeps a claim alive while its slot runs.

A thread, so a run that holds the interpreter for longer than the lease looks dead; leases are a minute, and numerical
code lets go of the interpreter.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

from truestrength.trainer.contract.errors import DatabaseError, UserError
from truestrength.trainer.contract.ledger.ledger import LEASE_S, Ledger
from truestrength.trainer.contract.ledger.rows import Claim

LEASE_VARIABLE = "TRUESTRENGTH_LEASE_S"
"""Seconds without a sign of life after which a worker is taken for dead; the ledger's default suits most."""

LONGEST_LEASE_S = 86_400

_log = logging.getLogger(__name__)


def lease_seconds() -> float:
    """How long a lease lasts, from the environment.

    Raises:
        UserError: what the variable says is no time.
    """
    text = os.environ.get(LEASE_VARIABLE, str(LEASE_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= LONGEST_LEASE_S:
        raise UserError(f"{LEASE_VARIABLE}={text}: expected seconds, from 1 to {LONGEST_LEASE_S}")
    return seconds


class Lease:
    """Renews a claim four times per lease, by the database's clock, as long as the `with` block runs.

    A renewal that fails is tried again soon: others may want the connection that the server has left, too.
    """

    def __init__(
        self,
        ledger: Ledger,
        claim: Claim,
        lease_s: float = LEASE_S,
        *,
        once: Callable[[], None] = lambda: None,
        after_s: float = LONGEST_LEASE_S,
    ) -> None:
        """Remember what to renew; entering the block starts it. `once` is called after `after_s`, if it still runs."""
        self.lost = threading.Event()
        """Set when the slot has a later owner: the run may stop, its result will not count."""
        self.cancelled = threading.Event()
        """Set when the sweep was cancelled."""
        self._ledger = ledger
        self._claim = claim
        self._lease_s = lease_s
        self._once, self._after_s = once, after_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{claim.slot}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        once_at: float | None = time.monotonic() + self._after_s
        pause_s, said = self._lease_s / 4, False
        renew_at = time.monotonic() + pause_s
        while not self._stop.wait(max(0.0, min(renew_at, once_at or renew_at) - time.monotonic())):
            if once_at is not None and time.monotonic() >= once_at:
                once_at = None
                self._once()
            if time.monotonic() < renew_at:
                continue
            try:
                renewal = self._ledger.renew(self._claim, self._lease_s, patience_s=0)
            except DatabaseError as error:
                if not said:
                    _log.warning("lease of slot %d not renewed yet: %s", self._claim.slot, error)
                pause_s, said = self._lease_s / 40, True
            else:
                pause_s, said = self._lease_s / 4, False
                if renewal.cancelled:
                    self.cancelled.set()
                if not renewal.owner:
                    self.lost.set()
                    return
            renew_at = time.monotonic() + pause_s
