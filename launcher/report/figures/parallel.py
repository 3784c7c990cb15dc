"""The charts of runs side by side: parallel axes, and the objectives against each other."""

from __future__ import annotations

import json

from truestrength.launcher.report.figures.style import (
    BLUE,
    NAMES,
    VERMILION,
    Node,
    Rows,
    dots,
    layer,
    mark,
    told_apart,
    x,
    y,
)
from truestrength.launcher.report.figures.together import FrontPlot, ParallelAxis, ParallelPlot
from truestrength.trainer.contract.words import Objective

FRONT, OTHERS = "beaten by no other run", "other runs"
LOOKS = {OTHERS: (BLUE, "circle"), FRONT: (VERMILION, "diamond")}
STEP, HEIGHT = 78, 240
"""Between axes, and of one, in pixels."""
LARGE = 5
"""An axis of a choice among more values names the first and the last."""


def parallel_chart(plot: ParallelPlot) -> Node:
    """A line a run. An axis's mark says what it is, for those who choose runs by it."""
    last = len(plot.axes) - 1
    place = x("axis", "quantitative", None, axis=None, scale={"domain": [-0.5, last + 0.5], "nice": False})
    height = y("place", "quantitative", None, axis=None, scale={"domain": [0, 1], "nice": False})
    rows: Rows = [
        {"axis": i, "place": at, "mark": f"#{line.run}", "series": FRONT if line.front else OTHERS}
        for line in sorted(plot.lines, key=lambda line: line.front)
        for i, at in enumerate(line.places)
    ]
    color, _ = told_apart(LOOKS, {"orient": "bottom"})
    detail: Node = {"detail": {"field": "mark", "type": "nominal"}}
    ends: Rows = [
        {"axis": i, "place": 0, "top": 1, "mark": "#" + json.dumps(_described(plot, axis))}
        for i, axis in enumerate(plot.axes)
    ]
    rule = {"type": "rule", "strokeWidth": 1.5, "color": "#888888"}
    layers = [
        layer(rows, {"type": "line", "strokeWidth": 1.2, "opacity": 0.6}, place, height, color, detail, mark()),
        layer(ends, rule, place, height, {"y2": {"field": "top"}}, mark()),
        *_labels(plot, place, height),
    ]
    return {"width": STEP * len(plot.axes), "height": HEIGHT, "layer": layers}


def _described(plot: ParallelPlot, axis: ParallelAxis) -> Node:
    ends = {"values": axis.values} if axis.kind == "choice" else {"low": axis.low, "high": axis.high}
    return {"target": plot.target, "axis": axis.name, "kind": axis.kind, **ends}


def _labels(plot: ParallelPlot, place: Node, height: Node) -> list[Node]:
    names: Rows = [{"axis": i, "place": 1, "text": _named(axis.name)} for i, axis in enumerate(plot.axes)]
    ticks: Rows = [
        {"axis": i, "place": at, "text": text} for i, axis in enumerate(plot.axes) for at, text in _ticks(axis)
    ]
    text: Node = {"text": {"field": "text", "type": "nominal"}}
    slanted = {"type": "text", "angle": 335, "align": "left", "dy": -12, "dx": -4, "fontSize": 11}
    beside = {"type": "text", "align": "left", "dx": 5, "fontSize": 9, "color": "#555555"}
    return [layer(names, slanted, place, height, text), layer(ticks, beside, place, height, text)]


def _named(name: str) -> str:
    known = {objective.value: NAMES[objective] for objective in Objective}
    return known[name].removesuffix(", places") if name in known else name


def _ticks(axis: ParallelAxis) -> list[tuple[float, str]]:
    if axis.kind != "choice":
        return (
            [(0, f"{axis.low:.4g}"), (1, f"{axis.high:.4g}")] if axis.low != axis.high else [(0.5, f"{axis.low:.4g}")]
        )
    last = len(axis.values) - 1
    if not last:
        return [(0.5, axis.values[0])]
    shown = range(last + 1) if last < LARGE else (0, last)
    return [(i / last, axis.values[i]) for i in shown]


def front_chart(plot: FrontPlot) -> Node:
    """A triangle of panels; runs that no other one beats are large."""
    known = [o for o in Objective if any(o in point.values for point in plot.points)]
    lines = []
    for row, upper in enumerate(known[1:], start=1):
        panels = [_against(plot, lower, upper, last=row == len(known) - 1) for lower in known[:row]]
        lines.append({"hconcat": panels, "spacing": 10})
    return {"vconcat": lines, "spacing": 10, "resolve": {"scale": {"color": "shared", "shape": "shared"}}}


def _against(plot: FrontPlot, lower: Objective, upper: Objective, *, last: bool) -> Node:
    rows: Rows = [
        {
            "x": point.values[lower],
            "y": point.values[upper],
            "mark": f"#{point.run}",
            "series": FRONT if point.front else OTHERS,
        }
        for point in sorted(plot.points, key=lambda point: point.front)
        if lower in point.values and upper in point.values
    ]
    color, shape = told_apart(LOOKS, {"orient": "bottom"})
    look = {"scale": {"zero": False, "padding": 6, "nice": False}}
    ticks: Node = {"tickCount": 3, "format": "~g", "grid": False, "labelOverlap": "greedy"}
    place = x("x", "quantitative", NAMES[lower] if last else None, **look, axis={**ticks, "labels": last})
    first = lower is next(iter(Objective))
    height = y("y", "quantitative", NAMES[upper] if first else None, **look, axis={**ticks, "labels": first})
    of_front = f"datum.series == '{FRONT}'"
    large: Node = {
        "size": {"condition": {"test": of_front, "value": 60}, "value": 14},
        "opacity": {"condition": {"test": of_front, "value": 1}, "value": 0.6},
    }
    return {"width": 112, "height": 92, **layer(rows, dots(14), place, height, color, shape, large, mark())}
