"""The reliability chart of championship odds: how often what was given a probability came true.

Surprising: both axes show the square root of the probability, because nearly all teams have a small one.
"""

from __future__ import annotations

import altair as alt
from altair.typing import ChartType

from launcher.report.figures.contents import ReliabilityPanel, ReliabilityPlot
from launcher.report.figures.style import BLUE, DASHES, GREY, LINE, VERMILION, Rows, data, told_apart
from trainer.contract.records.odds import ReliabilityBin

TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
RELIABLE, HELD_OUT = "perfectly reliable", "held-out season"


def reliability_chart(plot: ReliabilityPlot) -> ChartType:
    """A panel a run."""
    return alt.hconcat(*map(_panel, plot.panels)).resolve_scale(color="independent", shape="independent")


def _panel(panel: ReliabilityPanel) -> ChartType:
    validation = f"validation ({panel.champions} champion{'s' if panel.champions > 1 else ''})"
    looks = {RELIABLE: (GREY, LINE), validation: (BLUE, "circle")}
    if panel.held_out:
        looks[HELD_OUT] = (VERMILION, "diamond")
    color, shape = told_apart(looks, alt.Legend(orient="bottom", columns=3))
    rows = [*_rows(panel.validation, validation), *_rows(panel.held_out, HELD_OUT)]
    most = max((max(one.predicted, one.observed) for one in (*panel.validation, *panel.held_out)), default=1.0)
    ticks = [tick for tick in TICKS if tick <= most] + [tick for tick in TICKS if tick > most][:1]
    scale = alt.Scale(type="sqrt", domain=[0, ticks[-1]], nice=False)
    axis = alt.Axis(values=ticks, format="~g")
    words = ["probability of the title, mean of the bin", "(above a point: different teams in the bin)"]
    x = alt.X("predicted:Q", title=words, scale=scale, axis=axis)
    y = alt.Y("observed:Q", title="share whose team won the title", scale=scale, axis=axis)
    diagonal: Rows = [{"predicted": v, "observed": v, "series": RELIABLE} for v in (0, ticks[-1])]
    bins = alt.Chart(data(rows))
    counts = alt.Chart(data([row for row in rows if row["series"] == validation]))
    return alt.layer(
        alt.Chart(data(diagonal)).mark_line(strokeDash=DASHES, strokeWidth=1.2).encode(x, y, color),
        bins.mark_line(strokeWidth=1.3).encode(x, y, color),
        bins.mark_point(filled=True, size=55, opacity=1).encode(x, y, color, shape),
        counts.mark_text(dy=-10, fontSize=10).encode(x, y, text="teams:Q"),
        title=panel.title,
        width=320,
        height=320,
    )


def _rows(bins: tuple[ReliabilityBin, ...], series: str) -> Rows:
    return [
        {"predicted": one.predicted, "observed": one.observed, "teams": one.seasons_of_teams, "series": series}
        for one in bins
    ]
