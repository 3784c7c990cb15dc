"""Our jobs in SLURM's queue: found, watched, cancelled. One `squeue` for all, more seldom while nothing changes.

Surprising: accounting (`sacct`) is never asked here. What is not in the queue has ended, and the ledger knows how.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from truestrength.launcher.slurm import programs
from truestrength.launcher.slurm.names import JobName, Kind, job_name, token_of
from truestrength.launcher.slurm.programs import QueuedJob, SlurmError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.text_table import text_table

SHORTEST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 60.0


class SweepJobs(NamedTuple):
    """A job or array of a sweep that waits or runs."""

    batch_id: str
    kind: str
    """`work`: an array of workers; `finish`: the job after it; `analysis`: the plan's last."""
    job_id: str
    states: dict[str, int]
    """How many elements are in which of SLURM's states."""
    reason: str
    """Why it waits, in SLURM's words; empty when it runs."""
    starts: str
    """When the first of those that wait is expected to start, in local time; empty when SLURM cannot tell."""
    nodes: list[str]


def tokens(ledger: Ledger) -> set[str]:
    """Of those outputs roots of the ledger that have been on SLURM."""
    roots = ledger.outputs_roots()
    return {token_of(r.root_id) for r in roots if OutputsRoot(Path(r.path)).cluster.environment.exists()}


class SlurmWatch:
    """Looks at the queue as often as is polite."""

    def __init__(self, tokens: Collection[str], clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is asked yet.

        Args:
            tokens: of the outputs roots whose jobs are wanted.
            clock: in seconds.
        """
        self.problem = ""
        """Why the queue could not be read last time."""
        self._tokens = tokens
        self._clock = clock
        self._jobs: list[SweepJobs] = []
        self._not_before = 0.0
        self._pause = SHORTEST_PAUSE_S

    def look(self) -> list[SweepJobs]:
        """The jobs in the queue, as of now or of a while ago."""
        if self._clock() < self._not_before:
            return self._jobs
        before, self.problem = self._jobs, ""
        try:
            self._jobs = grouped(own_jobs(self._tokens))
        except SlurmError as error:
            self.problem = str(error)
        unchanged = self._jobs == before or self.problem
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S) if unchanged else SHORTEST_PAUSE_S
        self._not_before = self._clock() + self._pause
        return self._jobs


def own_jobs(tokens: Collection[str]) -> list[QueuedJob]:
    """The live jobs of some outputs roots."""
    return [job for job in programs.queue() if (name := job_name(job.name)) and name.token in tokens]


def of(jobs: Iterable[QueuedJob], batch_id: str, kind: Kind) -> list[QueuedJob]:
    """The jobs of one kind of one sweep."""
    return [job for job in jobs if (name := job_name(job.name)) and (name.batch_id, name.kind) == (batch_id, kind)]


def cancel(tokens: Collection[str], batch_ids: Iterable[str], *, plans: bool) -> list[str]:
    """End every job of some sweeps (and the last jobs of plans). Returns the ids of the jobs.

    Workers that run give back their slots. Before, the sweeps were cancelled in the ledger, so nothing heals them.
    """
    wanted = set(batch_ids)
    jobs = [(job, name) for job in own_jobs(tokens) if (name := job_name(job.name))]
    chosen = [job for job, name in jobs if name.batch_id in wanted or (plans and name.kind == "analysis")]
    ids = list(dict.fromkeys(job.array_id for job in chosen))
    programs.cancel(ids)
    return ids


def grouped(jobs: Iterable[QueuedJob]) -> list[SweepJobs]:
    """The elements of an array together, in the order of the queue."""
    members: dict[tuple[JobName, str], list[QueuedJob]] = {}
    for job in jobs:
        if name := job_name(job.name):
            members.setdefault((name, job.array_id), []).append(job)
    return [
        SweepJobs(
            name.batch_id,
            name.kind,
            array_id,
            _states(together),
            ", ".join(sorted({job.reason for job in together} - {"None"})),
            min((job.starts for job in together if job.state == "PENDING" and job.starts[:1].isdigit()), default=""),
            sorted({job.node for job in together} - {""}),
        )
        for (name, array_id), together in members.items()
    ]


def _states(jobs: Iterable[QueuedJob]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for job in jobs:
        found[job.state] += len(programs.elements(job.job_id))
    return dict(found)


def table(jobs: Iterable[SweepJobs]) -> str:
    """The jobs for people."""
    rows = [
        [
            job.job_id,
            job.batch_id,
            job.kind,
            ", ".join(f"{count} {state}" for state, count in job.states.items()),
            job.reason,
            job.starts.replace("T", " "),
            ", ".join(job.nodes),
        ]
        for job in jobs
    ]
    return (
        text_table(["job", "sweep", "", "state", "waits for", "expected start", "nodes"], rows)
        if rows
        else "no jobs in SLURM's queue"
    )
