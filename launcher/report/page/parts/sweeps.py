"""The second part: what is there of each sweep, its best run, and how that stands against the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from truestrength.launcher.report.markdown import MISSING, number, setting
from truestrength.launcher.report.page.facts import Facts, Part, link
from truestrength.launcher.report.sections.gains import gains_said
from truestrength.launcher.report.sections.headline import GAINS_SHOW, ended_said, standing_said
from truestrength.launcher.report.sections.objectives import objective_section
from truestrength.launcher.report.trials import Sweep, Trial, best_trial
from truestrength.trainer.contract.sweep.axes import axes
from truestrength.trainer.contract.words import Objective


class Stretch(NamedTuple):
    """A piece of the bar that shows a sweep's budget."""

    kind: str
    """The class of its colour."""
    slots: int
    percent: float


def part(facts: Facts) -> Part:
    """How far the sweeps are, and by objective the best run of each, with its parameters."""
    objectives = dict.fromkeys(sweep.spec.objective for sweep in facts.sweeps)
    begun = {sweep.spec.batch_id: sweep for sweep in facts.sweeps}
    grid = axes([sweep.spec for sweep in facts.sweeps])
    cells = {name: ", ".join(setting(column[i]) for column in grid.values()) for i, name in enumerate(begun)}
    data = {
        "there": standing_said(facts.sweeps, facts.planned),
        "rows": [_row(facts, name, begun.get(name), cells.get(name, "")) for name in facts.planned],
        "gains_show": GAINS_SHOW,
        "objectives": [objective_section(objective, facts.sweeps, {}) for objective in objectives],
    }
    return Part("sweeps", "Sweeps", data)


def _row(facts: Facts, name: str, sweep: Sweep | None, cell: str) -> dict[str, Any]:
    """Of the table; a sweep that is not registered has nothing but its name."""
    page = quote(link(facts, facts.outputs.sweep(name).page)) if sweep and not facts.sweep else ""
    row: dict[str, Any] = {"sweep": name, "page": page, "cell": cell, "bar": [], "said": "not begun"}
    row |= dict.fromkeys(("failed", "value", "run", "baseline", "untrained"), MISSING)
    if sweep is None:
        return row
    stretches = list(_stretches(sweep))
    said = f"{sweep.standing}: {', '.join(f'{one.slots} {one.kind}' for one in stretches)}"
    row |= {"bar": stretches, "said": said, "failed": ended_said(sweep.incomplete)}
    best = best_trial(sweep.ranked, sweep.spec.objective)
    return row | (_best(best, sweep.spec.objective) if best else {})


def _stretches(sweep: Sweep) -> Iterator[Stretch]:
    """The slots of the budget by what became of them."""
    done = len(sweep.complete) - len(sweep.missing)
    known = {
        "done": done,
        "running": sweep.running,
        "given up": sweep.given_up,
        "not needed": len(sweep.not_needed),
        "missing": len(sweep.missing),
    }
    known["waiting"] = max(0, sweep.spec.n_trials - sum(known.values()))
    for kind, count in known.items():
        if count:
            yield Stretch(kind, count, 100 * count / sweep.spec.n_trials)


def _best(best: Trial, objective: Objective) -> dict[str, str]:
    baseline, untrained = gains_said(best, objective)
    value = number(best.score(objective), 4)
    return {"value": value, "run": best.run, "baseline": baseline, "untrained": untrained}
