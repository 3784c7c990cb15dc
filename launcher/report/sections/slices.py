"""The report's sections by third of the season and by conference, and on what each model is worth in the stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from truestrength.launcher.report.markdown import MISSING, Figures, bold, number, picture, section, signed, table
from truestrength.launcher.report.trials import Sweep, best_ranker, best_runs, comparisons, rankers
from truestrength.trainer.contract.records.metrics import LABELS, STACK, THIRDS, RunMetrics, Table
from truestrength.trainer.contract.words import Direction, Objective, Target

SLICED_BY = (Objective.SPEARMAN, Objective.RANK_RMSE)
"""The objectives that the sliced tables show; the others are in `metrics.json`."""


def slice_section(sweeps: Sequence[Sweep], figures: Figures) -> str:
    """The best run of each target by third of the season and by conference, beside the baselines."""
    blocks = ["## By third of the season and by conference"]
    blocks += [_slices(target, best.run, best.metrics) for target, best in best_runs(sweeps) if best.metrics]
    blocks.append(picture(figures, "thirds", "score by third of the season"))
    return section(blocks if len(blocks) > 2 else [*blocks, "No complete trial yet."])


def stack_section(sweeps: Sequence[Sweep]) -> str:
    """What each model is worth: its weight, its figure alone, and what the stack would lose without it."""
    intro = (
        "`weight` is the weight of the model's standardised score in the stack, `alone` the model's own Spearman. The "
        "other columns say what the stack would lose without it: positive means that the model earns its place."
    )
    tables = [
        f"### `{target}`, {best.run}\n\n{_worth(best.metrics)}" for target, best in best_runs(sweeps) if best.metrics
    ]
    return section(["## What each model is worth in the stack", intro, *(tables or ["No complete trial yet."])])


def _slices(target: Target, run: str, metrics: RunMetrics) -> str:
    thirds = {name: metrics.by_third[name] for name in THIRDS if name in metrics.by_third}
    slices = thirds | dict(sorted(metrics.by_conference.items()))
    return section(
        [
            f"### `{target}`, {run}",
            _won(slices),
            *(_slice_table(rankers(metrics), slices, objective) for objective in SLICED_BY),
        ]
    )


def _won(slices: Mapping[str, Table]) -> str:
    counts = {name: comparisons(scores) for name, scores in slices.items()}
    said = [f"{name} {sum(c.beats for c in found)} of {len(found)}" for name, found in counts.items()]
    return f"Objectives on which the stack beats every baseline: {', '.join(said)}." if said else "No slices."


def _slice_table(whole: Table, slices: Mapping[str, Table], objective: Objective) -> str:
    columns = {"all": whole, **slices}
    best = {name: best_ranker(scores, objective) for name, scores in columns.items()}
    rows = []
    for ranker in whole:
        cells = [_slice_cell(scores, ranker, objective, best[name]) for name, scores in columns.items()]
        rows.append([LABELS.get(ranker, ranker), *cells])
    return table([objective.value, *columns], rows)


def _slice_cell(scores: Table, ranker: str, objective: Objective, best: str | None) -> str:
    text = number(scores[ranker].of(objective)) if ranker in scores else MISSING
    return bold(text) if ranker == best else text


def _worth(metrics: RunMetrics) -> str:
    headers = ["model", "weight", "alone", *(f"worth in {objective}" for objective in Objective)]
    names = [name for name in rankers(metrics) if name in metrics.models and name != STACK]
    rows = table(headers, [[name, *_worth_cells(name, metrics)] for name in names])
    idle = [name for name in names if _adds_nothing(name, metrics)]
    said = f"{bold('Adds nothing to the stack')}, by any objective: {', '.join(idle)}." if idle else ""
    return section([rows, said])


def _adds_nothing(name: str, metrics: RunMetrics) -> bool:
    """Whether the stack without a model is as good by every objective, or better."""
    stack, without = metrics.models[STACK], metrics.stack_without.get(name)
    return without is not None and all(_worse(o, stack.of(o), without.of(o)) <= 0 for o in Objective)


def _worth_cells(name: str, metrics: RunMetrics) -> list[str]:
    stack, without = metrics.models[STACK], metrics.stack_without.get(name)
    worth = [signed(_worse(o, stack.of(o), without.of(o))) if without else MISSING for o in Objective]
    return [number(metrics.stack_weights.get(name)), number(metrics.models[name].spearman), *worth]


def _worse(objective: Objective, whole: float, without: float) -> float:
    return without - whole if objective.direction is Direction.MINIMIZE else whole - without
