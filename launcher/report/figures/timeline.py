"""The chart of workers over time: a row a worker, a bar an attempt, coloured by how it ended.

Surprising: when within an attempt it waited for another worker's build is known to nobody, only how long: that part is
drawn at the bar's beginning, where the store is asked first.
"""

from __future__ import annotations

from truestrength.launcher.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    Node,
    dots,
    layer,
    mark,
    x,
    y,
)
from truestrength.launcher.report.figures.workers import DEAD, Bar, WorkerPlot

WAITED = "waited for another worker's build"
COLORS = {
    "complete": BLUE,
    "failed": VERMILION,
    DEAD: PURPLE,
    "released": GREEN,
    "superseded": GREY,
    WAITED: ORANGE,
}
"""No two that lie near each other on the page's dark ground, which makes them lighter."""
UNITS = ((3, "seconds", 60.0), (180, "minutes", 1.0), (float("inf"), "hours", 1 / 60))
"""Up to so many minutes; their name; how many make a minute."""
ROW = 16
"""Pixels of a worker."""
WIDTH = 620


def timeline_chart(plot: WorkerPlot) -> Node:
    """Bars, on them what was waited for, a cross where a death was noticed, a triangle where a slot came again."""
    names = [row.worker for row in plot.rows]
    last = max(bar.end for row in plot.rows for bar in row.bars)
    unit, times = next((name, times) for most, name, times in UNITS if last <= most)
    bars = [_row(row.worker, bar, times) for row in plot.rows for bar in row.bars]
    waits = [
        {**_row(row.worker, bar, times), "state": WAITED, "end": round(times * (bar.begin + bar.waited), 4)}
        for row in plot.rows
        for bar in row.bars
        if bar.waited > 0
    ]
    deaths = [_row(row.worker, bar, times) for row in plot.rows for bar in row.bars if bar.state == DEAD]
    again = [_row(row.worker, bar, times) for row in plot.rows for bar in row.bars if bar.again]
    there = [state for state in COLORS if any(row["state"] == state for row in (*bars, *waits))]
    scale: Node = {"domain": there, "range": [COLORS[state] for state in there]}
    legend: Node = {"orient": "bottom", "columns": 3, "symbolType": "square", "symbolStrokeWidth": 0}
    color: Node = {"color": {"field": "state", "type": "nominal", "title": None, "scale": scale, "legend": legend}}
    place = y("worker", "nominal", None, sort=names, scale={"domain": names}, axis={"labelLimit": 220})
    minutes = x("begin", "quantitative", f"{unit} since the first attempt began", scale={"nice": False, "zero": True})
    width: Node = {"x2": {"field": "end"}}
    end: Node = {"x": {"field": "end", "type": "quantitative"}}
    layers = [
        layer(
            bars,
            {"type": "bar", "height": 10, "stroke": "white", "strokeWidth": 0.5},
            minutes,
            width,
            place,
            color,
            mark(),
        ),
        layer(waits, {"type": "bar", "height": 10}, minutes, width, place, color, mark()),
        layer(
            deaths,
            {"type": "point", "shape": "cross", "angle": 45, "size": 60, "filled": True, "opacity": 1, "color": BLACK},
            end,
            place,
            mark(),
        ),
        layer(again, dots(40, shape="triangle-right", color=BLACK), minutes, place, mark()),
    ]
    return {
        "title": _title(plot),
        "width": WIDTH,
        "height": {"step": ROW},
        "layer": [one for one in layers if one["data"]["values"]],
    }


def _title(plot: WorkerPlot) -> str:
    shown = len(plot.rows)
    return "workers over time" if shown == plot.workers else f"workers over time: {shown} of {plot.workers}"


def _row(worker: str, bar: Bar, times: float) -> dict[str, float | str | None]:
    return {
        "worker": worker,
        "state": bar.state,
        "begin": round(times * bar.begin, 4),
        "end": round(times * bar.end, 4),
        "mark": f"#{bar.run}" if bar.attempts == 1 else None,
    }
