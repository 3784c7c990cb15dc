"""What each worker did when, as plain data: its attempts as bars, by how they ended.

Surprising: of very many attempts none is left out. Those that follow each other on a worker and ended alike are drawn
as one bar, with ever longer pauses between them, until there are few enough.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import count

import msgspec

from truestrength.launcher.report.trials import Sweep, Trial

MOST_BARS = 1000
MOST_WORKERS = 60
"""Rows. Of more workers, those are shown whose attempts did not all complete, then those that came first."""
DEAD = "dead"
SHORTEST_PAUSE = 1 / 2000
"""Of the whole time: a pause that is shorter is not seen."""


class Bar(msgspec.Struct, frozen=True):
    """An attempt, or several in a row; minutes since the first attempt of all began."""

    state: str
    """How it ended, in the ledger's word."""
    begin: float
    end: float
    """Of a worker that died: when that was noticed."""
    waited: float
    """Minutes of it in which another worker was making what was needed."""
    attempts: int
    run: str
    """Of the first of them."""
    again: bool
    """The slot had been tried before."""


class WorkerRow(msgspec.Struct, frozen=True):
    """A worker's bars, in the order of time."""

    worker: str
    bars: tuple[Bar, ...]


class WorkerPlot(msgspec.Struct, frozen=True, tag=True):
    """A row a worker."""

    rows: tuple[WorkerRow, ...]
    workers: int
    """That there are."""


def worker_plot(sweeps: Sequence[Sweep]) -> WorkerPlot | None:
    """None where no attempt has ended."""
    timed = [trial for sweep in sweeps for trial in sweep.trials if trial.started_at and trial.finished_at]
    if not timed:
        return None
    first = min(trial.started_at for trial in timed if trial.started_at)
    by_worker: dict[str, list[Bar]] = {}
    for trial in sorted(timed, key=lambda trial: (trial.started_at or first, trial.batch_id, trial.slot)):
        by_worker.setdefault(_worker(trial), []).append(_bar(trial, first))
    chosen = sorted(by_worker, key=lambda name: all(bar.state == "complete" for bar in by_worker[name]))[:MOST_WORKERS]
    rows = {name: bars for name, bars in by_worker.items() if name in chosen}
    return WorkerPlot(_few_enough(rows), len(by_worker))


def joined(plot: WorkerPlot) -> bool:
    """Whether some bars stand for several attempts."""
    return any(bar.attempts > 1 for row in plot.rows for bar in row.bars)


def _worker(trial: Trial) -> str:
    """As people find it: host, job and process."""
    known = [trial.host, trial.job_id, None if trial.pid is None else f"pid {trial.pid}"]
    return " ".join(filter(None, known)) or "unknown worker"


def _bar(trial: Trial, first: dt.datetime) -> Bar:
    begin, end = (
        (moment - first).total_seconds() / 60 for moment in (trial.started_at or first, trial.finished_at or first)
    )
    waited = min(trial.cost.waited_seconds / 60, end - begin) if trial.cost else 0.0
    return Bar(trial.state, begin, max(begin, end), max(0.0, waited), 1, trial.run, trial.attempt > 1)


def _few_enough(rows: dict[str, list[Bar]]) -> tuple[WorkerRow, ...]:
    span = max(bar.end for bars in rows.values() for bar in bars)
    fewer = {name: tuple(bars) for name, bars in rows.items()}
    for doubling in count():
        if sum(map(len, fewer.values())) <= MOST_BARS or SHORTEST_PAUSE * 2**doubling > 1:
            break
        pause = span * SHORTEST_PAUSE * 2**doubling
        fewer = {name: tuple(_together(bars, pause)) for name, bars in rows.items()}
    return tuple(WorkerRow(name, bars) for name, bars in fewer.items())


def _together(bars: Sequence[Bar], pause: float) -> Iterator[Bar]:
    """Bars that follow each other within `pause` minutes and ended alike as one; no death and no second try is hid."""
    last = bars[0]
    for bar in bars[1:]:
        alike = bar.state == last.state != DEAD and not bar.again
        if alike and bar.begin - last.end <= pause:
            waited, attempts = last.waited + bar.waited, last.attempts + bar.attempts
            last = Bar(last.state, last.begin, max(last.end, bar.end), waited, attempts, last.run, last.again)
        else:
            yield last
            last = bar
    yield last
