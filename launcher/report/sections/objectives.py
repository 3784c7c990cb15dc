"""The report's sections on objectives and targets: who won, with which parameters, against whom."""

from __future__ import annotations

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
from truestrength.launcher.report.trials import (
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
from truestrength.trainer.contract.config.search_space import singles
from truestrength.trainer.contract.records.metrics import LABELS, Scores
from truestrength.trainer.contract.words import Objective, Phase, Target

_KINDS = (("trials", "value by trial"), ("parameters", "value by parameter"))


def objective_section(objective: Objective, sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The sweeps that optimised one objective: the best run's parameters, and its figures beside the baselines'."""
    own = [s for s in sweeps if s.spec.objective is objective and s.spec.phase != Phase.ROLLING]
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


def settings_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The best configuration of every sweep, a table an objective, and value by trial and by parameter."""
    blocks = ["## Best settings"]
    for objective in Objective:
        own = [sweep for sweep in sweeps if sweep.spec.objective is objective]
        best = {sweep.spec.batch_id: best_trial(sweep.ranked, objective) for sweep in own}
        if any(best.values()):
            blocks += [f"### {objective}", _parameters(own, best, objective)]
            blocks += [
                picture(figures, f"{kind}_{objective}", f"{said}, sweeps of {objective}") for kind, said in _KINDS
            ]
            rolling = [sweep.spec.batch_id for sweep in own if sweep.spec.phase == Phase.ROLLING]
            blocks += [picture(figures, f"trials_{name}", f"value by trial, {name}") for name in rolling]
    return section(blocks if len(blocks) > 1 else [*blocks, "No complete trial yet."])


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


def scores_table(scores: Mapping[str, Scores]) -> str:
    """Rankers x objectives, models first; the best figure of each column is bold."""
    best = {objective: best_ranker(dict(scores), objective) for objective in Objective}
    rows = []
    for name, row in scores.items():
        cells = [(number(row.of(objective)), best[objective] == name) for objective in Objective]
        kind = "model" if is_model(name) else "baseline"
        rows.append([LABELS.get(name, name), kind, *(bold(text) if is_best else text for text, is_best in cells)])
    return table(["ranker", "kind", *Objective], rows, text_columns=2)


def _parameters(own: Sequence[Sweep], best: Mapping[str, Trial | None], objective: Objective) -> str:
    names = parameter_names(name for sweep in own for name in singles(sweep.spec.space))
    headers = ["best run of the sweep", *(sweep.spec.batch_id for sweep in own)]
    found = [best[sweep.spec.batch_id] for sweep in own]
    rows = [["run", *(trial.run if trial else MISSING for trial in found)]]
    rows.append([objective.value, *(number(trial.score(objective)) if trial else MISSING for trial in found)])
    errors = [trial.standard_error(objective) if trial else None for trial in found]
    if any(error is not None for error in errors):
        rows.append(["its standard error", *(number(error, 4) for error in errors)])
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
