"""What all of the report's charts share: colours, shapes, Vega-Lite's configuration, and parts of its descriptions.

The colours are Okabe and Ito's, which readers with any colour vision can tell apart; shapes and dashes say the same.
"""

from __future__ import annotations

from typing import Any

from truestrength.trainer.contract.words import Direction, Objective

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#000000", "#6B6B6B"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, BLACK, GREY)
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right", "triangle-left")
LINE = "stroke"
"""The shape of a line in a legend."""
DASHES = [5, 3]
NAMES = {
    Objective.SPEARMAN: "Spearman",
    Objective.NDCG4: "NDCG@4",
    Objective.NDCG16: "NDCG@16",
    Objective.NDCG20: "NDCG@20",
    Objective.PLAYOFF_SPEARMAN: "playoff Spearman",
    Objective.RANK_RMSE: "rank RMSE, places",
}
CONFIG: dict[str, Any] = {
    "background": "white",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "gridColor": "#E3E3E3",
        "domainColor": "#888888",
        "tickColor": "#888888",
        "titleFontWeight": "normal",
        "labelLimit": 0,
        "titleLimit": 0,
    },
    "title": {"anchor": "start", "fontSize": 12, "fontWeight": "normal", "limit": 0},
    "legend": {"labelLimit": 0, "symbolSize": 60, "symbolStrokeWidth": 2},
    "concat": {"spacing": 28},
}

Node = dict[str, Any]
"""A part of a Vega-Lite description: https://vega.github.io/vega-lite/docs/."""
Rows = list[dict[str, float | str | None]]


def axis_label(objective: Objective) -> str:
    """An objective's name with its unit and, where lower is better, saying so.

    >>> axis_label(Objective.RANK_RMSE)
    'rank RMSE, places (lower is better)'
    """
    lower = objective.direction is Direction.MINIMIZE
    return f"{NAMES[objective]} (lower is better)" if lower else NAMES[objective]


def two_lines(label: str) -> list[str]:
    """A label with what stands in brackets on a line of its own."""
    first, bracket, rest = label.partition(" (")
    return [first, f"({rest}"] if bracket else [first]


def layer(rows: Rows, mark: str | Node, *encodings: Node) -> Node:
    """One mark for each row, at the places that the encodings say."""
    return {"data": {"values": rows}, "mark": mark, "encoding": {k: v for e in encodings for k, v in e.items()}}


def dots(size: int, **more: Any) -> Node:
    """Filled points."""
    return {"type": "point", "filled": True, "size": size, "opacity": 1, **more}


def mark() -> Node:
    """What a mark stands for: the field `mark` has it, as `#run_025`, and the page's script finds it."""
    return {"description": {"field": "mark", "type": "nominal"}}


def x(field: str, kind: str, title: str | list[str] | None, **more: Any) -> Node:
    """The horizontal axis; `kind` is Vega-Lite's: quantitative or nominal."""
    return {"x": {"field": field, "type": kind, "title": title, **more}}


def y(field: str, kind: str, title: str | list[str] | None, **more: Any) -> Node:
    """The vertical axis."""
    return {"y": {"field": field, "type": kind, "title": title, **more}}


def values(title: str | list[str] | None) -> Node:
    """The vertical axis of values that are read against each other, not against 0."""
    return y("value", "quantitative", title, scale={"zero": False, "padding": 12}, axis={"tickCount": 5})


def told_apart(looks: dict[str, tuple[str, str]], legend: Node) -> tuple[Node, Node]:
    """The colour and the shape of what the field `series` names, in one legend.

    Args:
        looks: Colour and shape by name, in the legend's order.
        legend: Where it stands.
    """
    colors, shapes = zip(*looks.values(), strict=True)
    field = {"field": "series", "type": "nominal", "title": None, "legend": legend}
    return (
        {"color": {**field, "scale": {"domain": list(looks), "range": list(colors)}}},
        {"shape": {**field, "scale": {"domain": list(looks), "range": list(shapes)}}},
    )


def beside(panels: list[Node], **more: Any) -> Node:
    """Charts next to each other, each with colours and a legend of its own."""
    return {"hconcat": panels, "resolve": {"scale": {"color": "independent", "shape": "independent"}}, **more}


def grid(panels: list[Node], columns: int, **more: Any) -> Node:
    """Charts in rows, with one legend for all."""
    shared = {"scale": {"color": "shared", "shape": "shared"}}
    return {"concat": panels, "columns": columns, "resolve": shared, **more}
