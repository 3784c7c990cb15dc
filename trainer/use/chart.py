"""An explanation as a chart: an SVG file, drawn by Vega-Lite without a browser or a network.

Surprising: the launcher's charts are drawn elsewhere (`launcher.report.figures`), in a process that lives for that
alone, since the renderer takes 100 MB. Here the command ends anyway.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import vl_convert

from truestrength.trainer.contract.files import write_text
from truestrength.trainer.use.contributions import Explanation, Kind, by_name

MOST = 15
"""Bars of one team's chart."""
_VEGA_LITE = "6.1"
_COLORS = ["#0072B2", "#E69F00", "#009E73"]
"""Okabe and Ito's, which readers with any colour vision can tell apart."""
_KINDS: dict[Kind, str] = {"expected": "expected rank", "context": "context", "player": "players"}

Rows = list[dict[str, Any]]


def write_chart(path: Path, explanation: Explanation) -> None:
    """Draw one team's largest parts by model, or every team's parts by kind."""
    if len(explanation.teams) == 1:
        rows, said = _of_team(explanation)
    else:
        rows, said = _of_league(explanation)
    drawn = vl_convert.vegalite_to_svg(_bars(rows, said), vl_version=_VEGA_LITE)
    write_text(path, drawn.replace("<svg ", f'<svg role="img" aria-label={quoteattr(said)} ', 1))


def _of_team(explanation: Explanation) -> tuple[Rows, str]:
    (team,) = explanation.teams
    rows = [
        {"row": row.name, "part": model, "points": points}
        for row in by_name(team)[:MOST]
        for model, points in row.points.items()
    ]
    return rows, f"{team.name}: {team.strength:+.1f} points a game as of {explanation.as_of}, by {explanation.run}"


def _of_league(explanation: Explanation) -> tuple[Rows, str]:
    rows = [
        {"row": team.team, "part": label, "points": team.points(kind)}
        for team in explanation.teams
        for kind, label in _KINDS.items()
    ]
    return rows, f"What carried each team as of {explanation.as_of}, by {explanation.run}"


def _bars(rows: Rows, title: str) -> dict[str, Any]:
    """Stacked horizontal bars in the order of the rows."""
    order, parts = (list(dict.fromkeys(row[field] for row in rows)) for field in ("row", "part"))
    colors = {"domain": parts, "range": _COLORS[: len(parts)]}
    return {
        "data": {"values": rows},
        "title": title,
        "width": 420,
        "height": {"step": 16},
        "mark": "bar",
        "encoding": {
            "y": {"field": "row", "type": "nominal", "sort": order, "title": None},
            "x": {"field": "points", "type": "quantitative", "title": "points a game against the league's average"},
            "color": {"field": "part", "type": "nominal", "title": None, "scale": colors},
        },
        "config": {
            "background": "white",
            "font": "sans-serif",
            "axis": {"labelLimit": 0, "titleFontWeight": "normal"},
            "title": {"anchor": "start", "fontSize": 12, "fontWeight": "normal", "limit": 0},
            "view": {"stroke": None},
        },
    }
