"""The top of the report: what is there, what is missing, and whether the best runs beat the baselines.

It says a defeat as loudly as a victory: a model that loses to the standings must look like it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from truestrength.launcher.report.markdown import (
    MISSING,
    Figures,
    bold,
    number,
    picture,
    section,
    setting,
    signed,
    table,
)
from truestrength.launcher.report.sections.first_sentence import said_first
from truestrength.launcher.report.sections.gains import gains_said
from truestrength.launcher.report.sections.noise import noise_said
from truestrength.launcher.report.trials import (
    Comparison,
    Sweep,
    Trial,
    best_of_target,
    best_trial,
    comparisons,
    deciding,
    rankers,
    trials_of_target,
)
from truestrength.trainer.contract.ledger.rows import COMPLETE, in_words
from truestrength.trainer.contract.records.metrics import EXPECTED, LABELS, Gain, RunMetrics
from truestrength.trainer.contract.sweep.axes import axes
from truestrength.trainer.contract.words import Objective, Target

GAINS_SHOW = (
    "gain of each sweep's best run over the best baseline and over the ranking without training, with 95 % intervals"
)


def headline(sweeps: Sequence[Sweep], planned: Sequence[str], figures: Figures, data: str) -> str:
    """Title, one verdict per target, and what is there of the plan.

    Args:
        sweeps: Those that are registered.
        planned: The batch ids of the whole plan, in its order.
        figures: Plots by name, as paths relative to the report.
        data: Which league the sweeps were run on.
    """
    targets = (best_section(sweeps, target, figures) for target in Target)
    there = standing_section(sweeps, planned, figures)
    return section(["# What the sweeps found", said_first(sweeps, planned), data, *targets, there])


def verdict(found: Sequence[Comparison]) -> str:
    """One sentence on how the stack stands against the best baseline of each objective."""
    if not found:
        return "has no figures to compare"
    losses = [comparison for comparison in found if not comparison.beats]
    if not losses:
        return f"beats every baseline on all {len(found)} objectives"
    if len(losses) == len(found):
        return f"LOSES to a baseline on all {len(found)} objectives"
    lost = ", ".join(f"{loss.objective} (to {loss.baseline})" for loss in losses)
    return f"beats every baseline on {len(found) - len(losses)} of {len(found)} objectives and LOSES on {lost}"


def best_section(sweeps: Sequence[Sweep], target: Target, figures: Figures) -> str:
    """The best run of a target: its verdict, and a table of its figures beside the best baselines."""
    best = best_of_target(sweeps, target)
    n_trials = sum(1 for _ in trials_of_target(sweeps, target))
    if best is None or best.metrics is None:
        said = f"{best.run} is best, but its `metrics.json` cannot be read." if best else "No complete trial yet."
        return section([f"## Best run for `{target}`", said])
    held_out, objective = best.holdout, deciding(sweeps, target)
    return section(
        [
            f"## Best run for `{target}`: {best.run}",
            f"On the validation seasons ({', '.join(best.metrics.seasons)}) {best.run} "
            + bold(verdict(comparisons(rankers(best.metrics))))
            + f"{_by_chance(best.metrics)}. "
            + (_said_held_out(held_out) if held_out else _no_held_out(sweeps, target)),
            section(
                [
                    said
                    for where, metrics in (("validation seasons", best.metrics), ("held-out season", held_out))
                    if (said := training_adds(f"On the {where}", metrics, objective))
                ]
            ),
            repeats_said(best, objective),
            noise_said(next(sweep for sweep in sweeps if sweep.spec.batch_id == best.batch_id), best, objective),
            _table("validation", best.metrics),
            _table("held out", held_out) if held_out else "",
            f"{best.run} (sweep `{best.batch_id}`) has the best validation {objective} of the {n_trials} "
            "complete trials for this target. Having been chosen by them, its validation figures flatter it; "
            "figures of the held-out season do not.",
            picture(figures, f"rankers_{target}", f"models and baselines, best run for {target}"),
        ]
    )


def repeats_said(best: Trial, objective: Objective) -> str:
    """What a mean of seeds is and how sure it is; empty for a run of one seed."""
    error = best.standard_error(objective)
    if best.metrics is None or error is None:
        return ""
    return (
        f"Its trials are means of {len(best.metrics.repeats)} seeds: {best.run} has {objective} "
        f"{number(best.score(objective), 4)} with a standard error of {number(error, 4)}. The stack's values "
        "are such means; intervals, single models, slices and odds are the first seed's, whose models the run's folder "
        "has, and so are the figures of the held-out season."
    )


def training_adds(where: str, metrics: RunMetrics | None, objective: Objective) -> str:
    """What the stack has that the ranking without training has not; empty for a run that does not know it."""
    gains = metrics.gains.get(EXPECTED, {}) if metrics else {}
    if not gains:
        return ""
    main = gains[objective]
    better = [objective for objective in gains if gains[objective].low > 0]
    worse = [objective for objective in gains if gains[objective].high < 0]
    said = [f"better by {', '.join(better)}"] if better else []
    said += [f"WORSE by {', '.join(worse)}"] if worse else []
    measured = f"measurably {' and '.join(said)}" if said else f"nothing measurable, by none of {len(gains)} objectives"
    return (
        f"{where} training adds {signed(main.mean, 4)} {objective} (95 % interval {signed(main.low, 4)} to "
        f"{signed(main.high, 4)}) to `{EXPECTED}`, the ranking that nothing is trained for: {bold(measured)}."
    )


def _said_held_out(held_out: RunMetrics) -> str:
    said = bold(verdict(comparisons(rankers(held_out))))
    return f"On the held-out season ({', '.join(held_out.seasons)}) it {said}{_by_chance(held_out)}."


def _by_chance(metrics: RunMetrics) -> str:
    """How many of the gains over the best baselines may be chance, if any."""
    gains = [metrics.gains.get(c.baseline, {}).get(c.objective) for c in comparisons(rankers(metrics)) if c.beats]
    unsure = sum(gain is not None and gain.low <= 0 for gain in gains)
    return f" (of the gains, {unsure} may be chance: the 95 % interval includes 0)" if unsure else ""


def _no_held_out(sweeps: Sequence[Sweep], target: Target) -> str:
    others = [trial for trial in trials_of_target(sweeps, target) if trial.holdout]
    if not others:
        return 'The held-out season has not been read yet (see "Repeating a run by hand").'
    return f"The held-out season was read for another run, the best one then: {'; '.join(map(_other, others))}."


def _other(trial: Trial) -> str:
    assert trial.holdout is not None
    return f"{trial.run} {verdict(comparisons(rankers(trial.holdout)))}"


def _table(name: str, metrics: RunMetrics) -> str:
    headers = [name, "stack", "best baseline", "its value", "gain", "95 % interval", "verdict"]
    found = {comparison.objective: comparison for comparison in comparisons(rankers(metrics))}
    return table(headers, [[_objective(o), *_cells(found.get(o), metrics.gains)] for o in Objective])


def _cells(found: Comparison | None, gains: Mapping[str, Mapping[str, Gain]]) -> list[str]:
    if found is None:
        return [MISSING] * 6
    judged = "beats all" if found.beats else bold("LOSES")
    gain = gains.get(found.baseline, {}).get(found.objective)
    interval = f"{signed(gain.low)} to {signed(gain.high)}" if gain else MISSING
    best = LABELS.get(found.baseline, found.baseline)
    return [number(found.stack), best, number(found.baseline_value), signed(found.gain), interval, judged]


def _objective(objective: Objective) -> str:
    return f"{objective} (lower is better)" if objective is Objective.RANK_RMSE else objective.value


def standing_section(sweeps: Sequence[Sweep], planned: Sequence[str], figures: Figures) -> str:
    """How much of the plan is there, and a row per sweep with its best run and how that stands."""
    begun = {sweep.spec.batch_id: sweep for sweep in sweeps}
    grid = axes([sweep.spec for sweep in sweeps])
    cells = {sweep.spec.batch_id: [setting(grid[name][i]) for name in grid] for i, sweep in enumerate(sweeps)}
    rows = [[name, *cells.get(name, [MISSING] * len(grid)), *_row(begun.get(name))] for name in planned]
    return section(
        [
            "## What is there",
            standing_said(sweeps, planned),
            table(["sweep", *grid, *_THERE], rows, text_columns=2 + len(grid)),
            picture(figures, "gains", GAINS_SHOW),
        ]
    )


def standing_said(sweeps: Sequence[Sweep], planned: Sequence[str]) -> str:
    """How much of the plan is there, in a sentence or two."""
    complete = sum(len(sweep.complete) - len(sweep.missing) for sweep in sweeps)
    whole = {sweep.spec.batch_id for sweep in sweeps if sweep.standing in COMPLETE and not sweep.missing}
    missing = [batch_id for batch_id in planned if batch_id not in whole]
    said = (
        f"All {len(planned)} sweeps are complete: {complete} trials."
        if not missing
        else f"{bold(f'Incomplete: {len(planned) - len(missing)} of {len(planned)} sweeps are complete')} so far, "
        f"{complete} trials in all."
    )
    if early := sum(len(sweep.not_needed) for sweep in sweeps):
        said += f" {early} more were not needed: a limit (`goal`, `max_minutes`) was reached."
    return said


_THERE = ("state", "trials", "of", "not completed", "best value", "run", "over the best baseline", "over no training")


def _row(sweep: Sweep | None) -> list[str]:
    if sweep is None:
        return [MISSING] * len(_THERE)
    best = best_trial(sweep.ranked, sweep.spec.objective)
    value = number(best.score(sweep.spec.objective)) if best else MISSING
    counts = [str(len(sweep.complete) - len(sweep.missing)), str(sweep.spec.n_trials), ended_said(sweep.incomplete)]
    state = in_words(sweep.standing, len(sweep.not_needed), len(sweep.missing))
    return [state, *counts, value, best.run if best else MISSING, *gains_said(best, sweep.spec.objective)]


def ended_said(trials: Sequence[Trial]) -> str:
    """How many attempts ended how."""
    counts = Counter(trial.state for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "0"
