"""`python -m trainer work`: a process that imports once and drains the slots of one sweep after another.

It does not wait for the last trials of a sweep where another worker runs them: it goes on to the next sweep, and looks
back after each.

Told to stop (SIGTERM, SIGUSR1, SIGUSR2, Ctrl-C) it gives its slot back at the next stage of the run, which costs
nothing: what was trained so far lies in the store. Exit code 85 says that there is work left.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from truestrength.trainer.contract import process
from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.ledger import Ledger, lease_seconds
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.process import EXIT_TOLD_TO_STOP
from truestrength.trainer.contract.records import provenance
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.models.precision import choose_precision
from truestrength.trainer.models.settings import deepest
from truestrength.trainer.run.folder import RunFolder
from truestrength.trainer.run.train_into import Trial, open_store, train_into
from truestrength.trainer.stages.store import Store
from truestrength.trainer.worker.drain import (
    OTHERS_AT_WORK,
    UNFIT,
    DrainResult,
    TrialJob,
    TrialOutcome,
    TrialStopped,
    drain,
)

EXIT_UNFIT = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

log = logging.getLogger(__name__)


def work(batch_ids: Sequence[str], *, threads: int, share: bool = True) -> int:
    """Drain sweeps in the given order.

    Args:
        batch_ids: registered sweeps.
        threads: CPU threads of this process, as `use_threads` set them.
        share: False trains every trial alone.

    Returns:
        0 when no slot is left, 85 when told to stop before, 1 when trials fail here one after the other.

    Raises:
        UserError: unknown sweep, other data than the sweep was made for, no such device, no database, a full disk.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = _stop_on_signals()
    with Ledger(database_url()) as ledger:
        try:
            _serve_all(_Service(ledger, stop, threads, share, lease_seconds()), batch_ids)
        except _UnfitError:
            return EXIT_UNFIT
    return EXIT_TOLD_TO_STOP if stop.is_set() else 0


def _serve_all(service: _Service, batch_ids: Sequence[str]) -> None:
    """Serve the sweeps in order, then those whose last slots were left to others."""
    left: list[str] = []
    for i, batch_id in enumerate(batch_ids):
        # With nothing to go on to and nothing left behind, a worker waits at once.
        wait = i == len(batch_ids) - 1 and not left
        open_again = [name for name in left if service.ledger.open_slots(name).total]
        left = [n for n in [*open_again, batch_id] if service.serve(n, wait=wait).reason == OTHERS_AT_WORK]
        if service.stop.is_set():
            return
    for name in left:
        service.serve(name, wait=True)


class _UnfitError(Exception):
    """Trials fail in this worker, one after the other."""


@dataclass
class _Service:
    """What a worker brings to every sweep."""

    ledger: Ledger
    stop: threading.Event
    threads: int
    share: bool
    lease_s: float
    stores: dict[str, Store] = field(default_factory=dict)
    """One per folder: a store verifies a file once."""

    def serve(self, batch_id: str, *, wait: bool) -> DrainResult:
        """Drain one sweep."""
        ledger, spec = self.ledger, self.ledger.spec(batch_id)
        _check_data(spec)
        # Raises where every trial would fail, before a slot is claimed: so it costs no attempt.
        choose_precision(spec.config.training.amp, spec.config.training.device)
        worker_id = ledger.start_worker(batch_id, process.host(), os.getpid(), process.job_id(), self.lease_s)
        reason = "crashed"
        try:
            store = self.stores.setdefault(spec.config.paths.batch_cache, open_store(spec.config, ledger))
            trials = _Trials(store, self.threads, self.share)
            result = drain(
                ledger,
                batch_id,
                worker_id,
                trials.run,
                self.stop,
                lease_s=self.lease_s,
                on_superseded=mark_superseded,
                ready=_check_data,
                wait=wait,
            )
            reason = result.reason
            log.info("%s: %s", batch_id, result)
            if reason == UNFIT:
                raise _UnfitError
        except UserError as error:
            reason = str(error)
            raise
        finally:
            ledger.stop_worker(worker_id, reason)
        return result


def run_paths(job: TrialJob) -> RunPaths:
    """The folder of a trial's run."""
    return OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id).run(job.run_id)


def mark_superseded(job: TrialJob) -> None:
    """Say in the folder of a run that its slot has a later owner, and that its result did not count."""
    provenance.mark_ended(run_paths(job).provenance, "superseded", "the slot was taken over by a later attempt")


@dataclass(frozen=True)
class _Trials:
    """Runs trials in this process."""

    store: Store
    threads: int
    share: bool

    def run(self, job: TrialJob) -> TrialOutcome:
        try:
            return self._trained(job)
        finally:
            process.give_back_memory()  # another worker may need it meanwhile

    def _trained(self, job: TrialJob) -> TrialOutcome:
        metrics = train_into(
            run_paths(job),
            job.run_id,
            job.config,
            self.store,
            threads=self.threads,
            trial=Trial(job.spec.batch_id, job.slot, job.attempt),
            repeats=job.spec.repeats,
            share=self.share,
            train_to=deepest(job.spec.space),
            explain=job.spec.explain,
            meter=job.meter,
            proceed=lambda folder: _proceed(job, folder),
        )
        objectives = {objective.value: metrics.objectives.of(objective) for objective in Objective}
        return TrialOutcome(objectives[job.spec.objective], objectives)


def _proceed(job: TrialJob, folder: RunFolder) -> None:
    """Go on with the run, or leave it in good order.

    Raises:
        TrialStopped: the worker was told to stop, the sweep was cancelled or the slot has a later owner.
        DataError: another league has been imported since the trial began.
    """
    _check_data(job.spec)
    if job.lease_lost.is_set():
        folder.close("superseded", "the slot was taken over by a later attempt")
    elif job.cancelled.is_set():
        folder.close("released", "the sweep was cancelled")
    elif job.stop.is_set():
        folder.close("released", "the worker was told to stop")
    else:
        return
    raise TrialStopped("told to stop")


def _check_data(spec: SweepSpec) -> None:
    found = read_manifest(Path(spec.config.paths.data)).fingerprint
    if found != spec.data_fingerprint:
        raise DataError(
            f"{spec.config.paths.data}: is not the data that the sweep {spec.batch_id} was made for "
            f"(fingerprint {found[:12]}, the sweep's {spec.data_fingerprint[:12]})"
        )


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def tell(signum: int, _frame: FrameType | None) -> None:
        if stop.is_set() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    for signum in STOP_SIGNALS:
        signal.signal(signum, tell)
    return stop
