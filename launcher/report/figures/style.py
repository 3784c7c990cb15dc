"""What all of the report's charts share: colours, shapes, and Vega-Lite's configuration.

The colours are Okabe and Ito's, which readers with any colour vision can tell apart; shapes and dashes say the same.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from trainer.contract.words import Direction, Objective

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
    "legend": {"title": None, "labelLimit": 0, "symbolSize": 60, "symbolStrokeWidth": 2},
    "concat": {"spacing": 28},
}

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


def data(rows: Rows) -> alt.InlineData:
    """Rows as a chart's own data."""
    return alt.InlineData(values=rows)


def told_apart(looks: dict[str, tuple[str, str]], legend: alt.Legend) -> tuple[alt.Color, alt.Shape]:
    """The colour and the shape of what the field `series` names, in one legend."""
    colors = alt.Scale(domain=list(looks), range=[color for color, _ in looks.values()])
    shapes = alt.Scale(domain=list(looks), range=[shape for _, shape in looks.values()])
    return alt.Color("series:N", scale=colors, legend=legend), alt.Shape("series:N", scale=shapes, legend=legend)


def values_axis(title: str | list[str] | None) -> alt.Y:
    """The vertical axis of values that are read against each other, not against 0."""
    return alt.Y("value:Q", title=title, scale=alt.Scale(zero=False, padding=12), axis=alt.Axis(tickCount=5))
