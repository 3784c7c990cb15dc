"""How the report's plots look. Each takes plain data and returns a matplotlib figure; nothing global is touched."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from launcher.report.figures.contents import (
    Drawing,
    ImportanceMap,
    ParameterPlot,
    ParameterRow,
    RankerPlot,
    ReliabilityPlot,
    ThirdsPanel,
    ThirdsPlot,
    TrialPanel,
    TrialPlot,
)
from launcher.report.figures.reliability import reliability_figure
from launcher.report.figures.style import BLACK, BLUE, CYCLE, GREY, MARKERS, ORANGE, STYLE, VERMILION
from launcher.report.trials import is_model, parameter_names
from trainer.contract.records.metrics import STACK
from trainer.contract.words import Direction, Objective

NAMES = {
    Objective.SPEARMAN: "Spearman",
    Objective.NDCG4: "NDCG@4",
    Objective.NDCG16: "NDCG@16",
    Objective.NDCG20: "NDCG@20",
    Objective.PLAYOFF_SPEARMAN: "playoff Spearman",
    Objective.RANK_RMSE: "rank RMSE, places",
}
Floats = npt.NDArray[np.float64]


def draw(drawing: Drawing) -> Figure:
    """The figure that shows `drawing`."""
    with rc_context(STYLE):
        match drawing:
            case TrialPlot():
                return _trials(drawing)
            case ParameterPlot():
                return _parameters(drawing)
            case RankerPlot():
                return _rankers(drawing)
            case ThirdsPlot():
                return _thirds(drawing)
            case ReliabilityPlot():
                return reliability_figure(drawing)
            case ImportanceMap():
                return _importances(drawing)


def axis_label(objective: Objective) -> str:
    """An objective's name with its unit and, where lower is better, saying so.

    >>> axis_label(Objective.RANK_RMSE)
    'rank RMSE, places (lower is better)'
    """
    lower = objective.direction is Direction.MINIMIZE
    return f"{NAMES[objective]} (lower is better)" if lower else NAMES[objective]


def _trials(plot: TrialPlot) -> Figure:
    count = len(plot.panels)
    figure = Figure(figsize=(max(5.2, 4.6 * count), 3.4), layout="constrained")
    for panel, axes in zip(plot.panels, figure.subplots(1, count, squeeze=False)[0], strict=True):
        _trial_panel(axes, panel)
        axes.set_xlabel("trial (slot)")
        axes.set_ylabel(_two_lines(f"{axis_label(plot.objective)}, validation"))
    return figure


def _trial_panel(axes: Axes, panel: TrialPanel) -> None:
    slots, values = np.array(panel.slots), _numbers(panel.values)
    axes.step(slots, _numbers(panel.best_so_far), where="post", color=VERMILION, linewidth=1.4, label="best so far")
    groups = panel.groups or ("trial",) * len(slots)
    for index, group in enumerate(sorted(set(groups))):
        inside = np.array([name == group for name in groups])
        color, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
        axes.plot(slots[inside], values[inside], color=color, marker=marker, ls="none", markersize=5, label=group)
    if panel.baseline_value is not None:
        label = f"best baseline ({panel.baseline})"
        axes.axhline(panel.baseline_value, color=GREY, linestyle="--", linewidth=1.2, label=label)
    axes.set_title(panel.title + (f", best: {panel.best_run}" if panel.best_run else ""), loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3 if panel.groups is None else 2)


def _parameters(plot: ParameterPlot) -> Figure:
    names = list(dict.fromkeys(name for row in plot.rows for name in row.parameters))
    size = (1.9 * len(names) + 0.8, 2.2 * len(plot.rows) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(plot.rows), len(names), squeeze=False, sharey="row", sharex="col")
    for row, line in zip(plot.rows, grid, strict=True):
        for name, axes in zip(names, line, strict=True):
            _parameter_panel(axes, row, name)
        line[0].set_title(f"{row.title} (star: best run)", loc="left")
        line[0].set_ylabel(_two_lines(axis_label(plot.objective)))
    for name, axes in zip(names, grid[-1], strict=True):
        axes.set_xlabel(name)
    return figure


def _parameter_panel(axes: Axes, row: ParameterRow, name: str) -> None:
    found = list(zip(row.parameters.get(name, ()), _numbers(row.values), strict=False))
    there = [(setting, value) for setting, value in found if setting is not None]
    if not there:
        axes.set_axis_off()
        return
    settings, values = zip(*there, strict=True)
    axes.plot(settings, values, linestyle="none", marker="o", markersize=4, color=BLUE)
    best = found[row.best][0] if row.best is not None else None
    if row.best is not None and best is not None:
        axes.plot(
            [best],
            [found[row.best][1]],
            linestyle="none",
            marker="*",
            markersize=11,
            color=VERMILION,
            markeredgecolor="white",
        )
    if all(isinstance(value, float) for value in settings):
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=all(float(v).is_integer() for v in settings)))
    axes.margins(x=0.1, y=0.12)


def _rankers(plot: RankerPlot) -> Figure:
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    figure.suptitle(f"{plot.title}: models and baselines", fontsize=10.5)
    grid = figure.subplots(2, 3, sharey=True)
    for objective, axes in zip(Objective, grid.flat, strict=True):
        _ranker_panel(axes, plot, objective)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def _ranker_panel(axes: Axes, plot: RankerPlot, objective: Objective) -> None:
    names = list(plot.validation)
    height = np.arange(len(names))[::-1]
    ours = np.array([is_model(name) for name in names])
    values = np.array([plot.validation[name].of(objective) for name in names])
    for mask, color, label in ((ours, BLUE, "model, validation"), (~ours, ORANGE, "baseline, validation")):
        axes.plot(values[mask], height[mask], linestyle="none", marker="o", markersize=6, color=color, label=label)
    read = plot.held_out or {}
    held_out = np.array([read[name].of(objective) if name in read else np.nan for name in names])
    if plot.held_out:
        axes.plot(held_out, height, "D", color=BLACK, markersize=5.5, markerfacecolor="none", label="held-out season")
    if STACK in plot.validation:
        stack = plot.validation[STACK].of(objective)
        axes.axvline(stack, color=BLUE, linestyle=":", linewidth=1.1, label="stack, validation")
    axes.set_yticks(height, names)
    _clip_outlier(axes, np.stack([values, held_out]), np.where(ours, np.nan, height))
    axes.set_title(axis_label(objective), loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))


def _clip_outlier(axes: Axes, values: Floats, rows: Floats) -> None:
    """Where one baseline is so far off that all others run together, write down its values at the edge.

    Args:
        axes: where the values are drawn.
        values: [2, rankers] on the validation and the held-out seasons; NaN where there is none.
        rows: [rankers], the heights of the baselines, NaN for models, which are never clipped.
    """
    if np.isnan(rows).all() or np.isfinite(values[0]).sum() < 3:
        return
    off = np.abs(values[0] - np.nanmedian(values[0]))
    outlier = int(np.argmax(np.where(np.isnan(rows) | np.isnan(off), -1.0, off)))
    others = np.delete(values, outlier, axis=1)
    low, high, margin = np.nanmin(others), np.nanmax(others), 0.25 * float(np.nanmax(others) - np.nanmin(others))
    left, right = np.nanmax(values[:, outlier]) < low - 3 * margin, np.nanmin(values[:, outlier]) > high + 3 * margin
    if margin == 0 or not (left or right):
        return
    axes.set_xlim(low - margin, high + margin)
    said = " / ".join(f"{value:.3f}" for value in values[:, outlier] if np.isfinite(value))
    place, text, align = (low - margin, f"< {said}", "left") if left else (high + margin, f"{said} >", "right")
    axes.text(place, rows[outlier], text, ha=align, va="center", fontsize=8)


def _thirds(plot: ThirdsPlot) -> Figure:
    shown = (Objective.SPEARMAN, Objective.RANK_RMSE)
    figure = Figure(figsize=(4.6 * len(plot.panels) + 1.6, 5.8), layout="constrained")
    grid = figure.subplots(len(shown), len(plot.panels), squeeze=False, sharex=True)
    for objective, line in zip(shown, grid, strict=True):
        for panel, axes in zip(plot.panels, line, strict=True):
            _thirds_panel(axes, panel, objective)
            axes.set_ylabel(axis_label(objective))
            axes.set_title(panel.title, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("third of the season")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return figure


def _thirds_panel(axes: Axes, panel: ThirdsPanel, objective: Objective) -> None:
    thirds = list(panel.thirds)
    names = list(dict.fromkeys(name for table in panel.thirds.values() for name in table))
    baselines = [name for name in names if not is_model(name)]
    for index, name in enumerate([*baselines, *(n for n in names if n == STACK)]):
        values = [panel.thirds[t][name].of(objective) if name in panel.thirds[t] else np.nan for t in thirds]
        if name == STACK:
            axes.plot(thirds, values, color=BLUE, marker="o", linewidth=2.4, markersize=6, label=name)
        else:
            color, marker = CYCLE[1:][index % 7], MARKERS[1:][index % 7]
            axes.plot(thirds, values, color=color, marker=marker, linestyle="--", linewidth=1.2, label=name)


def _importances(plot: ImportanceMap) -> Figure:
    names = parameter_names(name for shares in plot.shares.values() for name in shares)
    grid = np.array([[shares.get(name, np.nan) for name in names] for shares in plot.shares.values()])
    size = (3.0 + 1.15 * len(names), 1.3 + 0.34 * len(plot.shares))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(plot.shares)), list(plot.shares))
    for (row, column), share in np.ndenumerate(grid):
        if np.isfinite(share):
            axes.text(column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.55 else BLACK)
    figure.colorbar(image, ax=axes, label="share of importance", fraction=0.04)
    return figure


def _two_lines(label: str) -> str:
    return label.replace(" (", "\n(")


def _numbers(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
