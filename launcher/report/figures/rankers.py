"""The charts of one run's models beside the baselines: on the whole season by objective, and by third of it."""

from __future__ import annotations

import math
from statistics import median
from typing import NamedTuple

import altair as alt
from altair.typing import ChartType

from launcher.report.figures.contents import RankerPlot, ThirdsPanel, ThirdsPlot
from launcher.report.figures.style import (
    BLACK,
    BLUE,
    CYCLE,
    DASHES,
    LINE,
    ORANGE,
    SHAPES,
    Rows,
    axis_label,
    data,
    told_apart,
    values_axis,
)
from launcher.report.trials import is_model
from trainer.contract.records.metrics import STACK
from trainer.contract.words import Objective

MODEL, BASELINE, HELD_OUT, LEVEL = "model, validation", "baseline, validation", "held-out season", "stack, validation"
LOOKS = {MODEL: (BLUE, "circle"), BASELINE: (ORANGE, "circle"), HELD_OUT: (BLACK, "diamond"), LEVEL: (BLUE, LINE)}


class Clip(NamedTuple):
    """One baseline that is so far off that all others would run together: its values are written down instead."""

    ranker: str
    domain: tuple[float, float]
    """Of the axis without it."""
    text: str
    left: bool


def rankers_chart(plot: RankerPlot) -> ChartType:
    """A panel an objective, a row a ranker."""
    panels = [_ranker_panel(plot, objective) for objective in Objective]
    title = f"{plot.title}: models and baselines"
    return alt.concat(*panels, columns=3, title=title).resolve_scale(color="shared", shape="shared")


def _ranker_panel(plot: RankerPlot, objective: Objective) -> ChartType:
    names = list(plot.validation)
    values = {name: plot.validation[name].of(objective) for name in names}
    read = plot.held_out or {}
    held_out = {name: read[name].of(objective) for name in names if name in read}
    clip = outlier(values, held_out)
    rows: Rows = [{"ranker": n, "value": v, "series": MODEL if is_model(n) else BASELINE} for n, v in values.items()]
    rows += [{"ranker": n, "value": v, "series": HELD_OUT} for n, v in held_out.items()]
    looks = {name: look for name, look in LOOKS.items() if name != HELD_OUT or plot.held_out}
    color, shape = told_apart(looks, alt.Legend(orient="bottom", columns=4))
    scale = alt.Scale(zero=False, nice=False, padding=8) if clip is None else alt.Scale(domain=clip.domain, nice=False)
    x = alt.X("value:Q", title=axis_label(objective), scale=scale, axis=alt.Axis(tickCount=5, format="~g"))
    y = alt.Y("ranker:N", sort=names, title=None, scale=alt.Scale(domain=names), axis=alt.Axis(grid=True))
    shown = data([row for row in rows if clip is None or row["ranker"] != clip.ranker])
    layers = [alt.Chart(shown).mark_point(filled=True, size=55, opacity=1).encode(x, y, color, shape)]
    if STACK in values:
        line: Rows = [{"value": values[STACK], "series": LEVEL}]
        layers.append(alt.Chart(data(line)).mark_rule(strokeDash=[2, 2]).encode(x, color))
    if clip:
        layers.append(_written_down(clip, x, y))
    return alt.layer(*layers, width=210, height=16 * len(names) + 10)


def _written_down(clip: Clip, x: alt.X, y: alt.Y) -> ChartType:
    place: Rows = [{"ranker": clip.ranker, "value": clip.domain[0 if clip.left else 1], "text": clip.text}]
    return alt.Chart(data(place)).mark_text(align="left" if clip.left else "right", dx=2).encode(x, y, text="text:N")


def outlier(values: dict[str, float], held_out: dict[str, float]) -> Clip | None:
    """The baseline to write down at the edge, if there is one; a model never is.

    Args:
        values: On the validation seasons, by ranker.
        held_out: On the held-out season, of those that have it.
    """
    baselines = [name for name in values if not is_model(name)]
    if not baselines or len(values) < 3:
        return None
    middle = median(values.values())
    far = max(baselines, key=lambda name: abs(values[name] - middle))
    own = [table[far] for table in (values, held_out) if far in table]
    others = [value for table in (values, held_out) for name, value in table.items() if name != far]
    low, high = min(others), max(others)
    margin = 0.25 * (high - low)
    left, right = max(own) < low - 3 * margin, min(own) > high + 3 * margin
    if math.isclose(margin, 0) or not (left or right):
        return None
    said = " / ".join(f"{value:.3f}" for value in own)
    return Clip(far, (low - margin, high + margin), f"< {said}" if left else f"{said} >", left)


def thirds_chart(plot: ThirdsPlot) -> ChartType:
    """A row an objective, a column a run."""
    names = list(dict.fromkeys(name for panel in plot.panels for table in panel.thirds.values() for name in table))
    baselines = [name for name in names if not is_model(name)]
    looks = {name: (CYCLE[1:][i % 7], SHAPES[1:][i % 7]) for i, name in enumerate(baselines)}
    if STACK in names:
        looks[STACK] = (BLUE, "circle")
    panels = [
        _thirds_panel(panel, objective, looks)
        for objective in (Objective.SPEARMAN, Objective.RANK_RMSE)
        for panel in plot.panels
    ]
    return alt.concat(*panels, columns=len(plot.panels)).resolve_scale(color="shared", shape="shared")


def _thirds_panel(panel: ThirdsPanel, objective: Objective, looks: dict[str, tuple[str, str]]) -> ChartType:
    color, shape = told_apart(looks, alt.Legend(orient="right"))
    x = alt.X(
        "third:N", title="third of the season", sort=list(panel.thirds), scale=alt.Scale(domain=list(panel.thirds))
    )
    x = x.axis(labelAngle=0)
    y = values_axis(axis_label(objective))
    rows: Rows = [
        {"third": third, "value": table[name].of(objective), "series": name}
        for third, table in panel.thirds.items()
        for name in looks
        if name in table
    ]
    stack = alt.Chart(data([row for row in rows if row["series"] == STACK]))
    others = alt.Chart(data([row for row in rows if row["series"] != STACK]))
    return alt.layer(
        others.mark_line(strokeDash=DASHES, strokeWidth=1.2).encode(x, y, color),
        others.mark_point(filled=True, size=35, opacity=1).encode(x, y, color, shape),
        stack.mark_line(strokeWidth=2.5).encode(x, y, color),
        stack.mark_point(filled=True, size=60, opacity=1).encode(x, y, color, shape),
        title=panel.title,
        width=300,
        height=190,
    )
