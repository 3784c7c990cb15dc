"""The chart of a season's course: the rank that a run predicted for each team, date by date, and where it ended.

A panel a season and conference. Surprising: the predictions are read here, in the process that draws, from the run's
folder; a line keeps only the dates at which its rank changes.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.launcher.report.figures.standing import CoursePlot
from truestrength.launcher.report.figures.style import BLUE, VERMILION, Node, Rows, dots, layer, mark, x, y

_TEAM = ("season", "conference", "team")
WIDTH, HEIGHT = 400, 330


def course_chart(plot: CoursePlot) -> Node:
    """Seasons below each other, conferences side by side."""
    frame = _named(pl.read_parquet(plot.run.predictions), Path(plot.run.teams))
    worst = int(frame.select(pl.max_horizontal(pl.col("predicted_rank").max(), pl.col("target_rank").max())).item())
    panels = [
        _panel(part, f"{plot.run.title}, {season} {conference}", worst)
        for (season, conference), part in frame.sort(*_TEAM, "date").group_by(
            "season", "conference", maintain_order=True
        )
    ]
    return {"concat": panels, "columns": max(1, frame["conference"].n_unique())}


def _named(predictions: pl.DataFrame, teams: Path) -> pl.DataFrame:
    """With a column `team`: its abbreviation, or its id where the league is not there (any more)."""
    number = pl.col("team_id").cast(pl.String)
    if not teams.exists():
        return predictions.with_columns(team=number)
    names = pl.read_parquet(teams, columns=["team_id", "abbreviation"])
    return predictions.join(names, on="team_id", how="left").with_columns(team=pl.coalesce("abbreviation", number))


def _panel(frame: pl.DataFrame, title: str, worst: int) -> Node:
    named = pl.format("#{}", "team").alias("mark")
    lines: Rows = _turns(frame).select("team", named, pl.col("date").cast(pl.String), rank="predicted_rank").to_dicts()
    last = pl.lit(str(frame["date"].max())).alias("date")
    ends: Rows = frame.group_by("team", maintain_order=True).agg(rank=pl.col("target_rank").last()).select(
        "team", named, last, "rank"
    ).to_dicts()  # fmt: skip
    scale: Node = {"type": "utc", "nice": False}
    place = x("date", "temporal", None, scale=scale, axis={"format": "%b", "tickCount": "month", "grid": False})
    rank_scale: Node = {"domain": [1, worst], "reverse": True, "nice": False, "zero": False}
    ticks = [1, *range(5, worst + 1, 5)]
    value = y("rank", "quantitative", "predicted rank", scale=rank_scale, axis={"values": ticks, "format": "d"})
    each: Node = {"detail": {"field": "team", "type": "nominal"}}
    text: Node = {"text": {"field": "team", "type": "nominal"}}
    line: Node = {"type": "line", "interpolate": "step-after", "color": BLUE, "opacity": 0.45, "strokeWidth": 1.3}
    layers = [
        layer(lines, line, place, value, each, mark()),
        layer(ends, dots(22, color=VERMILION), place, value, mark()),
        layer(ends, {"type": "text", "align": "left", "dx": 6, "fontSize": 8}, place, value, text, mark()),
    ]
    return {"title": f"{title} (dot: final rank)", "width": WIDTH, "height": HEIGHT, "layer": layers}


def _turns(frame: pl.DataFrame) -> pl.DataFrame:
    """Of each team the first and the last date, and those at which its rank is another one."""
    rank = pl.col("predicted_rank")
    turned = (rank != rank.shift(1)).fill_null(value=True) | rank.shift(-1).is_null()
    return frame.filter(turned.over(*_TEAM))
