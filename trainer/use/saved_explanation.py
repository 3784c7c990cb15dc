"""The explanation that a sweep's best run keeps in its folder: a table of all parts, and the chart.

Surprising: it is of a date in the middle of a validation season. At a season's end the expected rank says everything,
and the held-out season is not looked at.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from truestrength.trainer.contract.files import replacing
from truestrength.trainer.use.chart import write_chart
from truestrength.trainer.use.contributions import explain
from truestrength.trainer.use.saved_run import SavedRun


def save(run: SavedRun) -> Path:
    """Write the chart and then the table, and return the table's file. Where that is there already, all stays as it is.

    Raises:
        DataError: as `contributions.explain`.
    """
    paths = run.paths
    if not paths.contributions.exists():
        found = explain(run, None, None)
        rows = [
            {"as_of": found.as_of, "rank": team.rank, "team": team.team, **msgspec.structs.asdict(part)}
            for team in found.teams
            for part in team.parts
        ]
        write_chart(paths.contributions_chart, found)
        with replacing(paths.contributions) as temporary:
            pl.DataFrame(rows, infer_schema_length=None).write_csv(temporary)
    return paths.contributions
