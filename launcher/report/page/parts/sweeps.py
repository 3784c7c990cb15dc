"""The second part: what is there of each sweep, its best run, and how that stands against the baselines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from launcher.report.markdown import MISSING, number, setting, signed
from launcher.report.page.facts import Facts, Part, link
from launcher.report.sections.headline import ended_said, standing_said
from launcher.report.sections.objectives import objective_section
from launcher.report.trials import Comparison, Sweep, Trial, against, best_trial, compare, rankers
from trainer.contract.records.metrics import EXPECTED
from trainer.contract.sweep.axes import axes


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
    return row | (_best(best, sweep) if best else {})


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


def _best(best: Trial, sweep: Sweep) -> dict[str, str]:
    objective = sweep.spec.objective
    scores = rankers(best.metrics) if best.metrics else {}
    rival = compare(scores, objective)
    return {
        "value": number(best.score(objective), 4),
        "run": best.run,
        "baseline": f"{_gain(rival, best)} {rival.baseline}" if rival else MISSING,
        "untrained": _gain(against(scores, EXPECTED, objective), best),
    }


def _gain(found: Comparison | None, best: Trial) -> str:
    """How much better a run is, with the 95 % interval where it is known."""
    if found is None or best.metrics is None:
        return MISSING
    gain = best.metrics.gains.get(found.baseline, {}).get(found.objective)
    interval = f" ({signed(gain.low, 4)} to {signed(gain.high, 4)})" if gain else ""
    return f"{signed(found.gain, 4)}{interval}"
