"""The chart of gains: how much better the best run of each sweep is, a dot with its interval, against a line at zero.

Surprising: it has up to four panels, each with an axis of its own. `rank_rmse` is in places, the other objectives lie
between -1 and 1; and what training adds is often a hundredth of what separates a run from a baseline. To the right of
zero the run is better, by every objective.
"""

from __future__ import annotations

from truestrength.launcher.report.figures.standing import BEST_BASELINE, UNTRAINED, GainPlot, GainRow
from truestrength.launcher.report.figures.style import BLUE, GREY, Node, Rows, dots, layer, mark, x, y
from truestrength.trainer.contract.words import Objective

ROW = 28
"""Pixels of a sweep."""
TITLES = {BEST_BASELINE: "against the best baseline", UNTRAINED: "against the ranking without training"}


def gains_chart(plot: GainPlot) -> Node:
    """A row a sweep; a column for each of the two rankers."""
    rows: list[Node] = []
    for in_places in (False, True):
        alike = [row for row in plot.rows if _in_places(row) is in_places]
        names = list(dict.fromkeys(row.sweep for row in alike))
        panels: list[Node] = []
        for other in TITLES:
            if found := [row for row in alike if row.against == other]:
                panels.append(_panel(found, other, names, named=not panels))
        rows += [{"hconcat": panels}] if panels else []
    return {"vconcat": rows}


def _in_places(row: GainRow) -> bool:
    return row.objective is Objective.RANK_RMSE


def _panel(found: list[GainRow], other: str, names: list[str], *, named: bool) -> Node:
    """One of them; the first of a row names the sweeps."""
    rows: Rows = [
        {
            "sweep": row.sweep,
            "gain": row.gain,
            "low": row.gain if row.low is None else row.low,
            "high": row.gain if row.high is None else row.high,
            "mark": f"#{row.run}",
        }
        for row in found
    ]
    unit = "gain in rank RMSE, places" if _in_places(found[0]) else "gain in the sweep's objective"
    value = x("gain", "quantitative", [unit, "(right of 0: better)"], axis={"tickCount": 5})
    axis: Node = {"grid": True} if named else {"grid": True, "labels": False, "ticks": False}
    place = y("sweep", "nominal", None, sort=names, scale={"domain": names}, axis=axis)
    ends: Node = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
    layers = [
        layer([{"gain": 0}], {"type": "rule", "color": GREY, "strokeWidth": 1.5}, value),
        layer(rows, {"type": "rule", "strokeWidth": 2, "color": BLUE}, value | ends, place),
        layer(rows, dots(55, color=BLUE), value, place, mark()),
    ]
    return {"title": TITLES[other], "width": 290, "height": {"step": ROW}, "layer": layers}
