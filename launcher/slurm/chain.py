"""A plan on SLURM: everything is submitted at once, and from then on SLURM's dependencies and the ledger carry it.

Each sweep is an array of workers and, after it (`afterany`), a finisher: a small job that writes the sweep's results
and, when trials are missing, submits another array and another finisher and hands its own place in the chain to that
one, before it ends. The next sweep waits for the finisher, so it starts after the sweep has ended, complete or not. The
last job writes the analysis, and submits again what was lost with its whole chain.

Why not one job that submits the next link? Then nothing of the plan would be in the queue but that link, and losing it
would stop the plan. Here a lost finisher costs its own sweep's results until the last job, or a repeated command,
finds them missing. Surprising: submitting, healing and continuing are all `_ensure`, because it asks the queue and
the ledger what is there already; nothing about SLURM's jobs is written down anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from launcher.conclusion import analyse, conclude
from launcher.plan import Plan
from launcher.registration import exclusively, register, when_alone
from launcher.report.reading import written
from launcher.report.sweep_files import write_sweep_results
from launcher.slurm import arrays as slurm_arrays
from launcher.slurm import programs
from launcher.slurm.array_worker import exit_with
from launcher.slurm.names import JobName
from launcher.slurm.programs import QueuedJob
from launcher.slurm.queue import of, own_jobs
from launcher.slurm.site import Site
from trainer.contract.command_line import print_anything, say
from trainer.contract.database.address import database_url
from trainer.contract.ledger import Ledger, SweepProgress
from trainer.contract.words import Phase

UNTELLING = {"COMPLETED", "RUNNING", "PENDING", "REQUEUED", "COMPLETING"}
"""States that do not say why a worker is gone."""


class Placed(NamedTuple):
    """What is in the queue for a sweep after a submission."""

    batch_id: str
    arrays: list[str]
    """Ids of arrays submitted now."""
    finisher: str | None
    """The job that ends the sweep; None when there is nothing left to do."""


def submit_plan(plan: Plan, site: Site, ledger: Ledger) -> tuple[list[Placed], str]:
    """Register the plan's sweeps and submit what is not in the queue yet. Returns that, and the last job's id.

    Raises:
        SweepChangedError: a batch id is known with another configuration.
        SlurmError: SLURM refused a job; what was submitted before stays, and repeating the command adds the rest.
        UserError: another launcher is at one of the sweeps.
    """
    with exclusively(plan, ledger):
        for spec in plan.sweeps:
            register(ledger, spec, plan.outputs)
        return _submit_all(site, ledger, tries=site.profile.max_tries, again=True)


def finish_sweep(job: SweepFinisher) -> int:
    """What a sweep's finisher does. Returns its exit code; run a second time, it finds its work done."""
    print_anything()
    site, batch_id, code = job.site, job.batch_id, 0
    with Ledger(database_url()) as ledger:
        _explain_lost_workers(ledger, batch_id)
        progress = ledger.progress(batch_id)
        tries = site.profile.max_tries if progress.closed > job.closed else job.tries - 1
        if not progress.open or progress.cancelled:
            code = int(not progress.complete)
        elif tries:
            with when_alone(ledger, [batch_id]):
                _heal(site, progress, tries)
        else:
            code = 1
            say(f"{batch_id}: given up with {progress.open} trials open: array after array ended without doing one")
            say(f"`python -m launcher logs {batch_id}` shows why; the command that started the plan tries again")
        # Last, so that tables that cannot be written stop nothing.
        write_sweep_results(ledger, batch_id, site.outputs)
        analyse(site.outputs, site.batch_ids, ledger, say)
    return code


def finish_plan(job: PlanFinisher) -> int:
    """What the last job of a plan does. Returns its exit code."""
    print_anything()
    site = job.site
    with Ledger(database_url()) as ledger:
        now = [ledger.progress(batch_id) for batch_id in site.batch_ids]
        if job.again and any(progress.open and not progress.cancelled for progress in now):
            with when_alone(ledger, site.batch_ids):
                _submit_all(site, ledger, tries=1, again=False)
            return 0
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
            container=site.container,
            say=say,
        )
    say(f"not complete: {', '.join(incomplete)}" if incomplete else "every sweep is complete")
    return int(bool(incomplete) or not all_read)


def _submit_all(site: Site, ledger: Ledger, *, tries: int, again: bool) -> tuple[list[Placed], str]:
    jobs = programs.patiently(lambda: own_jobs({site.token}), slurm_arrays.patience_s())
    placed: list[Placed] = []
    for sweep in site.sweeps:
        ends = [earlier.finisher for earlier in placed if earlier.finisher]
        after = ends if sweep.phase is Phase.ROLLING else ends[-1:] if site.sequential else []
        placed.append(_ensure(site, ledger.progress(sweep.batch_id), jobs, after, tries))
    return placed, _place_last(site, [sweep.finisher for sweep in placed if sweep.finisher], jobs, again=again)


def _place_last(site: Site, ends: list[str], jobs: list[QueuedJob], *, again: bool) -> str:
    """Bring the plan's last job into the queue behind all finishers. Returns its id."""
    name = JobName(site.plan, "analysis", site.token)
    submission = slurm_arrays.finisher(site, name, PlanFinisher(site, again=again), ends)
    waiting = [job for job in of(jobs, site.plan, "analysis") if job.state == "PENDING"]
    if not waiting:
        return slurm_arrays.submit(submission)
    slurm_arrays.complete(submission, waiting[0])
    if set(ends) - set(programs.waits_for(waiting[0])):
        _let_wait(waiting[0], ends)
    return waiting[0].array_id


def _ensure(site: Site, progress: SweepProgress, jobs: list[QueuedJob], after: Sequence[str], tries: int) -> Placed:
    """Bring a sweep's array and finisher into the queue, unless they are there or there is nothing left to do."""
    batch_id = progress.batch_id
    call = SweepFinisher(site, batch_id, tries, progress.closed)
    name = JobName(batch_id, "finish", site.token)
    finishers = [job for job in of(jobs, batch_id, "finish") if job.array_id != _own_id()]
    if finishers:
        slurm_arrays.complete(slurm_arrays.finisher(site, name, call, after), finishers[0])
        return Placed(batch_id, [], finishers[0].array_id)
    live = of(jobs, batch_id, "work")
    for job in live:
        slurm_arrays.complete(slurm_arrays.workers(site, batch_id, 1, after)[0], job)
    wanted = 0 if progress.cancelled else min(site.n_jobs, progress.open)
    missing = wanted - sum(len(programs.elements(job.job_id)) for job in live)
    submitted = [slurm_arrays.submit(array) for array in slurm_arrays.workers(site, batch_id, missing, after)]
    arrays = [*dict.fromkeys(job.array_id for job in live), *submitted]
    if not arrays:
        return Placed(batch_id, [], None)
    return Placed(batch_id, submitted, slurm_arrays.submit(slurm_arrays.finisher(site, name, call, arrays)))


def _heal(site: Site, progress: SweepProgress, tries: int) -> None:
    """Send a sweep's missing work back to the queue, and let whoever waits for this job wait for the new finisher."""
    jobs = programs.patiently(lambda: own_jobs({site.token}), slurm_arrays.patience_s())
    placed = _ensure(site, progress, jobs, [], tries)
    own = _own_id()
    say(f"{progress.batch_id}: {progress.open} trials open: arrays {placed.arrays}, then job {placed.finisher}")
    for job in jobs:
        waits_for = programs.waits_for(job)
        if own in waits_for and job.state == "PENDING" and placed.finisher:
            _let_wait(job, [placed.finisher if job_id == own else job_id for job_id in waits_for])


def _explain_lost_workers(ledger: Ledger, batch_id: str) -> None:
    """Write down what SLURM says of workers that ended without a word."""
    lost = {
        w.worker_id: w.job_id for w in ledger.workers(batch_id) if w.job_id and not (w.stopped_at or w.live or w.reason)
    }
    states = programs.ended(lost.values())
    for worker_id, job_id in lost.items():
        if bad := [state for state in states.get(job_id, []) if state not in UNTELLING]:
            ledger.explain_worker(worker_id, f"SLURM: {', '.join(bad)}")


def _let_wait(job: QueuedJob, array_ids: Sequence[str]) -> None:
    programs.patiently(lambda: programs.let_wait(job, array_ids), slurm_arrays.patience_s())


def _own_id() -> str | None:
    return os.environ.get("SLURM_JOB_ID")


class SweepFinisher:
    """The job after a sweep's array: writes the results, and sends missing work back to the queue."""

    def __init__(self, site: Site, batch_id: str, tries: int, closed: int) -> None:
        """Remember what was left to do.

        Args:
            site: Of the plan.
            batch_id: The sweep.
            tries: How many arrays may still end without one more trial done or failed.
            closed: Trials done or failed when its array was submitted.
        """
        self.site = site
        self.batch_id = batch_id
        self.tries = tries
        self.closed = closed

    def __call__(self) -> None:
        """Finish the sweep; exit code 1 when it is given up incomplete."""
        exit_with(finish_sweep(self))


class PlanFinisher:
    """The last job of a plan: the analysis over all sweeps, and whatever was lost on the way."""

    def __init__(self, site: Site, *, again: bool) -> None:
        """Remember whether it may send what is missing back to the queue."""
        self.site = site
        self.again = again

    def __call__(self) -> None:
        """Finish the plan; exit code 1 when a sweep is not complete."""
        exit_with(finish_plan(self))
