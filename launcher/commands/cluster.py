"""What SLURM's jobs run: `worker` in the elements of an array, `finish` in the small jobs after them.

Both read what the jobs of a plan have in common from its file in `.cluster/plans/`, so either can be repeated by hand.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from truestrength.launcher.database import database_with_sweeps
from truestrength.launcher.jobs import devices
from truestrength.launcher.slurm.array_worker import run_worker
from truestrength.launcher.slurm.arrays import Slurm, worker_job
from truestrength.launcher.slurm.links import PlanEnd, SweepEnd
from truestrength.launcher.slurm.site import Site, load
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot


def worker(args: argparse.Namespace) -> int:
    """`truestrength worker`."""
    site = load(args.plan)
    return run_worker(worker_job(site, _of_plan(site, args.batch_id), _gpu(site)))


def finish(args: argparse.Namespace) -> int:
    """`truestrength finish`.

    Raises:
        ConfigError: flags that do not belong together, or a sweep that is none of the plan's.
    """
    from truestrength.launcher.slurm.finish import finish_plan, finish_sweep  # noqa: PLC0415 - the report, which a worker need not load

    if args.batch_id is None and (args.tries is not None or args.closed is not None):
        raise ConfigError("--tries and --closed are of one sweep: they need --batch-id")
    if args.batch_id is not None and (args.again or args.left):
        raise ConfigError("--again and --left are of the plan's last job: leave out --batch-id")
    site = load(args.plan)
    cluster = Slurm(site.token, os.environ.get("SLURM_JOB_ID"))
    left = tuple(_of_plan(site, name) for name in args.left)
    with _database(site.outputs) as url, Ledger(url) as ledger:
        if args.batch_id is None:
            return finish_plan(site, cluster, ledger, PlanEnd(args.again, left))
        batch_id = _of_plan(site, args.batch_id)
        closed = ledger.progress(batch_id).closed if args.closed is None else args.closed
        tries = site.profile.max_tries + 1 if args.tries is None else args.tries
        return finish_sweep(site, cluster, ledger, SweepEnd(batch_id, tries, closed))


def _gpu(site: Site) -> dict[str, str | None]:
    """Of the job's devices the one for this task, where several workers share them.

    Raises:
        ConfigError: the device has no room for all of them.
    """
    together = site.profile.workers_per_gpu
    if together == 1:
        return {}
    found = devices.devices()
    devices.check(found, together, together, devices.measured_peak_mb(site.outputs))
    return {devices.VISIBLE: devices.deal(found, int(os.environ.get("SLURM_LOCALID", "0")), together)}


def _of_plan(site: Site, batch_id: str) -> str:
    if batch_id not in site.batch_ids:
        raise ConfigError(f"{batch_id}: no such sweep in {site.file}: {suggest(batch_id, site.batch_ids)}")
    return batch_id


@contextmanager
def _database(outputs: OutputsRoot) -> Iterator[str]:
    """The one that the job's environment names, which may be away for a while; by hand, also the embedded server's."""
    if address.configured():
        yield address.database_url()
        return
    with database_with_sweeps(outputs) as url:
        yield url
