"""The demo league's true team strengths, for evaluation only.

Nothing that makes features or trains models may read them; an import contract (`pyproject.toml`) and a test hold that.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.league import LeaguePaths

TRUE_STRENGTH = "true_strength"
COLUMNS = {"season": pl.String, "date": pl.Date, "team_id": pl.Int64, TRUE_STRENGTH: pl.Float64}


def load_true_strength(folder: Path) -> pl.DataFrame | None:
    """season, date, team_id, true_strength of a league folder; None for a league that does not know them.

    Raises:
        DataError: when the table is there and cannot be read.
    """
    path = LeaguePaths(folder).truth
    if not path.exists():
        return None
    try:
        return pl.read_parquet(path).select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read: {error}. Make the demo league again, or remove the file") from None
