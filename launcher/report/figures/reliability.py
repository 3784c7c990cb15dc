"""The reliability chart of championship odds: how often what was given a probability came true.

Surprising: both axes show the square root of the probability, because nearly all teams have a small one.
"""

from __future__ import annotations

from truestrength.launcher.report.figures.contents import ReliabilityPanel, ReliabilityPlot
from truestrength.launcher.report.figures.style import (
    BLUE,
    DASHES,
    GREY,
    LINE,
    VERMILION,
    Node,
    Rows,
    beside,
    dots,
    layer,
    told_apart,
    x,
    y,
)
from truestrength.trainer.contract.records.odds import ReliabilityBin

TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
RELIABLE, HELD_OUT = "perfectly reliable", "held-out season"


def reliability_chart(plot: ReliabilityPlot) -> Node:
    """A panel a run."""
    return beside([_panel(panel) for panel in plot.panels])


def _panel(panel: ReliabilityPanel) -> Node:
    validation = f"validation ({panel.champions} champion{'s' if panel.champions > 1 else ''})"
    looks = {RELIABLE: (GREY, LINE), validation: (BLUE, "circle")}
    if panel.held_out:
        looks[HELD_OUT] = (VERMILION, "diamond")
    color, shape = told_apart(looks, {"orient": "bottom", "columns": 3})
    counted = _rows(panel.validation, validation)
    rows = [*counted, *_rows(panel.held_out, HELD_OUT)]
    most = max((max(one.predicted, one.observed) for one in (*panel.validation, *panel.held_out)), default=1.0)
    ticks = [tick for tick in TICKS if tick <= most] + [tick for tick in TICKS if tick > most][:1]
    look: Node = {
        "scale": {"type": "sqrt", "domain": [0, ticks[-1]], "nice": False},
        "axis": {"values": ticks, "format": "~g"},
    }
    words = ["probability of the title, mean of the bin", "(above a point: different teams in the bin)"]
    place = x("predicted", "quantitative", words, **look) | y(
        "observed", "quantitative", "share whose team won the title", **look
    )
    diagonal: Rows = [{"predicted": v, "observed": v, "series": RELIABLE} for v in (0, ticks[-1])]
    number = {"text": {"field": "teams", "type": "quantitative"}}
    layers = [
        layer(diagonal, {"type": "line", "strokeDash": DASHES, "strokeWidth": 1.2}, place, color),
        layer(rows, {"type": "line", "strokeWidth": 1.3}, place, color),
        layer(rows, dots(55), place, color, shape),
        layer(counted, {"type": "text", "dy": -10, "fontSize": 10}, place, number),
    ]
    return {"title": panel.title, "width": 320, "height": 320, "layer": layers}


def _rows(bins: tuple[ReliabilityBin, ...], series: str) -> Rows:
    return [
        {"predicted": one.predicted, "observed": one.observed, "teams": one.seasons_of_teams, "series": series}
        for one in bins
    ]
