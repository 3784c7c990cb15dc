"""The report's sections on objectives, targets and rolling windows: who won, with which parameters, against whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from launcher.report_markdown import MISSING, Figures, bold, number, picture, section, setting, signed, table
from launcher.report_trials import (
    Sweep,
    Trial,
    best_ranker,
    best_trial,
    comparable,
    compare,
    comparisons,
    is_model,
    parameter_names,
    rankers,
    trials_of_target,
)
from trainer.contract.metrics import Scores
from trainer.contract.objectives import Objective, Phase, Target


def objective_section(objective: Objective, sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The sweeps that optimised one objective: the best run's parameters, and its figures beside the baselines'."""
    own = [s for s in sweeps if s.spec.objective is objective and s.spec.phase is not Phase.ROLLING]
    best = {sweep.spec.batch_id: best_trial(sweep.ranked, objective) for sweep in own}
    blocks = [f"## Objective {objective}"]
    if not any(best.values()):
        return section([*blocks, "No sweep of this objective has a complete trial yet."])
    blocks.append(_parameters(own, best, objective))
    for sweep in own:
        found = best[sweep.spec.batch_id]
        blocks.append(
            _sweep(sweep, found, sweeps) if found else f"### `{sweep.spec.batch_id}`\n\nNo complete trial yet."
        )
    blocks.append(picture(figures, f"trials_{objective}", f"value by trial, sweeps of {objective}"))
    blocks.append(picture(figures, f"parameters_{objective}", f"value by parameter, sweeps of {objective}"))
    return section(blocks)


def importance_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """A table of parameter importances, a row per sweep, and why some sweeps have none."""
    known = [s.importances for s in sweeps if s.importances and s.importances.importances]
    names = parameter_names(name for found in known for name in found.importances)
    rows = [[f.batch_id, *(number(f.importances.get(n)) for n in names), str(f.n_trials)] for f in known]
    without = [f"- `{s.spec.batch_id}`: {_why_not(s)}" for s in sweeps if s.importances not in known]
    intro = (
        "Which parameters mattered for a sweep's value (PED-ANOVA, shares that sum to 1). It compares the best tenth "
        "of the trials with all of them: with a dozen trials this is a hint, not a finding."
    )
    return section(
        [
            "## Parameter importances",
            intro if known else "",
            table(["sweep", *names, "trials"], rows) if known else "",
            "Not known for:\n\n" + "\n".join(without) if without else "",
            picture(figures, "importances", "parameter importances by sweep"),
        ]
    )


def target_section(sweeps: Sequence[Sweep]) -> str:
    """`final_rank` beside `playoff_outcome`, objective by objective: best value, best baseline, gain."""
    headers = ["objective", *(f"{target}: {what}" for target in Target for what in ("best", "baseline", "gain"))]
    rows = [[objective.value, *_target_cells(sweeps, objective)] for objective in Objective]
    return section(
        [
            "## final_rank against playoff_outcome",
            "The best run of any sweep, by each objective. The two targets are two different truths, so their values "
            "do not compare; what each gains over its best baseline does (positive is better, also for rank_rmse).",
            table(headers, rows),
        ]
    )


def rolling_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The rolling sweeps: value by choice of windows."""
    rolling = [sweep for sweep in sweeps if sweep.spec.phase is Phase.ROLLING]
    blocks = ["## Rolling windows"]
    if not any(sweep.complete for sweep in rolling):
        return section([*blocks, "The rolling sweep has no complete trial yet."])
    for sweep in rolling:
        objective = sweep.spec.objective
        rows = _by_windows(sweep)
        for other in _fixed_windows(sweep, sweeps):
            rows += _by_windows(other)
        headers = ["sweep", "windows (games)", "trials", f"best {objective}", f"mean {objective}", "best run"]
        blocks += [
            f"`{sweep.spec.batch_id}` varies the lengths of the windows that form is averaged over; sweeps that keep "
            "them fixed, of the same objective and target, stand below for comparison.",
            table(headers, rows, text_columns=2),
        ]
        blocks.append(picture(figures, f"trials_{sweep.spec.batch_id}", "value by trial of the rolling sweep"))
    return section(blocks)


def scores_table(scores: Mapping[str, Scores]) -> str:
    """Rankers x objectives, models first; the best figure of each column is bold."""
    best = {objective: best_ranker(dict(scores), objective) for objective in Objective}
    rows = []
    for name, row in scores.items():
        cells = [(number(row.of(objective)), best[objective] == name) for objective in Objective]
        kind = "model" if is_model(name) else "baseline"
        rows.append([name, kind, *(bold(text) if is_best else text for text, is_best in cells)])
    return table(["ranker", "kind", *Objective], rows, text_columns=2)


def _parameters(own: Sequence[Sweep], best: Mapping[str, Trial | None], objective: Objective) -> str:
    names = parameter_names(name for sweep in own for name in sweep.spec.space)
    headers = ["best run of the sweep", *(sweep.spec.batch_id for sweep in own)]
    found = [best[sweep.spec.batch_id] for sweep in own]
    rows = [["run", *(trial.run if trial else MISSING for trial in found)]]
    rows.append([objective.value, *(number(trial.score(objective)) if trial else MISSING for trial in found)])
    rows += [[name, *(setting(trial.parameters.get(name)) if trial else MISSING for trial in found)] for name in names]
    return table(headers, rows)


def _sweep(sweep: Sweep, best: Trial, sweeps: Sequence[Sweep]) -> str:
    title = f"### `{sweep.spec.batch_id}`: {best.run}"
    if best.metrics is None:
        return section([title, f"The `metrics.json` of {best.run} cannot be read."])
    scores = rankers(best.metrics)
    said = _said(best, sweep.spec.objective, scores) + _better_elsewhere(best, sweep, sweeps)
    return section([title, said, scores_table(scores)])


def _said(best: Trial, objective: Objective, scores: dict[str, Scores]) -> str:
    against = compare(scores, objective)
    if against is None:
        return f"{best.run} has no baseline to compare with."
    won = sum(comparison.beats for comparison in comparisons(scores))
    how = "beats" if against.beats else "**LOSES** to"
    return (
        f"By {objective}, {best.run} {how} the best baseline, {against.baseline}: {number(against.stack)} against "
        f"{number(against.baseline_value)} (gain {signed(against.gain)}). It beats every baseline on {won} of "
        f"{len(comparisons(scores))} objectives."
    )


def _better_elsewhere(best: Trial, sweep: Sweep, sweeps: Sequence[Sweep]) -> str:
    objective = sweep.spec.objective
    if all(other is not sweep for other in comparable(sweeps)):
        return ""
    top = best_trial(trials_of_target(sweeps, sweep.spec.target), objective)
    score, own = (top.score(objective) if top else None), best.score(objective)
    if top is None or score is None or own is None or not objective.better(score, own):
        return ""
    return f" A run of another sweep is better still by {objective}: {top.run} of `{top.batch_id}`, {number(score)}."


def _target_cells(sweeps: Sequence[Sweep], objective: Objective) -> list[str]:
    cells: list[str] = []
    for target in Target:
        best = best_trial(trials_of_target(sweeps, target), objective)
        found = compare(rankers(best.metrics), objective) if best and best.metrics else None
        if best is None or found is None:
            cells += [MISSING] * 3
            continue
        baseline = f"{found.baseline} {number(found.baseline_value)}"
        cells += [f"{number(found.stack)} ({best.run})", baseline, signed(found.gain)]
    return cells


def _by_windows(sweep: Sweep) -> list[list[str]]:
    objective = sweep.spec.objective
    groups: dict[tuple[int, ...], list[Trial]] = {}
    for trial in sweep.ranked:
        windows = trial.parameters.get("rolling_windows", sweep.spec.config.training.rolling_windows)
        groups.setdefault(tuple(windows), []).append(trial)
    rows = []
    for windows, trials in sorted(groups.items()):
        best = best_trial(trials, objective)
        scores = [score for trial in trials if (score := trial.score(objective)) is not None]
        figures = [number(best.score(objective)), number(fmean(scores))] if best else [MISSING, MISSING]
        rows.append([sweep.spec.batch_id, setting(windows), str(len(trials)), *figures, best.run if best else MISSING])
    return rows


def _fixed_windows(rolling: Sweep, sweeps: Sequence[Sweep]) -> list[Sweep]:
    def alike(sweep: Sweep) -> bool:
        same = (sweep.spec.objective, sweep.spec.target) == (rolling.spec.objective, rolling.spec.target)
        return same and sweep.spec.phase is not Phase.ROLLING

    return [sweep for sweep in sweeps if alike(sweep)]


def _why_not(sweep: Sweep) -> str:
    return (sweep.importances.reason if sweep.importances else None) or "not written yet"
