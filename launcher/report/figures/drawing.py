"""How the report's charts look: each takes plain data and returns a Vega-Lite chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
from altair.typing import ChartType

from launcher.report.figures.contents import (
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
from launcher.report.figures.rankers import rankers_chart, thirds_chart
from launcher.report.figures.reliability import reliability_chart
from launcher.report.figures.style import (
    BLACK,
    BLUE,
    CONFIG,
    CYCLE,
    DASHES,
    GREY,
    LINE,
    SHAPES,
    VERMILION,
    Rows,
    axis_label,
    data,
    told_apart,
    two_lines,
    values_axis,
)
from launcher.report.trials import parameter_names
from trainer.contract.words import Objective

BEST = "best so far"


def draw(drawing: Drawing) -> ChartType:
    """The chart that shows `drawing`."""
    chart = _chart(drawing)
    return chart.configure(**CONFIG)


def _chart(drawing: Drawing) -> ChartType:
    match drawing:
        case TrialPlot():
            panels = (_trial_panel(panel, drawing.objective) for panel in drawing.panels)
            return alt.hconcat(*panels).resolve_scale(color="independent", shape="independent")
        case ParameterPlot():
            return _parameters(drawing)
        case RankerPlot():
            return rankers_chart(drawing)
        case ThirdsPlot():
            return thirds_chart(drawing)
        case ReliabilityPlot():
            return reliability_chart(drawing)
        case ImportanceMap():
            return _importances(drawing)


def _trial_panel(panel: TrialPanel, objective: Objective) -> ChartType:
    groups = panel.groups or ("trial",) * len(panel.slots)
    looks = {name: (CYCLE[i % 8], SHAPES[i % 8]) for i, name in enumerate(sorted(set(groups)))}
    looks[BEST] = (VERMILION, LINE)
    baseline = f"best baseline ({panel.baseline})"
    if panel.baseline_value is not None:
        looks[baseline] = (GREY, LINE)
    color, shape = told_apart(looks, alt.Legend(orient="bottom", columns=2 if panel.groups else 3))
    x = alt.X("slot:Q", title="trial (slot)", scale=alt.Scale(zero=False, nice=False, padding=10))
    x = x.axis(tickMinStep=1, format="d", grid=False)
    y = values_axis(two_lines(f"{axis_label(objective)}, validation"))
    best = _points(panel.slots, panel.best_so_far, (BEST,) * len(panel.slots))
    layers = [
        alt.Chart(data(best)).mark_line(interpolate="step-after", strokeWidth=1.5).encode(x, y, color),
        alt.Chart(data(_points(panel.slots, panel.values, groups))).mark_point(filled=True, size=45, opacity=1)
        .encode(x, y, color, shape),
    ]  # fmt: skip
    if panel.baseline_value is not None:
        line: Rows = [{"value": panel.baseline_value, "series": baseline}]
        layers.append(alt.Chart(data(line)).mark_rule(strokeDash=DASHES, strokeWidth=1.3).encode(y, color))
    title = panel.title + (f", best: {panel.best_run}" if panel.best_run else "")
    return alt.layer(*layers, title=title, width=330, height=200)


def _points(slots: Sequence[int], values: Sequence[float | None], series: Sequence[str]) -> Rows:
    return [
        {"slot": slot, "value": _number(value), "series": name}
        for slot, value, name in zip(slots, values, series, strict=True)
    ]


def _parameters(plot: ParameterPlot) -> ChartType:
    names = list(dict.fromkeys(name for row in plot.rows for name in row.parameters))
    lines = []
    for row in plot.rows:
        there = [name for name in names if row.parameters.get(name)]
        panels = [_parameter_panel(row, name, plot.objective if name == there[0] else None) for name in there]
        lines.append(alt.hconcat(*panels, title=f"{row.title} (large diamond: best run)", spacing=14))
    return alt.vconcat(*lines)


def _parameter_panel(row: ParameterRow, name: str, objective: Objective | None) -> ChartType:
    """Value by one parameter; the first of a row (which has the `objective`) names the values."""
    settings = row.parameters[name]
    rows: Rows = [{"setting": s, "value": _number(v)} for s, v in zip(settings, row.values, strict=True)]
    if all(isinstance(setting, float) for setting in settings):
        x = alt.X("setting:Q", title=name, scale=alt.Scale(zero=False, nice=False, padding=10))
        x = x.axis(_few_ticks([float(setting) for setting in settings]))
    else:
        x = alt.X("setting:N", title=name, axis=alt.Axis(labelAngle=-35))
    y = values_axis(two_lines(axis_label(objective)) if objective else None)
    layers = [alt.Chart(data(rows)).mark_point(filled=True, size=25, color=BLUE, opacity=1).encode(x, y)]
    if row.best is not None:
        best = alt.Chart(data([rows[row.best]]))
        layers.append(
            best.mark_point(shape="diamond", filled=True, size=130, color=VERMILION, stroke="white", opacity=1).encode(
                x, y
            )
        )
    return alt.layer(*layers, width=115, height=110)


def _few_ticks(numbers: list[float]) -> alt.Axis:
    """Of a small panel: whole numbers have no ticks between them."""
    if not all(number.is_integer() for number in numbers):
        return alt.Axis(tickCount=3, format="~g", grid=False)
    low, high = min(numbers), max(numbers)
    return alt.Axis(values=sorted({low, (low + high) // 2, high}), format="d", grid=False)


def _importances(plot: ImportanceMap) -> ChartType:
    names = parameter_names(name for shares in plot.shares.values() for name in shares)
    rows: Rows = [
        {"sweep": sweep, "parameter": name, "share": share}
        for sweep, shares in plot.shares.items()
        for name, share in shares.items()
    ]
    x = alt.X("parameter:N", sort=names, title=None, axis=alt.Axis(labelAngle=-20))
    y = alt.Y("sweep:N", sort=list(plot.shares), title=None)
    shade = alt.Color("share:Q", scale=alt.Scale(scheme="blues", domain=[0, 1])).title("share of importance")
    base = alt.Chart(data(rows)).encode(x, y)
    dark = alt.condition("datum.share > 0.55", alt.value("white"), alt.value(BLACK))
    text = base.mark_text(fontSize=11).encode(text=alt.Text("share:Q", format=".2f"), color=dark)
    return alt.layer(base.mark_rect().encode(shade), text, width=alt.Step(70), height=alt.Step(24))


def _number(value: float | None) -> float | None:
    """None leaves a gap; JSON knows no NaN."""
    return None if value is None or math.isnan(value) else value
