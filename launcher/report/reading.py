"""Reads sweeps back, from the ledger and the run folders, and says whether what was written of them is up to date.

By what the files say themselves: a file's own time may be of another clock than the ledger's, and is gone with a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from truestrength.launcher.report.folders import run_folders
from truestrength.launcher.report.trials import Importances, KeptRun, Slot, Sweep, Trial, comparable
from truestrength.trainer.contract.config.conditions import gathered, spread
from truestrength.trainer.contract.config.search_space import config_key, singles
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.digests import digest, file_digest
from truestrength.trainer.contract.errors import SweepChangedError
from truestrength.trainer.contract.ledger import Ledger, SweepProgress
from truestrength.trainer.contract.ledger.registration import stored
from truestrength.trainer.contract.ledger.rows import AttemptRow, AttemptState, SlotState
from truestrength.trainer.contract.outputs_root import outputs_id
from truestrength.trainer.contract.paths.outputs import OutputsRoot, SweepPaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.contract.sweep.spec import SweepSpec

S = TypeVar("S", bound=msgspec.Struct)
_read: dict[Path, tuple[tuple[int, ...], Any]] = {}
"""What was read of a file, and as what the file was known to the system then."""


class MadeFrom(msgspec.Struct, frozen=True):
    """What of the ledger a sweep's files were made from."""

    attempts: int
    """That had ended."""
    last_finished_at: datetime | None
    not_needed: int = 0
    """Slots, since a limit was reached."""


class Summary(msgspec.Struct, frozen=True):
    """What is read back of the summary."""

    made_from: MadeFrom


def made_from(ledger: Ledger, outputs: OutputsRoot) -> str:
    """A digest of all that the analysis of an outputs root tells of: attempts that ended, folders, held-out figures."""
    here = registered(ledger, outputs)
    known = [progress for progress in ledger.all_progress() if progress.batch_id in here]
    sweeps = [[p.batch_id, p.ended, p.last_finished_at, p.not_needed] for p in known]
    folders = run_folders(ledger, outputs)
    differing = [folders.missing, folders.unknown]
    return digest([sweeps, differing, [[path.parent.name, file_digest(path)] for path in outputs.held_out_files()]])


def up_to_date(ledger: Ledger, outputs: OutputsRoot) -> bool:
    """Whether the report tells of all that there is to tell of."""
    try:
        told = outputs.analysis.read_text(encoding="utf-8").endswith(mark(made_from(ledger, outputs)))
    except FileNotFoundError:
        return False
    pages = [outputs.page, *(outputs.sweep(batch_id).page for batch_id in registered(ledger, outputs))]
    return told and all(page.exists() for page in pages)


def mark(source: str) -> str:
    """The last line of the analysis, which no reader sees."""
    return f"\n<!-- made from {source} -->\n"


def written(outputs: OutputsRoot, progress: SweepProgress) -> bool:
    """Whether a sweep's files tell of all its attempts that have ended."""
    paths = outputs.sweep(progress.batch_id)
    others = (paths.config, paths.results, paths.best_configs, paths.study, paths.importances)
    if not all(path.exists() for path in others):
        return False
    found = read_file(paths.summary, Summary)
    return found is not None and found.made_from == MadeFrom(
        progress.ended, progress.last_finished_at, progress.not_needed
    )


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


def read_alike(ledger: Ledger, outputs: OutputsRoot, batch_ids: Sequence[str]) -> list[Sweep]:
    """The sweeps of some batch ids and those of the root that were measured like them, among which a best run is."""
    known, _ = read_sweeps(ledger, outputs)
    return comparable(known, like=next(sweep for sweep in known if sweep.spec.batch_id in batch_ids))


def read_sweep(ledger: Ledger, batch_id: str, outputs: OutputsRoot) -> Sweep:
    """A sweep with its ended attempts, from the ledger, the run folders and, once written, its importances.

    Raises:
        UserError: when the ledger has no such sweep.
        SweepChangedError: when another version of this program has registered it.
    """
    paths = outputs.sweep(batch_id)
    spec = ledger.spec(batch_id)
    now, slots = ledger.progress(batch_id), ledger.slots(batch_id)
    rungs = {row.slot: row.rung for row in slots}
    waiting = [Slot(row.slot, row.rung) for row in slots if row.state is SlotState.PENDING]
    attempts = ledger.attempts(batch_id)
    ended = [row for row in attempts if row.state is not AttemptState.RUNNING]
    there = paths.run_ids()
    unknown = there - {row.run_id for row in attempts}
    return Sweep(
        spec=spec,
        standing=now.standing,
        folder=str(paths.folder.absolute()),
        running=now.running,
        given_up=now.failed,
        not_needed=tuple(waiting) if now.reached else (),
        reached=now.reached,
        trials=tuple(_read_trial(row, rungs[row.slot], paths) for row in ended),
        importances=read_file(paths.importances, Importances),
        missing=frozenset(row.run_id for row in ended if row.state is AttemptState.COMPLETE and row.run_id) - there,
        kept=tuple(run for run_id in sorted(unknown) if (run := _read_kept(run_id, spec, paths))),
    )


def _read_kept(run_id: int, spec: SweepSpec, paths: SweepPaths) -> KeptRun | None:
    """A run that the ledger does not know, from its folder; None when it did not complete."""
    run = paths.run(run_id)
    metrics, record = read_file(run.metrics, RunMetrics), read_file(run.provenance, Provenance)
    if metrics is None:
        return None
    return KeptRun(
        run_id=run_id,
        slot=record.slot if record else None,
        attempt=record.attempt if record else None,
        parameters=_read_parameters(run.config, spec),
        seconds=record.seconds if record else None,
        cost=record.cost if record else None,
        metrics=metrics,
    )


def _read_parameters(path: Path, spec: SweepSpec) -> dict[str, Any]:
    """What a run's configuration says of the sweep's parameters; nothing where it cannot be read."""
    try:
        said = dict(leaves(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return {}
    names = (name for name in singles(spec.space) if config_key(name) in said)
    return spread(spec.space, gathered(spec.space, {name: said[config_key(name)] for name in names}))


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
        pid=row.pid,
        job_id=row.job_id,
        cost=row.cost,
        reason=row.reason,
        objectives=row.objectives or {},
        metrics=read_file(run.metrics, RunMetrics) if run else None,
        holdout=read_file(run.holdout, RunMetrics) if run else None,
        noise=read_file(run.noise, Noise) if run else None,
    )


def read_file(path: Path, kind: type[S]) -> S | None:
    """A JSON file as a struct; None when it is missing or damaged: a report must not fail because of one run.

    One that is as it was is not read again: tables, analysis and held-out season ask for the same files. Our own are
    replaced whole, so a new one is another inode.
    """
    try:
        now = path.stat()
        as_is = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        known = _read.get(path)
        if known is None or known[0] != as_is or not isinstance(known[1], kind):
            _read[path] = known = (as_is, msgspec.json.decode(path.read_bytes(), type=kind))
        return known[1]
    except (OSError, msgspec.DecodeError):
        return None
