"""When a worker tells the study: as it goes on, if nobody has done so for a while, and all of it at the end."""

from __future__ import annotations

from contextlib import suppress

from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import Claim, Ledger, study
from truestrength.trainer.contract.sweep.spec import SweepSpec

TELL_EVERY_S = 2.0
"""So late, at most, the study hears of a trial that begins or ends while its worker lives."""


class StudyRecord:
    """The study of one sweep, as one process tells it. Its methods may be called from any thread."""

    def __init__(self, ledger: Ledger, spec: SweepSpec) -> None:
        """Remember which study."""
        self._ledger = ledger
        self._spec = spec

    def tell_when_due(self, claim: Claim) -> None:
        """Tell the study what it does not know, unless somebody has done so just now, or is at it."""
        if claim.untold_s >= TELL_EVERY_S:
            self.tell()

    def tell(self) -> bool:
        """Tell the study what it does not know; False where something may be left, since another process is at it."""
        return study.tell(self._ledger.connection, self._spec)

    def tell_meanwhile(self) -> None:
        """The same beside a trial, which a database that is away does not concern."""
        with suppress(UserError):
            study.tell(self._ledger.connection, self._spec, patience_s=0)

    def tell_all(self) -> None:
        """Take the slots of dead workers back, and leave nothing untold. Anybody may do this at any time."""
        self._ledger.expire(self._spec.batch_id)
        study.restore(self._ledger.connection, self._spec)
