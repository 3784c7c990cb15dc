"""What the process that draws is asked for: a file, and the Vega-Lite description of what it shows.

Surprising: the course of a season comes as the path of a run's predictions and not as a description. They are many, and
only the process that draws has need of them (and of the library that reads them).
"""

from __future__ import annotations

import msgspec

from truestrength.launcher.report.figures.style import Node


class CourseRun(msgspec.Struct, frozen=True):
    """A run whose predictions the drawing process reads."""

    title: str
    predictions: str
    """Absolute path of its `predictions.parquet`."""
    digest: str
    """Of that file."""
    teams: str
    """Absolute path of the league's teams, for their names."""
    fingerprint: str
    """Of the league."""


class CoursePlot(msgspec.Struct, frozen=True):
    """Predicted against final rank, date by date, a line a team."""

    run: CourseRun


class Picture(msgspec.Struct, frozen=True):
    """A chart that is wanted as a file."""

    path: str
    """Absolute."""
    digest: str
    """Of all that it shows; stands in the file."""
    description: Node | None
    """None: it is made from `course`."""
    course: CoursePlot | None = None
