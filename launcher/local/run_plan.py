"""Runs the sweeps of a plan one after another, writes down each one's results, and then the analysis.

All sweeps are registered before the first one runs: a batch id whose configuration has changed is refused at once and
not after hours, and `cancel --all` reaches the whole plan.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Protocol

from truestrength.launcher.conclusion import analyse, conclude
from truestrength.launcher.local.crew import Crew
from truestrength.launcher.local.executors import Executor
from truestrength.launcher.local.progress import Display, PlanProgress
from truestrength.launcher.local.run_sweep import Outcome, failed_slots, run_sweep
from truestrength.launcher.notification import tell_of
from truestrength.launcher.plan import Plan, PlannedSweep
from truestrength.launcher.prior import prior_said, with_prior
from truestrength.launcher.registration import exclusively, register, too_few_connections
from truestrength.launcher.report.folders import RunFolders, run_folders
from truestrength.launcher.report.reading import written
from truestrength.launcher.trainer_commands import Trainer
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.ledger import Ledger, SweepProgress, in_words, notices
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name
from truestrength.trainer.contract.text_table import text_table

EXIT_INCOMPLETE = 1
SHARE_OF_TIME = 0.05
"""Of the time of a plan, for the analysis while it runs: it is read and drawn anew each time, beside the workers."""
UNREAD = "The held-out season is not read for every target, see above; the same command, run again, tries it again."


class Reports(Protocol):
    """Told when there is something to report."""

    def sweep(self, batch_id: str) -> None:
        """A sweep has ended that is not yet in the tables."""

    def end(self, *, changed: bool, complete: bool) -> str | None:
        """All sweeps have ended; `changed` says whether one of them is new, `complete` whether all are.

        Returns:
            What could not be done, and so keeps the plan from being whole.
        """


@dataclass
class WrittenReports:
    """Tables, analysis and plots in the outputs root."""

    plan: Plan
    ledger: Ledger
    say: Callable[[str], None]
    trainer: Trainer
    """Reads, measures and explains at the end."""
    whole: bool = False
    """The plan ends with the held-out season."""
    noise: bool = False
    """It ends with more seeds of the best configurations, too."""
    explained: bool = False
    """It ends with what carried each team, in every sweep's best run."""
    _not_before: float = field(default=float("-inf"), init=False, repr=False)
    """When the next analysis between two sweeps may be written."""

    def sweep(self, batch_id: str) -> None:
        """The tables of one sweep and, unless one was written just now or the plan's end is next, the analysis."""
        from truestrength.launcher.report.sweep_files import write_sweep_results  # noqa: PLC0415 - a finished plan need not wait for it

        write_sweep_results(self.ledger, batch_id, self.plan.outputs)
        names = self.plan.batch_ids
        ahead, began = names[names.index(batch_id) + 1 :], time.monotonic()
        if began < self._not_before:
            return
        if any(now.open and not now.cancelled for now in self.ledger.all_progress() if now.batch_id in ahead):
            # What could not be drawn is said at the end, once; until then it stands in the analysis.
            analyse(self.plan.outputs, names, self.ledger, lambda _: None, resting=True)
            ended = time.monotonic()
            self._not_before = ended + (ended - began) / SHARE_OF_TIME

    def end(self, *, changed: bool, complete: bool) -> str | None:
        """The analysis with all plots and, of a whole plan that is complete, the held-out season."""
        all_read = conclude(
            self.plan.outputs,
            self.plan.batch_ids,
            self.ledger,
            changed=changed,
            held_out=self.whole and complete,
            noise=self.noise and complete,
            explained=self.explained and complete,
            trainer=self.trainer,
            say=self.say,
        )
        return None if all_read else UNREAD


def run_plan(plan: Plan, ledger: Ledger, executor: Executor, display: Display, reports: Reports) -> int:
    """Bring every sweep of the plan to its end; a sweep that fails does not stop the others.

    Args:
        plan: The sweeps, in order.
        ledger: Where they are registered.
        executor: Where the workers run.
        display: Where progress and messages are shown.
        reports: Told of the end of each sweep that is not yet in the tables, and of the end of the plan.

    Returns:
        0, or 1 when a sweep is not complete, or something that ends the plan could not be done.

    Raises:
        SweepChangedError: a batch id is known with another configuration.
        UserError: another launcher is running one of the sweeps.
    """
    with ExitStack() as last:
        last.callback(executor.end)
        outcomes, changed = _run_sweeps(plan, ledger, executor, display, reports)
        outcomes = list(_with_missing(outcomes, run_folders(ledger, plan.outputs), display))
        code = _end(plan, outcomes, display, reports, changed=changed)
        if len(plan.planned) > 1:
            tell_of(ledger, display.say, plan.batch_ids, given_up=True)
        return code


def _run_sweeps(
    plan: Plan, ledger: Ledger, executor: Executor, display: Display, reports: Reports
) -> tuple[list[Outcome], bool]:
    """Register and run all sweeps. Returns what has become of each, and whether tables were to be written of any."""
    seen, changed = PlanProgress(plan.sweeps), False
    outcomes: list[Outcome] = []
    failing: set[str] = set()

    def show(progress: SweepProgress, at_work: int) -> None:
        seen.see(progress)
        display.show(seen, progress, at_work)
        if progress.open and progress.failed and progress.batch_id not in failing:
            failing.add(progress.batch_id)
            tell_of(ledger, display.say, [progress.batch_id])

    crew = Crew(plan.n_jobs, executor, plan.outputs)
    with exclusively(plan, ledger), at_work(crew, display):
        for one, spec in zip(plan.planned, with_prior(ledger, plan.sweeps), strict=True):
            register(ledger, spec, plan.outputs, one.limits, plan.command)
            for sentence in prior_said(spec):
                display.say(sentence)
            seen.see(ledger.progress(spec.batch_id))
            if one is plan.planned[0] and _is_new(plan, ledger):
                crew.prepare(_same_crew(plan.planned))  # beside the registration of the others
        notices.put_receivers(ledger.connection, plan.batch_ids, plan.config.notify)
        if few := too_few_connections(ledger, min(plan.n_jobs, seen.slots_left())):
            display.say(few)
        for i, one in enumerate(plan.planned):
            name, crew.n_jobs = one.spec.batch_id, one.n_jobs
            outcome = run_sweep(name, ledger, crew, show, later=_same_crew(plan.planned[i:])[1:])
            outcome = _with_failures(outcome, ledger, plan.outputs)
            if outcome.submitted or not written(plan.outputs, outcome.progress):
                outcome = _reported(outcome, f"{name}: its tables", partial(reports.sweep, name))
                changed = True
            if outcome.problem:
                display.say(outcome.problem)
            outcomes.append(outcome)
            if not outcome.progress.cancelled:
                tell_of(ledger, display.say, [name], given_up=True)
    return outcomes, changed


def _is_new(plan: Plan, ledger: Ledger) -> bool:
    """Whether none of its sweeps but the first is registered, and that was not run: so none can be refused."""
    known = [now for now in ledger.all_progress() if now.batch_id in plan.batch_ids]
    return len(known) == 1 and known[0].open > 0 and not ledger.workers(known[0].batch_id)


def _same_crew(planned: Sequence[PlannedSweep]) -> list[str]:
    """The first sweep, and those after it for which as many workers go on from one to the next."""
    together = takewhile(lambda one: one.n_jobs == planned[0].n_jobs, planned)
    return [one.spec.batch_id for one in together]


def _with_failures(outcome: Outcome, ledger: Ledger, outputs: OutputsRoot) -> Outcome:
    """The outcome with what is to be said of slots that failed."""
    if not outcome.progress.failed or outcome.problem:
        return outcome
    return replace(outcome, problem=failed_slots(ledger, outcome.progress, outputs))


def _with_missing(outcomes: Sequence[Outcome], found: RunFolders, display: Display) -> Iterator[Outcome]:
    """The outcomes with their complete runs whose folders are gone, which is said unless another problem was."""
    for outcome in outcomes:
        gone = found.missing.get(outcome.progress.batch_id)
        problem = outcome.problem
        if gone and not problem:
            (problem,) = RunFolders(missing={outcome.progress.batch_id: gone}).sentences()
            display.say(problem)
        yield replace(outcome, problem=problem, missing=len(gone or ()))


def _end(plan: Plan, outcomes: list[Outcome], display: Display, reports: Reports, *, changed: bool) -> int:
    """Report the end of the plan, and say what it has come to. Returns the exit code."""
    complete = all(outcome.progress.complete for outcome in outcomes)
    end = _reported(
        replace(outcomes[-1], problem=None), "the analysis", partial(reports.end, changed=changed, complete=complete)
    )
    if end.problem:
        display.say(end.problem)
        outcomes = [*outcomes[:-1], end]
    display.say(summary(plan, outcomes) + ("" if end.problem else _verdict(plan)))
    return EXIT_INCOMPLETE if any(outcome.problem for outcome in outcomes) else 0


@contextmanager
def at_work(crew: Crew, display: Display) -> Iterator[None]:
    """Let workers leave by themselves at the end; on an interruption tell them to give back their slots."""
    try:
        yield
    except BaseException:
        try:
            if workers := crew.alive():
                display.say(f"stopping {workers} workers; they give back their slots (Ctrl-C again: leave them to it)")
        finally:
            crew.stop()
        raise
    crew.leave()


def _reported(outcome: Outcome, what: str, report: Callable[[], str | None]) -> Outcome:
    """Write something; whatever fails costs just that and not the sweeps that follow. `report` may return a problem.

    Raises:
        UserError: the ledger cannot be read, so nothing else can go on either.
    """
    try:
        undone = report()
    except UserError:
        raise
    except OSError as error:
        problem = f"{what} could not be written: {error}."
    except Exception:
        problem = f"{what} could not be written:\n{traceback.format_exc().rstrip()}"
    else:
        return replace(outcome, problem=undone) if undone else outcome
    hint = "`truestrength report` writes everything from the ledger and the run folders."
    return replace(outcome, problem="\n".join([*filter(None, [outcome.problem]), problem, hint]))


def _verdict(plan: Plan) -> str:
    """The sentence that the report begins with."""
    from truestrength.launcher.report.analysis import verdict_of  # noqa: PLC0415 - a finished plan need not wait for it

    return f"\n\n{verdict_of(plan.outputs)}"


def summary(plan: Plan, outcomes: list[Outcome]) -> str:
    """What a plan has come to, and where to read on."""
    rows = []
    for spec, outcome in zip(plan.sweeps, outcomes, strict=True):
        now = outcome.progress
        value = None if now.best_value is None else f"{now.best_value:.4f}"
        run = None if now.best_run_id is None else run_name(now.best_run_id)
        standing = in_words(now.standing, now.not_needed, outcome.missing)
        trials = f"{now.done - outcome.missing}/{now.n_trials}"
        rows.append([spec.batch_id, trials, now.failed, value, run, standing])
    table = text_table(["sweep", "trials", "failed", "best", "run", ""], rows)
    folder = plan.outputs.sweep("<sweep>").folder
    return f"\n{table}\n\nresults: {folder}\nanalysis: {plan.outputs.analysis}\npage:     {plan.outputs.page}"
