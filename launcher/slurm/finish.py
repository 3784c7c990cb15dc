"""What the finishers do, each by a command that anybody can repeat by hand: `truestrength finish PLAN …`.

What is missing goes back into the queue first; tables, plots and the analysis come after it, so that none of them
that cannot be written stops the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from truestrength.launcher.conclusion import analyse, conclude
from truestrength.launcher.containers.contained import run_to_end
from truestrength.launcher.notification import tell_of
from truestrength.launcher.registration import when_alone
from truestrength.launcher.report.folders import run_folders
from truestrength.launcher.report.reading import written
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.launcher.slurm.chain import GIVEN_UP, continue_plan, end_sweep, explain_lost_workers
from truestrength.launcher.slurm.links import Cluster, PlanEnd, SweepEnd
from truestrength.launcher.slurm.site import Site
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.ledger import Ledger


def finish_sweep(site: Site, cluster: Cluster, ledger: Ledger, end: SweepEnd) -> int:
    """The job after a sweep's array. Returns its exit code: 1 when the sweep is given up incomplete."""
    explain_lost_workers(cluster, ledger, end.batch_id)
    with _alone_if_missing(ledger, [end.batch_id]):
        code = end_sweep(site, cluster, ledger, end)
    write_sweep_results(ledger, end.batch_id, site.outputs)
    analyse(site.outputs, site.batch_ids, ledger, say, resting=True)
    tell_of(ledger, say, [end.batch_id], given_up=code == GIVEN_UP and not ledger.cancelled(end.batch_id))
    return code


def finish_plan(site: Site, cluster: Cluster, ledger: Ledger, end: PlanEnd) -> int:
    """The last job of a plan. Returns its exit code: 1 when a sweep is not complete, or something is gone or unread."""
    with _alone_if_missing(ledger, site.batch_ids):
        code = continue_plan(site, cluster, ledger, end)
    if code is not None:
        return code
    now = [ledger.progress(batch_id) for batch_id in site.batch_ids]
    unwritten = [progress.batch_id for progress in now if not written(site.outputs, progress)]
    for batch_id in unwritten:
        write_sweep_results(ledger, batch_id, site.outputs)
    incomplete = [progress.batch_id for progress in now if not progress.complete]
    all_read = conclude(
        site.outputs,
        site.batch_ids,
        ledger,
        changed=bool(unwritten),
        held_out=site.whole and not incomplete,
        noise=site.noise and not incomplete,
        explained=site.explained and not incomplete,
        trainer=partial(run_to_end, site.container),
        say=say,
    )
    folders = run_folders(ledger, site.outputs)
    for said in folders.sentences():
        say(said)
    for batch_id in site.batch_ids:  # its own finisher may be lost
        tell_of(ledger, say, [batch_id])
    if len(site.batch_ids) > 1:
        tell_of(ledger, say, site.batch_ids, given_up=True)
    gone = [batch_id for batch_id in site.batch_ids if batch_id in folders.missing]
    if not gone:
        say(f"not complete: {', '.join(incomplete)}" if incomplete else "every sweep is complete")
    return int(bool(incomplete) or bool(gone) or not all_read)


def _alone_if_missing(ledger: Ledger, batch_ids: Sequence[str]) -> AbstractContextManager[None]:
    """Keep launchers away from sweeps that may have to be submitted again; one that is over is nobody's."""
    open_ = [now.batch_id for now in map(ledger.progress, batch_ids) if now.open and not now.cancelled]
    return when_alone(ledger, open_) if open_ else nullcontext()
