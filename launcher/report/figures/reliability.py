"""The reliability plot of championship odds: how often what was given a probability came true.

Surprising: both axes show the square root of the probability, because nearly all teams have a small one.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from launcher.report.figures.contents import ReliabilityPanel, ReliabilityPlot
from launcher.report.figures.style import BLACK, BLUE, GREY, VERMILION
from trainer.contract.records.odds import ReliabilityBin

TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)


def reliability_figure(plot: ReliabilityPlot) -> Figure:
    """The figure that shows `plot`."""
    figure = Figure(figsize=(4.8 * len(plot.panels), 5.2), layout="constrained")
    for panel, axes in zip(plot.panels, figure.subplots(1, len(plot.panels), squeeze=False)[0], strict=True):
        _panel(axes, panel)
    return figure


def _panel(axes: Axes, panel: ReliabilityPanel) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly reliable")
    n = panel.champions
    _bins(axes, panel.validation, f"validation ({n} champion{'s' if n > 1 else ''})", "o", BLUE, filled=True)
    if panel.held_out:
        _bins(axes, panel.held_out, "held-out season", "D", VERMILION, filled=False)
    for one in panel.validation:
        place = (np.sqrt(one.predicted), np.sqrt(one.observed))
        axes.annotate(
            str(one.seasons_of_teams), place, xytext=(0, 7), textcoords="offset points", ha="center", fontsize=7.5,
            color=BLACK,
        )  # fmt: skip
    most = max((max(one.predicted, one.observed) for one in (*panel.validation, *panel.held_out)), default=1.0)
    shown = [tick for tick in TICKS if tick <= most] + [tick for tick in TICKS if tick > most][:1]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([float(np.sqrt(tick)) for tick in shown], [f"{tick:g}" for tick in shown])
    limit = float(np.sqrt(shown[-1]))
    axes.set_xlim(-0.03, limit + 0.02)
    axes.set_ylim(-0.03, limit + 0.04)
    axes.set_xlabel("probability of the title, mean of the bin\n(above a point: different teams in the bin)")
    axes.set_ylabel("share whose team won the title")
    axes.set_title(panel.title, loc="left")
    axes.legend(loc="upper left")


def _bins(axes: Axes, bins: tuple[ReliabilityBin, ...], label: str, marker: str, color: str, *, filled: bool) -> None:
    predicted, observed = (np.sqrt([getattr(one, name) for one in bins]) for name in ("predicted", "observed"))
    face = color if filled else "none"
    axes.plot(predicted, observed, color=color, marker=marker, markerfacecolor=face, linewidth=1.2, label=label)
