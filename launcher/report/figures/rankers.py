"""The charts of one run's models beside the baselines: on the whole season by objective, and by third of it."""

from __future__ import annotations

import math
from statistics import median
from typing import NamedTuple

from truestrength.launcher.report.figures.contents import RankerPlot, ThirdsPanel, ThirdsPlot
from truestrength.launcher.report.figures.style import (
    BLACK,
    BLUE,
    CYCLE,
    DASHES,
    LINE,
    ORANGE,
    SHAPES,
    Node,
    Rows,
    axis_label,
    dots,
    grid,
    layer,
    told_apart,
    values,
    x,
    y,
)
from truestrength.launcher.report.trials import is_model
from truestrength.trainer.contract.records.metrics import STACK
from truestrength.trainer.contract.words import Objective

MODEL, BASELINE, HELD_OUT, LEVEL = "model, validation", "baseline, validation", "held-out season", "stack, validation"
LOOKS = {MODEL: (BLUE, "circle"), BASELINE: (ORANGE, "circle"), HELD_OUT: (BLACK, "diamond"), LEVEL: (BLUE, LINE)}


class Clip(NamedTuple):
    """One baseline that is so far off that all others would run together: its values are written down instead."""

    ranker: str
    domain: tuple[float, float]
    """Of the axis without it."""
    text: str
    left: bool


def rankers_chart(plot: RankerPlot) -> Node:
    """A panel an objective, a row a ranker."""
    panels = [_ranker_panel(plot, objective) for objective in Objective]
    return grid(panels, 3, title=f"{plot.title}: models and baselines")


def _ranker_panel(plot: RankerPlot, objective: Objective) -> Node:
    names = list(plot.validation)
    found = {name: plot.validation[name].of(objective) for name in names}
    read = plot.held_out or {}
    held_out = {name: read[name].of(objective) for name in names if name in read}
    clip = outlier(found, held_out)
    rows: Rows = [{"ranker": n, "value": v, "series": MODEL if is_model(n) else BASELINE} for n, v in found.items()]
    rows += [{"ranker": n, "value": v, "series": HELD_OUT} for n, v in held_out.items()]
    looks = {name: look for name, look in LOOKS.items() if name != HELD_OUT or plot.held_out}
    color, shape = told_apart(looks, {"orient": "bottom", "columns": 4})
    extent: Node = {"zero": False, "padding": 8} if clip is None else {"domain": list(clip.domain)}
    axis = {"tickCount": 5, "format": "~g", "labelOverlap": "greedy", "labelSeparation": 8}
    value = x("value", "quantitative", axis_label(objective), scale={"nice": False, **extent}, axis=axis)
    ranker = y("ranker", "nominal", None, sort=names, scale={"domain": names}, axis={"grid": True})
    shown = [row for row in rows if clip is None or row["ranker"] != clip.ranker]
    layers = [layer(shown, dots(55), value, ranker, color, shape)]
    if STACK in found:
        line: Rows = [{"value": found[STACK], "series": LEVEL}]
        layers.append(layer(line, {"type": "rule", "strokeDash": [2, 2]}, value, color))
    if clip:
        place: Rows = [{"ranker": clip.ranker, "value": clip.domain[0 if clip.left else 1], "text": clip.text}]
        mark = {"type": "text", "align": "left" if clip.left else "right", "dx": 2 if clip.left else -2}
        layers.append(layer(place, mark, value, ranker, {"text": {"field": "text", "type": "nominal"}}))
    return {"width": 210, "height": 16 * len(names) + 10, "layer": layers}


def outlier(found: dict[str, float], held_out: dict[str, float]) -> Clip | None:
    """The baseline to write down at the edge, if there is one; a model never is.

    Args:
        found: On the validation seasons, by ranker.
        held_out: On the held-out season, of those that have it.
    """
    baselines = [name for name in found if not is_model(name)]
    if not baselines or len(found) < 3:
        return None
    middle = median(found.values())
    far = max(baselines, key=lambda name: abs(found[name] - middle))
    own = [table[far] for table in (found, held_out) if far in table]
    others = [value for table in (found, held_out) for name, value in table.items() if name != far]
    low, high = min(others), max(others)
    margin = 0.25 * (high - low)
    left, right = max(own) < low - 3 * margin, min(own) > high + 3 * margin
    if math.isclose(margin, 0) or not (left or right):
        return None
    said = " / ".join(f"{value:.3f}" for value in own)
    return Clip(far, (low - margin, high + margin), f"< {said}" if left else f"{said} >", left)


def thirds_chart(plot: ThirdsPlot) -> Node:
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
    return grid(panels, len(plot.panels))


def _thirds_panel(panel: ThirdsPanel, objective: Objective, looks: dict[str, tuple[str, str]]) -> Node:
    color, shape = told_apart(looks, {"orient": "right"})
    thirds = list(panel.thirds)
    place = x("third", "nominal", "third of the season", sort=thirds, scale={"domain": thirds}, axis={"labelAngle": 0})
    value = values(axis_label(objective))
    rows: Rows = [
        {"third": third, "value": table[name].of(objective), "series": name}
        for third, table in panel.thirds.items()
        for name in looks
        if name in table
    ]
    stack = [row for row in rows if row["series"] == STACK]
    others = [row for row in rows if row["series"] != STACK]
    layers = [
        layer(others, {"type": "line", "strokeDash": DASHES, "strokeWidth": 1.2}, place, value, color),
        layer(others, dots(35), place, value, color, shape),
        layer(stack, {"type": "line", "strokeWidth": 2.5}, place, value, color),
        layer(stack, dots(60), place, value, color, shape),
    ]
    return {"title": panel.title, "width": 300, "height": 190, "layer": layers}
