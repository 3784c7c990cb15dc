"""Reads sweeps back: from the ledger, the run folders and the tables."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from launcher.report.trials import Importances, Sweep, Trial
from trainer.contract.errors import SweepChangedError
from trainer.contract.ledger import Ledger
from trainer.contract.ledger.registration import stored
from trainer.contract.ledger.rows import AttemptRow, AttemptState
from trainer.contract.outputs_root import outputs_id
from trainer.contract.paths.outputs import OutputsRoot, SweepPaths
from trainer.contract.records.metrics import RunMetrics

S = TypeVar("S", bound=msgspec.Struct)


def registered(ledger: Ledger, outputs: OutputsRoot) -> list[str]:
    """The sweeps of an outputs root, in the order of their registration."""
    if not outputs.identity.exists():
        return []
    root_id = outputs_id(outputs)
    found = ((sweep.batch_id, stored(ledger.connection, sweep.batch_id)) for sweep in ledger.all_progress())
    return [batch_id for batch_id, sweep in found if sweep and sweep.root_id == root_id]


def read_sweeps(ledger: Ledger, outputs: OutputsRoot) -> tuple[list[Sweep], list[str]]:
    """The sweeps of an outputs root, and the batch ids of those that only another version of this program can read."""
    sweeps: list[Sweep] = []
    foreign: list[str] = []
    for batch_id in registered(ledger, outputs):
        try:
            sweeps.append(read_sweep(ledger, batch_id, outputs))
        except SweepChangedError:
            foreign.append(batch_id)
    return sweeps, foreign


def read_sweep(ledger: Ledger, batch_id: str, outputs: OutputsRoot) -> Sweep:
    """A sweep with its ended attempts, from the ledger, the run folders and, once written, its importances.

    Raises:
        UserError: when the ledger has no such sweep.
        SweepChangedError: when another version of this program has registered it.
    """
    paths = outputs.sweep(batch_id)
    spec = ledger.spec(batch_id)
    rungs = {row.slot: row.rung for row in ledger.slots(batch_id)}
    ended = [row for row in ledger.attempts(batch_id) if row.state is not AttemptState.RUNNING]
    return Sweep(
        spec=spec,
        trials=tuple(_read_trial(row, rungs[row.slot], paths) for row in ended),
        importances=_read(paths.importances, Importances),
    )


def _read_trial(row: AttemptRow, rung: int, paths: SweepPaths) -> Trial:
    run = paths.run(row.run_id) if row.run_id is not None and row.state is AttemptState.COMPLETE else None
    # When a death was noticed says nothing of when it was.
    timed = row.finished_at is not None and row.state is not AttemptState.DEAD
    wall = (row.finished_at - row.started_at).total_seconds() if timed and row.finished_at else None
    return Trial(
        batch_id=row.batch_id,
        slot=row.slot,
        attempt=row.attempt,
        state=row.state.value,
        run_id=row.run_id,
        trial_number=row.trial_number,
        rung=rung,
        value=row.value,
        parameters=row.parameters or {},
        seconds=wall if row.seconds is None else row.seconds,
        started_at=row.started_at,
        finished_at=row.finished_at,
        host=row.host,
        job_id=row.job_id,
        reason=row.reason,
        objectives=row.objectives or {},
        metrics=_read(run.metrics, RunMetrics) if run else None,
        holdout=_read(run.holdout, RunMetrics) if run else None,
    )


def _read(path: Path, kind: type[S]) -> S | None:
    """A JSON file as a struct; None when it is missing or damaged: a report must not fail because of one run."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None
