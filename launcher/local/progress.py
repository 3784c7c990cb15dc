"""Shows how a plan is going: a live display on a terminal, otherwise a plain line for every change.

Time left is what the trials of this launcher have taken so far, on the clock and all workers together; until the first
trial is finished nothing is claimed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from truestrength.trainer.contract.command_line import stop_talking
from truestrength.trainer.contract.ledger import SweepProgress, in_words
from truestrength.trainer.contract.paths.outputs import run_name
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.text_table import counted


@dataclass
class PlanProgress:
    """What is known of a whole plan while one of its sweeps runs."""

    sweeps: Sequence[SweepSpec]
    closed: dict[str, int] = field(default_factory=dict)
    """Slots done or failed, by batch id."""
    open: dict[str, int] = field(default_factory=dict)
    """Slots that are still to be done, by batch id."""
    _began: float | None = None
    _closed_before: int = 0

    @property
    def total(self) -> int:
        """Slots of all sweeps, less those that are not needed, as far as seen."""
        return sum(self.closed.values()) + self.slots_left()

    def number(self, batch_id: str) -> int:
        """The sweep's number in the plan, from 1."""
        return [spec.batch_id for spec in self.sweeps].index(batch_id) + 1

    def see(self, progress: SweepProgress) -> None:
        """Take in what the ledger says of one sweep."""
        first = progress.batch_id not in self.closed
        before = self.closed.get(progress.batch_id, 0)
        self.closed[progress.batch_id], self.open[progress.batch_id] = progress.closed, progress.open
        if first:
            self._closed_before += self.closed[progress.batch_id] - before
        if self._began is None and progress.open:
            self._began = time.monotonic()

    def seconds_left(self, slots: int) -> float | None:
        """Time for `slots` more slots at the pace so far; None while there is no pace yet."""
        here = sum(self.closed.values()) - self._closed_before
        if self._began is None or here == 0:
            return None
        return slots * (time.monotonic() - self._began) / here

    def slots_left(self) -> int:
        """Slots of the plan that are still to be done, as far as seen."""
        return sum(self.open.get(spec.batch_id, spec.n_trials) for spec in self.sweeps)


class Display(Protocol):
    """Where progress is shown."""

    def show(self, plan: PlanProgress, progress: SweepProgress, at_work: int) -> None:
        """Show a sweep as it stands."""

    def say(self, text: str) -> None:
        """Show a message that stays."""


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(42), duration(200), duration(7500)
    ('42 s', '3 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def best(progress: SweepProgress) -> str:
    """The best value so far and the run that has it.

    For a sweep without a finished trial: "no value yet".
    """
    if progress.best_value is None:
        return "no value yet"
    run = f" ({run_name(progress.best_run_id)})" if progress.best_run_id is not None else ""
    return f"best {progress.objective} {progress.best_value:.4f}{run}"


def line(plan: PlanProgress, progress: SweepProgress, at_work: int) -> str:
    """A sweep in one line, without the time left."""
    parts = [
        f"sweep {plan.number(progress.batch_id)} of {len(plan.sweeps)}  {progress.batch_id}",
        f"{progress.done} of {progress.n_trials} trials",
        *([f"{progress.failed} failed"] if progress.failed else []),
        best(progress),
        f"{progress.running} running, {counted(at_work, 'worker')}" if progress.open else _end(progress),
    ]
    return "  ".join(parts)


def _end(progress: SweepProgress) -> str:
    return in_words(progress.standing, progress.not_needed, 0) if progress.not_needed else "finished"


class PlainLines:
    """One line per change of what is done, for pipes and logs."""

    def __init__(self) -> None:
        """Nothing has been shown yet."""
        self._last: tuple[object, ...] = ()

    def show(self, plan: PlanProgress, progress: SweepProgress, at_work: int) -> None:
        """Print a line when trials were finished, or the sweep changed."""
        now = (progress.batch_id, progress.done, progress.failed, progress.not_needed, progress.open > 0)
        if now == self._last:
            return
        self._last = now
        left = plan.seconds_left(plan.slots_left())
        rest = f"  about {duration(left)} left" if left and plan.slots_left() else ""
        self.say(line(plan, progress, at_work) + rest)

    def say(self, text: str) -> None:
        """Print a message. A plan goes on when nobody reads any more."""
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            stop_talking()


class LiveDisplay:
    """The sweep and the plan as two bars at the bottom of a terminal; messages scroll above."""

    def __init__(self, live: Live) -> None:
        """Draw into `live`, which the caller has started."""
        self._live = live
        self._ended: set[str] = set()

    def show(self, plan: PlanProgress, progress: SweepProgress, at_work: int) -> None:
        """Redraw; a sweep that has ended leaves a line above."""
        if not progress.open and progress.batch_id not in self._ended:
            self._ended.add(progress.batch_id)
            self.say(line(plan, progress, at_work))
        bars = Table.grid(padding=(0, 2))
        needed = progress.closed + progress.open
        for name, value, total in [
            (f"sweep {plan.number(progress.batch_id)} of {len(plan.sweeps)}", progress.closed, needed),
            ("plan", sum(plan.closed.values()), plan.total),
        ]:
            left = plan.seconds_left(total - value)
            rest = "" if total == value else f"about {duration(left)} left" if left else "time left: not known yet"
            bars.add_row(name, ProgressBar(total=total, completed=value, width=30), f"{value} of {total} trials", rest)
        failed = f", {progress.failed} failed" if progress.failed else ""
        state = f"{progress.running} running, {at_work} workers{failed}"
        self._live.update(Group(Text(f"{progress.batch_id}  {best(progress)}  {state}"), bars), refresh=True)

    def say(self, text: str) -> None:
        """Print a message above the bars."""
        self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)


def display() -> AbstractContextManager[Display]:
    """The display that fits where standard output goes."""
    if not sys.stdout.isatty():
        return nullcontext(PlainLines())
    return _Screen()


class _Screen:
    def __enter__(self) -> LiveDisplay:
        self._live = Live(console=Console(), auto_refresh=False, transient=True)
        self._live.start()
        return LiveDisplay(self._live)

    def __exit__(self, *_: object) -> None:
        self._live.stop()
