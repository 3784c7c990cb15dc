"""The ledger: sweeps, slots, attempts, workers and run ids in PostgreSQL."""

from truestrength.trainer.contract.ledger.lease import Lease, lease_seconds
from truestrength.trainer.contract.ledger.ledger import LEASE_S, Ledger, Superseded
from truestrength.trainer.contract.ledger.rows import (
    AttemptRow,
    AttemptState,
    Claim,
    Connections,
    Observation,
    OpenSlots,
    Renewal,
    SlotRow,
    SlotState,
    SweepProgress,
    WorkerRow,
    in_words,
)

__all__ = [
    "LEASE_S",
    "AttemptRow",
    "AttemptState",
    "Claim",
    "Connections",
    "Lease",
    "Ledger",
    "Observation",
    "OpenSlots",
    "Renewal",
    "SlotRow",
    "SlotState",
    "Superseded",
    "SweepProgress",
    "WorkerRow",
    "in_words",
    "lease_seconds",
]
