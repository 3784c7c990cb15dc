"""Runs the sweeps of a plan one after another, writes down each one's results, and then the analysis.

All sweeps are registered before the first one runs: a batch id whose configuration has changed is refused at once and
not after hours, and `cancel --all` reaches the whole plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from launcher.containers import Container
from launcher.crew import Crew
from launcher.plan import Plan
from launcher.progress import Display, PlanProgress
from launcher.submission import Executor
from launcher.sweep import Outcome, failed_slots, run_sweep
from launcher.text_table import text_table
from trainer.contract.errors import UserError
from trainer.contract.ledger import Ledger, SweepProgress
from trainer.contract.paths import OutputsRoot, run_name
from trainer.contract.sweep import SweepSpec

EXIT_INCOMPLETE = 1
FIGURES_REST_S = 300.0
"""While sweeps are still to come, plots are drawn at most this often; the last sweep of a plan draws them all."""


def write_reports(plan: Plan, ledger: Ledger, batch_id: str) -> None:
    """Write the tables of one sweep, and the analysis anew."""
    from launcher.results import write_sweep_results  # noqa: PLC0415 - seconds, which a finished plan need not wait

    write_sweep_results(ledger, batch_id, plan.outputs)
    names = [spec.batch_id for spec in plan.sweeps]
    ahead = names[names.index(batch_id) + 1 :]
    more = any(now.open and not now.cancelled for now in ledger.all_progress() if now.batch_id in ahead)
    analyse(plan.outputs, names, ledger, rest_s=FIGURES_REST_S if more else 0.0)


def analyse(outputs: OutputsRoot, batch_ids: Sequence[str], ledger: Ledger, rest_s: float = 0.0) -> None:
    """Write the analysis of all sweeps of the outputs root: those of a plan in its order, then any others.

    With `rest_s`, plots that were drawn within so many seconds are left as they are.
    """
    from launcher.analysis import write_analysis  # noqa: PLC0415
    from launcher.results import registered  # noqa: PLC0415

    planned = batch_ids if len(batch_ids) > 1 else []
    others = [name for name in registered(ledger, outputs) if name not in planned]
    write_analysis(ledger, [*planned, *others], outputs, rest_s)


def nothing_more(plan: Plan, ledger: Ledger) -> None:
    """A plan that ends with its last sweep."""


def read_held_out_season(plan: Plan, ledger: Ledger, container: Container | None, say: Callable[[str], None]) -> None:
    """Read the held-out season for the best runs, unless that was done, and put it into the analysis."""
    from launcher.held_out import read_held_out  # noqa: PLC0415 - a plan that fails need not wait

    if read_held_out(ledger, plan.outputs, container, say):
        analyse(plan.outputs, [spec.batch_id for spec in plan.sweeps], ledger)


def run_plan(
    plan: Plan,
    ledger: Ledger,
    executor: Executor,
    display: Display,
    report: Callable[[Plan, Ledger, str], None] = write_reports,
    *,
    finish: Callable[[Plan, Ledger], None] = nothing_more,
) -> int:
    """Bring every sweep of the plan to its end; a sweep that fails does not stop the others.

    Args:
        plan: The sweeps, in order.
        ledger: Where they are registered.
        executor: Where the workers run.
        display: Where progress and messages are shown.
        report: Called after each sweep that is not yet in the tables.
        finish: Called at the end, when every sweep is complete.

    Returns:
        0, or 1 when a sweep is not complete.

    Raises:
        SweepChangedError: a batch id is known with another configuration.
        UserError: another launcher is running one of the sweeps.
    """
    seen = PlanProgress(plan.sweeps)
    outcomes: list[Outcome] = []

    def show(progress: SweepProgress, at_work: int) -> None:
        seen.see(progress)
        display.show(seen, progress, at_work)

    crew = Crew(plan.n_jobs, executor, plan.outputs)
    with exclusively(plan, ledger), at_work(crew, display):
        for spec in plan.sweeps:
            register(ledger, spec, plan.outputs)
            seen.see(ledger.progress(spec.batch_id))
        names = [spec.batch_id for spec in plan.sweeps]
        for i, name in enumerate(names):
            outcome = run_sweep(name, ledger, crew, show, later=names[i + 1 :])
            if outcome.progress.failed and not outcome.problem:
                outcome = replace(outcome, problem=failed_slots(ledger, outcome.progress, plan.outputs))
            if outcome.submitted or not written(plan.outputs, outcome.progress):
                outcome = _reported(outcome, partial(report, plan, ledger, name))
            if outcome.problem:
                display.say(outcome.problem)
            outcomes.append(outcome)
    if all(outcome.progress.complete for outcome in outcomes):
        finish(plan, ledger)
    display.say(summary(plan, outcomes))
    return EXIT_INCOMPLETE if any(outcome.problem for outcome in outcomes) else 0


@contextmanager
def at_work(crew: Crew, display: Display) -> Iterator[None]:
    """Let workers leave by themselves at the end; on an interruption tell them to give back their slots."""
    try:
        yield
    except BaseException:
        if workers := crew.alive():
            display.say(f"stopping {workers} workers; they give back their slots (Ctrl-C again: leave them to it)")
            crew.stop()
        raise
    crew.leave()


def _reported(outcome: Outcome, report: Callable[[], None]) -> Outcome:
    """Write the tables; a full disk costs the tables and not the sweeps that follow."""
    try:
        report()
    except OSError as error:
        lines = [outcome.problem, f"{outcome.progress.batch_id}: its tables were not written: {error}."]
        hint = "`python -m launcher report` writes them from the ledger and the run folders."
        return replace(outcome, problem="\n".join([*filter(None, lines), hint]))
    return outcome


def written(outputs: OutputsRoot, progress: SweepProgress) -> bool:
    """Whether the tables are newer than the sweep's last trial: a launcher may have been killed between the two."""
    last, finished = outputs.sweep(progress.batch_id).importances, progress.last_finished_at
    files = [last, outputs.analysis]
    return all(f.exists() and (finished is None or f.stat().st_mtime > finished.timestamp()) for f in files)


def register(ledger: Ledger, spec: SweepSpec, outputs: OutputsRoot) -> None:
    """Register a sweep; one that was cancelled goes on."""
    ledger.register(spec, outputs)
    if ledger.cancelled(spec.batch_id):
        # Whoever runs the sweep again wants it to go on.
        ledger.retry(spec.batch_id)


@contextmanager
def exclusively(plan: Plan, ledger: Ledger) -> Iterator[None]:
    """Keep other launchers away from the plan's sweeps; the database lets go when this process dies.

    Raises:
        UserError: another launcher has one of them.
    """
    with ExitStack() as stack:
        for spec in plan.sweeps:
            if not stack.enter_context(ledger.building(f"launcher:{spec.batch_id}")):
                raise UserError(
                    f"another launcher is running the sweep {spec.batch_id}. Watch it with `python -m launcher status "
                    f"--watch`, or stop it with Ctrl-C there or `python -m launcher cancel {spec.batch_id}`."
                )
        yield


def summary(plan: Plan, outcomes: list[Outcome]) -> str:
    """What a plan has come to, and where to read on."""
    rows = []
    for spec, outcome in zip(plan.sweeps, outcomes, strict=True):
        now = outcome.progress
        value = None if now.best_value is None else f"{now.best_value:.4f}"
        run = None if now.best_run_id is None else run_name(now.best_run_id)
        state = "complete" if now.complete else "cancelled" if now.cancelled else "not complete"
        rows.append([spec.batch_id, f"{now.done}/{now.n_trials}", now.failed, value, run, state])
    table = text_table(["sweep", "trials", "failed", "best", "run", ""], rows)
    folder = plan.outputs.sweep("<sweep>").folder
    return f"\n{table}\n\nresults: {folder}\nanalysis: {plan.outputs.analysis}"
