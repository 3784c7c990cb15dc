"""The chain of a plan's jobs: what is submitted behind what, and what each finisher does about what is missing.

Each sweep is an array of workers and, after it (`afterany`), a finisher: a small job that, when trials are missing,
submits another array and another finisher and hands its own place in the chain to that one, before it ends. The next
sweep waits for the finisher, so it starts after the sweep has ended, complete or not. The last job ends the plan, and
submits again what was lost with its whole chain.

Why not one job that submits the next link? Then nothing of the plan would be in the queue but that link, and losing it
would stop the plan. Here a lost finisher costs its own sweep's results until the last job, or a repeated command,
finds them missing. Surprising: submitting, healing and continuing are one thing (`_there`, else `_submit`), because it
asks the queue and the ledger what is there already; nothing about SLURM's jobs is written down anywhere. What did not
fit into the queue stands in the last job's own command, which submits it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from truestrength.launcher.slurm.arrays import finisher, workers
from truestrength.launcher.slurm.links import Cluster, Placed, Placement, PlanEnd, Rows, SweepEnd
from truestrength.launcher.slurm.names import JobName, job_name
from truestrength.launcher.slurm.programs import (
    LimitReachedError,
    QueuedJob,
    SlurmAwayError,
    SlurmError,
    elements,
    waits_for,
)
from truestrength.launcher.slurm.queue import of
from truestrength.launcher.slurm.site import Site
from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.ledger import SweepProgress

NO_ROOM = os.EX_TEMPFAIL
"""Exit code of a finisher that has to go back into the queue, because nothing more may be submitted now."""
GIVEN_UP = 1
"""Exit code of the finisher of a sweep that has come to its end incomplete."""
UNTELLING = {"COMPLETED", "RUNNING", "PENDING", "REQUEUED", "COMPLETING"}
"""States that do not say why a worker is gone."""


def submit_all(
    site: Site, cluster: Cluster, rows: Rows, *, tries: int, again: bool, only: Sequence[str] = ()
) -> Placement:
    """Bring what is not in the queue yet into it: each sweep's array and finisher, and the plan's last job.

    Args:
        site: Of the plan.
        cluster: Where to.
        rows: The ledger.
        tries: Of each sweep: how many arrays may end without one more trial done or failed.
        again: Whether the last job may send what is missing back to the queue.
        only: These sweeps; none: all of the plan.

    Raises:
        LimitReachedError: not even one sweep and the last job may be submitted; what was placed is kept.
        SlurmError: SLURM refused a job; what was submitted before stays.
    """
    now = _Now(site, cluster, cluster.jobs(), tries)
    found = Placement()
    for sweep in site.sweeps:
        if only and sweep.batch_id not in only:
            continue
        progress = rows.progress(sweep.batch_id)
        if there := _there(now, progress):
            found.placed.append(there)
            continue
        if found.left:
            found.left.append(sweep.batch_id)
            continue
        after = found.ends_of(sweep.after) if sweep.after is not None else found.ends[-1:] if site.sequential else []
        try:
            found.placed.append(_submit(now, progress, sweep.n_jobs, after))
        except LimitReachedError as error:
            found.left.append(sweep.batch_id)
            found.limit = str(error)
    _place_last(now, found, again=again)
    _check_names(now, found)
    return found


def end_sweep(site: Site, cluster: Cluster, rows: Rows, end: SweepEnd) -> int:
    """What a sweep's finisher does about what is missing. Returns its exit code; run twice, it finds its work done."""
    progress = rows.progress(end.batch_id)
    tries = site.profile.max_tries if progress.closed > end.closed else end.tries - 1
    if not progress.open or progress.cancelled:
        return 0 if progress.complete else GIVEN_UP
    if tries < 1:
        say(f"{end.batch_id}: given up with {progress.open} trials open: array after array ended without doing one")
        say(f"`truestrength logs {end.batch_id}` shows why; the command that started the plan tries again")
        return GIVEN_UP
    return _heal(site, cluster, progress, tries)


def continue_plan(site: Site, cluster: Cluster, rows: Rows, end: PlanEnd) -> int | None:
    """What the last job does about what is missing. Returns its exit code; None when the plan has come to its end."""
    missing = [now for now in map(rows.progress, site.batch_ids) if now.open and not now.cancelled]
    waiting = [now.batch_id for now in missing if now.batch_id in end.left]
    if not waiting and not (end.again and missing):
        return None
    try:
        if waiting:
            found = submit_all(site, cluster, rows, tries=site.profile.max_tries, again=end.again, only=waiting)
        else:
            found = submit_all(site, cluster, rows, tries=1, again=False)
    except LimitReachedError as error:
        say(f"{error}\nno room in the queue for what is missing: this job goes back into the queue and tries again")
        return NO_ROOM
    say(f"submitted: {', '.join(sweep.batch_id for sweep in found.placed if sweep.arrays)}, then job {found.last}")
    return 0


def explain_lost_workers(cluster: Cluster, rows: Rows, batch_id: str) -> None:
    """Write down what SLURM says of workers that ended without a word."""
    lost = {
        w.worker_id: w.job_id for w in rows.workers(batch_id) if w.job_id and not (w.stopped_at or w.live or w.reason)
    }
    states = cluster.ended(list(lost.values()))
    for worker_id, job_id in lost.items():
        if bad := [state for state in states.get(job_id, []) if state not in UNTELLING]:
            rows.explain_worker(worker_id, f"SLURM: {', '.join(bad)}")


@dataclass(frozen=True)
class _Now:
    """What one round of submissions starts from."""

    site: Site
    cluster: Cluster
    jobs: list[QueuedJob]
    """In the queue."""
    tries: int
    """Of each sweep."""


def _there(now: _Now, progress: SweepProgress) -> Placed | None:
    """What is in the queue for a sweep that needs no submission: it has its finisher, or nothing is left to do."""
    for job in of(now.jobs, progress.batch_id, "finish"):
        if job.array_id != now.cluster.own_id:
            return Placed(progress.batch_id, [], job.array_id)
    over = progress.cancelled or not progress.open
    return Placed(progress.batch_id, [], None) if over and not of(now.jobs, progress.batch_id, "work") else None


def _submit(now: _Now, progress: SweepProgress, n_workers: int, after: Sequence[str]) -> Placed:
    """Bring what is missing of a sweep's array, and its finisher, into the queue.

    Raises:
        LimitReachedError: there is no room for both.
        SlurmError: SLURM refused one of them. Neither is submitted.
    """
    site, cluster, batch_id = now.site, now.cluster, progress.batch_id
    live = of(now.jobs, batch_id, "work")
    wanted = 0 if progress.cancelled else min(n_workers, progress.open)
    missing = wanted - sum(len(elements(job.job_id)) for job in live) * site.profile.workers_per_gpu
    name, end = JobName(batch_id, "finish", site.token), SweepEnd(batch_id, now.tries, progress.closed)
    submitted: list[str] = []
    try:
        arrays = workers(site, batch_id, missing, after, cluster.largest_array()) if missing > 0 else []
        submitted.extend(map(cluster.submit, arrays))
        before = [*dict.fromkeys(job.array_id for job in live), *submitted]
        return Placed(batch_id, submitted, cluster.submit(finisher(site, name, end.words, before)))
    except SlurmAwayError:
        raise
    except SlurmError:
        cluster.cancel(submitted)
        raise


def _place_last(now: _Now, found: Placement, *, again: bool) -> None:
    """Bring the plan's last job into the queue behind all finishers; without room, sweeps placed now make it."""
    cluster, plan = now.cluster, now.site.plan
    last = [job for job in of(now.jobs, plan, "analysis") if job.state == "PENDING" and job.array_id != cluster.own_id]
    if last and not found.left:
        found.last = last[0].array_id
        if set(found.ends) - set(waits_for(last[0])):
            cluster.let_wait(last[0], found.ends)
        return
    if found.left and not found.ends:
        raise LimitReachedError(found.limit)
    cluster.cancel([job.array_id for job in last])
    while not found.last:
        end = PlanEnd(again, tuple(found.left))
        job = finisher(now.site, JobName(plan, "analysis", now.site.token), end.words, found.ends)
        try:
            found.last = cluster.submit(job)
        except LimitReachedError as error:
            found.limit = str(error)
            _take_back(now, found)


def _take_back(now: _Now, found: Placement) -> None:
    """Take the last sweep that was placed now out of the queue, to be submitted later.

    Raises:
        LimitReachedError: there is no other. In a job it stays, and the job that this is comes back for the rest.
    """
    new = [sweep for sweep in found.placed if sweep.arrays]
    ids = [*new[-1].arrays, new[-1].finisher or ""] if new else []
    if len(new) < 2 and now.cluster.own_id:
        raise LimitReachedError(found.limit)
    now.cluster.cancel(ids)
    if len(new) < 2:
        raise LimitReachedError(found.limit)
    found.placed.remove(new[-1])
    found.left.insert(0, new[-1].batch_id)


def _check_names(now: _Now, found: Placement) -> None:
    """Refuse a cluster that gives our jobs other names: nobody could find them again.

    Raises:
        SlurmError: what was submitted was ended again.
    """
    ours = [*(array_id for sweep in found.placed for array_id in sweep.arrays), *found.ends, found.last]
    names = now.cluster.names()
    for array_id in ours:
        name = job_name(names[array_id]) if array_id in names else None
        if array_id in names and (name is None or name.token != now.site.token):
            now.cluster.cancel(ours)
            raise SlurmError(
                f"job {array_id} is in the queue as {names[array_id]!r}: something on this cluster (a job_submit "
                "plugin?) renames jobs, and the launcher finds its own by their names. They were ended again."
            )


def _heal(site: Site, cluster: Cluster, progress: SweepProgress, tries: int) -> int:
    """Send a sweep's missing work back to the queue, and let whoever waits for this job wait for the new finisher."""
    now = _Now(site, cluster, cluster.jobs(), tries)
    placed = _submit_what_fits(now, progress)
    if placed is None:
        say(f"{progress.batch_id}: no room in the queue for {progress.open} open trials: this job will try again")
        return NO_ROOM
    say(f"{progress.batch_id}: {progress.open} trials open: arrays {placed.arrays}, then job {placed.finisher}")
    for job in now.jobs:
        before = waits_for(job)
        if cluster.own_id in before and job.state == "PENDING" and placed.finisher:
            cluster.let_wait(job, [placed.finisher if job_id == cluster.own_id else job_id for job_id in before])
    return 0


def _submit_what_fits(now: _Now, progress: SweepProgress) -> Placed | None:
    """Bring a sweep into the queue with ever fewer workers while there is no room, at last in another's place."""
    n_workers = next(sweep.n_jobs for sweep in now.site.sweeps if sweep.batch_id == progress.batch_id)
    while n_workers:
        try:
            return _there(now, progress) or _submit(now, progress, n_workers, [])
        except LimitReachedError as error:
            say(f"{progress.batch_id}: no room for {n_workers} workers: {error}")
        n_workers //= 2
        if not n_workers and (freed := _free(now, progress.batch_id)):
            say(f"{freed}: its workers leave the queue to make room; the job after them submits them again")
            n_workers = 1
    return None


def _free(now: _Now, healed: str) -> str | None:
    """Take the array of the last sweep that has not begun out of the queue. Returns its batch id, if there is one.

    Its finisher stays, in the array's place in the chain, and finds all trials open: so the plan keeps its order.
    """
    for batch_id in reversed(now.site.batch_ids):
        arrays = of(now.jobs, batch_id, "work")
        if batch_id == healed or not now.cluster.own_id or {job.state for job in arrays} != {"PENDING"}:
            continue
        before = list(dict.fromkeys(job_id for job in arrays for job_id in waits_for(job))) or [now.cluster.own_id]
        for job in of(now.jobs, batch_id, "finish"):
            now.cluster.let_wait(job, before)
            now.jobs[now.jobs.index(job)] = job._replace(dependency=",".join(f"afterany:{i}" for i in before))
        now.cluster.cancel(list(dict.fromkeys(job.array_id for job in arrays)))
        now.jobs[:] = [job for job in now.jobs if job not in arrays]
        return batch_id
    return None
