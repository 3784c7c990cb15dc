"""Trains one run and leaves its folder: the same steps for a worker's trial and for a run by hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from truestrength.trainer.contract import process
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.ledger import Ledger, lease_seconds
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records import provenance
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.models.precision import choose_precision
from truestrength.trainer.models.settings import Depths
from truestrength.trainer.run import folder as run_folder
from truestrength.trainer.run import repeats as seeds
from truestrength.trainer.run.meter import Meter
from truestrength.trainer.stages.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """Which slot of which sweep a run is for."""

    batch_id: str
    slot: int
    attempt: int


def open_store(config: Config, ledger: Ledger) -> Store:
    """The stage store of `paths.batch_cache`; the ledger's database says who builds what.

    A builder without a sign of life for the time of a lease is not waited for.

    Raises:
        UserError: the lease that the environment names is none.
    """
    building = partial(ledger.building, silent_s=lease_seconds())
    return Store(Path(config.paths.batch_cache), building, config.cache.max_gb)


def train_into(
    paths: RunPaths,
    run_id: int,
    config: Config,
    store: Store,
    *,
    threads: int,
    trial: Trial | None = None,
    repeats: int = 1,
    share: bool = True,
    train_to: Depths | None = None,
    explain: bool = False,
    meter: Meter | None = None,
    proceed: Callable[[run_folder.RunFolder], None] = lambda _: None,
) -> RunMetrics:
    """Train one run and leave a complete folder.

    Args:
        paths: its folder, which must not exist.
        run_id: given before.
        config: with the trial's parameters applied.
        store: of batches and stages.
        threads: for the record; whoever started the process set them.
        trial: the slot, for a worker's run.
        repeats: train with so many seeds; the first one's models are the run's.
        share: read results and stages from the store.
        train_to: how deep the other runs of the sweep will want the models.
        explain: also write how much each feature is worth (`explanation.csv`).
        meter: of the attempt that the run is; None starts one.
        proceed: called between stages; may close the folder and raise to stop the run.

    Raises:
        UserError: as `pipeline.train` does; the folder says so.
    """
    record = _record(run_id, config, threads, trial)
    meter = meter or Meter()
    meter.reads(store)
    with run_folder.opened(paths, config, record, meter) as folder:
        log.info("run %d on %s, %d threads", run_id, record.device, threads)
        go_on = partial(proceed, folder)
        found = seeds.repeated(config, repeats, store, share=share, train_to=train_to, proceed=go_on)
        log.info("spearman %.4f on %s", found.metrics.objectives.spearman, ", ".join(found.metrics.seasons))
        if explain:
            _explain(paths, config, store, found, go_on)
        folder.write_results(found)
    return found.metrics


def _explain(
    paths: RunPaths, config: Config, store: Store, found: run_folder.Results, proceed: Callable[[], None]
) -> None:
    from truestrength.trainer.run.explanation import write_explanation  # noqa: PLC0415 - few runs are explained

    write_explanation(paths.explanation, config, Path(config.paths.data), store, found.models, proceed=proceed)


def _record(run_id: int, config: Config, threads: int, trial: Trial | None) -> Provenance:
    commit, dirty = provenance.git_state()
    image, image_digest = provenance.image()
    return Provenance(
        run_id=run_id,
        state="running",
        batch_id=trial.batch_id if trial else None,
        slot=trial.slot if trial else None,
        attempt=trial.attempt if trial else None,
        started_at=provenance.utc_now(),
        seed=config.training.seed,
        data_fingerprint=read_manifest(Path(config.paths.data)).fingerprint,
        git_commit=commit,
        git_dirty=dirty,
        image=image,
        image_digest=image_digest,
        host=process.host(),
        pid=os.getpid(),
        job_id=process.job_id(),
        device=choose_precision(config.training.amp, config.training.device).name,
        threads=threads,
        versions=provenance.versions(),
    )
