"""How the report's charts look: each takes plain data and returns a Vega-Lite description.

Plain dictionaries: Altair's objects would take twice as long to build as the charts take to be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from truestrength.launcher.report.figures.contents import (
    Drawing,
    ImportanceMap,
    ParameterPlot,
    ParameterRow,
    RankerPlot,
    ReliabilityPlot,
    ThirdsPlot,
    TrialPanel,
    TrialPlot,
)
from truestrength.launcher.report.figures.course import course_chart
from truestrength.launcher.report.figures.gains import gains_chart
from truestrength.launcher.report.figures.parallel import front_chart, parallel_chart
from truestrength.launcher.report.figures.rankers import rankers_chart, thirds_chart
from truestrength.launcher.report.figures.reliability import reliability_chart
from truestrength.launcher.report.figures.standing import CoursePlot, GainPlot
from truestrength.launcher.report.figures.style import (
    BLACK,
    BLUE,
    CONFIG,
    CYCLE,
    DASHES,
    GREEN,
    GREY,
    LINE,
    SHAPES,
    VERMILION,
    Node,
    Rows,
    axis_label,
    beside,
    dots,
    layer,
    mark,
    told_apart,
    two_lines,
    values,
    x,
    y,
)
from truestrength.launcher.report.figures.timeline import timeline_chart
from truestrength.launcher.report.figures.together import FrontPlot, ParallelPlot
from truestrength.launcher.report.figures.workers import WorkerPlot
from truestrength.launcher.report.trials import parameter_names
from truestrength.trainer.contract.words import Objective

BEST = "best so far"
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def draw(drawing: Drawing) -> Node:
    """The description of the chart that shows `drawing`."""
    return {"$schema": SCHEMA, "config": CONFIG, **_chart(drawing)}


def _chart(drawing: Drawing) -> Node:
    match drawing:
        case TrialPlot():
            chart = beside([_trial_panel(panel, drawing.objective) for panel in drawing.panels])
        case ParameterPlot():
            chart = _parameters(drawing)
        case RankerPlot():
            chart = rankers_chart(drawing)
        case ThirdsPlot():
            chart = thirds_chart(drawing)
        case ReliabilityPlot():
            chart = reliability_chart(drawing)
        case GainPlot():
            chart = gains_chart(drawing)
        case CoursePlot():
            chart = course_chart(drawing)
        case ImportanceMap():
            chart = _importances(drawing)
        case ParallelPlot():
            chart = parallel_chart(drawing)
        case FrontPlot():
            chart = front_chart(drawing)
        case WorkerPlot():
            chart = timeline_chart(drawing)
    return chart


def _trial_panel(panel: TrialPanel, objective: Objective) -> Node:
    groups = panel.groups or ("trial",) * len(panel.slots)
    looks = {name: (CYCLE[i % 8], SHAPES[i % 8]) for i, name in enumerate(sorted(set(groups)))}
    looks[BEST] = (VERMILION, LINE)
    looks |= {name: (color, LINE) for name, color in zip(panel.levels, (GREY, GREEN), strict=False)}
    color, shape = told_apart(looks, {"orient": "bottom", "columns": 2})
    axis = {"tickMinStep": 1, "format": "d", "grid": False}
    slot = x("slot", "quantitative", "trial (slot)", axis=axis, scale={"zero": False, "nice": False, "padding": 10})
    value = values(two_lines(f"{axis_label(objective)}, validation"))
    best = [
        {"slot": s, "value": _number(v), "series": BEST} for s, v in zip(panel.slots, panel.best_so_far, strict=True)
    ]
    points = _points(panel, groups)
    hollow = {"type": "point", "filled": False, "size": 40, "strokeWidth": 1.6, "opacity": 1}
    layers = [
        layer(best, {"type": "line", "interpolate": "step-after", "strokeWidth": 1.5}, slot, value, color),
        layer(points[: _designed(panel)], hollow, slot, value, color, shape, mark()),
        layer(points[_designed(panel) :], dots(45), slot, value, color, shape, mark()),
    ]
    for name, level in panel.levels.items():
        line: Rows = [{"value": level, "series": name}]
        layers.append(layer(line, {"type": "rule", "strokeDash": DASHES, "strokeWidth": 1.3}, value, color))
    title = panel.title + (f", best: {panel.best_run}" if panel.best_run else "")
    return {"title": title, "width": 330, "height": 200, "layer": layers}


def _points(panel: TrialPanel, series: Sequence[str]) -> Rows:
    return [
        {"slot": slot, "value": _number(value), "series": name, "mark": f"#{run}"}
        for run, slot, value, name in zip(panel.runs, panel.slots, panel.values, series, strict=True)
    ]


def _designed(panel: TrialPanel) -> int:
    """How many of the points are of the start design: slots are in order."""
    return sum(slot < panel.designed for slot in panel.slots)


def _parameters(plot: ParameterPlot) -> Node:
    names = list(dict.fromkeys(name for row in plot.rows for name in row.parameters))
    lines = []
    for row in plot.rows:
        there = [name for name in names if any(setting is not None for setting in row.parameters.get(name, ()))]
        panels = [_parameter_panel(row, name, plot.objective if name == there[0] else None) for name in there]
        lines.append({"title": f"{row.title} (large diamond: best run)", "spacing": 14, "hconcat": panels})
    return {"vconcat": lines}


def _parameter_panel(row: ParameterRow, name: str, objective: Objective | None) -> Node:
    """Value by one parameter; the first of a row (which has the `objective`) names the values."""
    own = list(zip(row.parameters[name], row.values, row.runs, strict=True))
    settings = [setting for setting, _, _ in own if setting is not None]
    rows: Rows = [{"setting": s, "value": _number(v), "mark": f"#{run}"} for s, v, run in own if s is not None]
    if all(isinstance(setting, float) for setting in settings):
        scale = {"zero": False, "nice": False, "padding": 10}
        axis = _few_ticks([float(setting) for setting in settings])
        place = x("setting", "quantitative", name, scale=scale, axis=axis)
    else:
        place = x("setting", "nominal", name, axis={"labelAngle": -35})
    value = values(two_lines(axis_label(objective)) if objective else None)
    layers = [layer(rows, dots(25, color=BLUE), place, value, mark())]
    if row.best is not None and (setting := own[row.best][0]) is not None:
        best: Rows = [{"setting": setting, "value": _number(own[row.best][1]), "mark": f"#{own[row.best][2]}"}]
        layers.append(layer(best, dots(130, shape="diamond", color=VERMILION, stroke="white"), place, value, mark()))
    return {"width": 115, "height": 110, "layer": layers}


def _few_ticks(numbers: list[float]) -> Node:
    """Of a small panel: whole numbers have no ticks between them."""
    if not all(number.is_integer() for number in numbers):
        return {"tickCount": 3, "format": "~g", "grid": False}
    low, high = min(numbers), max(numbers)
    return {"values": sorted({low, (low + high) // 2, high}), "format": "d", "grid": False}


def _importances(plot: ImportanceMap) -> Node:
    names = parameter_names(name for shares in plot.shares.values() for name in shares)
    rows: Rows = [
        {"sweep": sweep, "parameter": name, "share": share}
        for sweep, shares in plot.shares.items()
        for name, share in shares.items()
    ]
    place = x("parameter", "nominal", None, sort=names, axis={"labelAngle": -20})
    sweeps = y("sweep", "nominal", None, sort=list(plot.shares))
    share: Node = {"field": "share", "type": "quantitative"}
    shade = {**share, "title": "share of importance", "scale": {"scheme": "blues", "domain": [0, 1]}}
    dark = {"condition": {"test": "datum.share > 0.55", "value": "white"}, "value": BLACK}
    layers = [
        layer(rows, "rect", place, sweeps, {"color": shade}),
        layer(rows, "text", place, sweeps, {"text": {**share, "format": ".2f"}, "color": dark}),
    ]
    return {"width": {"step": 70}, "height": {"step": 24}, "layer": layers}


def _number(value: float | None) -> float | None:
    """None leaves a gap; JSON knows no NaN."""
    return None if value is None or math.isnan(value) else value
