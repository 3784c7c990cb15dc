"""The report's section on the ceiling: how close the best runs come to rankings that know the true strengths.

Only the demo league knows them. Whatever stands here is never a baseline that has to be beaten.
"""

from __future__ import annotations

from collections.abc import Sequence

from truestrength.launcher.report.markdown import MISSING, number, section, table
from truestrength.launcher.report.trials import Sweep, best_of_target, best_ranker, compare, rankers
from truestrength.trainer.contract.records.metrics import STACK, THIRDS, RunMetrics, Table
from truestrength.trainer.contract.words import Direction, Objective, Target

INTRO = (
    "This league is synthetic and knows its teams' true strengths. `true_strength` ranks by them; `true_outlook` ranks "
    "by what is to be expected from the record so far and the rest of the season at the true strengths. The ceiling is "
    "the better of the two, and `closed` the share of the way from the best baseline to it that the stack has come: 0 "
    "is no better than the baseline, below 0 is worse, 100 % is at the ceiling. Over many seasons nothing beats the "
    "ceiling; in the few seasons here luck can, and where it is not above the best baseline, `closed` is left out."
)


def ceiling_section(sweeps: Sequence[Sweep]) -> str:
    """The best run of each target beside the ceiling; nothing for a league that does not know its true strengths."""
    blocks = []
    for target in Target:
        best = best_of_target(sweeps, target)
        for name, metrics in (("validation", best.metrics), ("held out", best.holdout)) if best else ():
            if best and metrics and metrics.ceilings:
                said = f"### `{target}`, {best.run}, {name} ({', '.join(metrics.seasons)})"
                blocks += [said, _table(metrics), _by_third(metrics)]
    return section(["## How close to the ceiling", INTRO, *blocks]) if blocks else ""


def share_closed(stack: float, baseline: float, ceiling: float, objective: Objective) -> float | None:
    """The share of the gap between baseline and ceiling that is closed; None when the ceiling is not better.

    >>> round(share_closed(0.85, 0.80, 0.90, Objective.SPEARMAN), 3), share_closed(3, 4, 5, Objective.RANK_RMSE)
    (0.5, None)
    """
    sign = -1 if objective.direction is Direction.MINIMIZE else 1
    gap = sign * (ceiling - baseline)
    return sign * (stack - baseline) / gap if gap > 0 else None


def _table(metrics: RunMetrics) -> str:
    headers = ["objective", "best baseline", "its value", STACK, *metrics.ceilings, "closed"]
    rows = []
    for objective in Objective:
        known = [number(scores.of(objective)) for scores in metrics.ceilings.values()]
        found = compare(rankers(metrics), objective)
        own = [found.baseline, number(found.baseline_value), number(found.stack)] if found else [MISSING] * 3
        rows.append([objective.value, *own, *known, _closed(rankers(metrics), metrics.ceilings, objective)])
    return table(headers, rows, text_columns=2)


def _by_third(metrics: RunMetrics) -> str:
    thirds = [third for third in THIRDS if third in metrics.ceilings_by_third and third in metrics.by_third]
    rows = [
        [o.value, *(_closed(metrics.by_third[third], metrics.ceilings_by_third[third], o) for third in thirds)]
        for o in Objective
    ]
    return table(["closed, by third of the season", *thirds], rows) if thirds else ""


def _closed(scores: Table, ceilings: Table, objective: Objective) -> str:
    found, best = compare(scores, objective), best_ranker(ceilings, objective)
    if found is None or best is None:
        return MISSING
    share = share_closed(found.stack, found.baseline_value, ceilings[best].of(objective), objective)
    return MISSING if share is None else f"{100 * share:.0f} %"
