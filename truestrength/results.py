"""Finished sweeps and runs, read back into Python: tables as polars frames, runs with models that are ready to score.

Everything comes from files of an outputs root, so a copy of it is enough, and no database has to be there. Surprising:
`load` reads the tables that are written when a sweep ends (`truestrength report` writes them at any time), and
git keeps those; a run's predictions and models are only where it ran.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from truestrength.trainer.contract.errors import DataError, UserError, suggest
from truestrength.trainer.contract.paths.outputs import OutputsRoot, SweepPaths
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.use import forecast
from truestrength.trainer.use.saved_run import SavedRun, load_run

__all__ = ["SavedRun", "UserError", "best", "load", "load_run", "predict"]

T = TypeVar("T")
ROOT = Path("outputs4")


class _Asked(msgspec.Struct, frozen=True):
    """What is read of `sweep_config.json`."""

    objective: Objective
    target: str
    phase: str
    method: str


class _Best(msgspec.Struct, frozen=True):
    """What is read of `best_config_by_objective.json`, by objective."""

    run_id: int | None


def load(root: Path | str = ROOT) -> pl.DataFrame:
    """Every trial of every sweep of an outputs root.

    Args:
        root: the outputs root.

    Returns:
        A row per row of the sweeps' `sweep_results.csv`, in the order of their names, with the same columns; before
        them batch_id, objective, target, phase and method of the sweep, and behind them folder, the run's. What a sweep
        has no column for is null.

    Raises:
        UserError: when there are no tables, or one cannot be read.
    """
    outputs = OutputsRoot(Path(root))
    frames = [_table(name, outputs.sweep(name)) for name in _with_tables(outputs)]
    return pl.concat(frames, how="diagonal_relaxed")


def best(root: Path | str, batch: str, objective: str | None = None) -> SavedRun:
    """The best run of a sweep.

    Args:
        root: the outputs root.
        batch: the sweep's name.
        objective: by which of the six (the sweep's own).

    Raises:
        UserError: when there is no such sweep or objective, or no run has a figure.
    """
    outputs = OutputsRoot(Path(root))
    known = _with_tables(outputs)
    if batch not in known:
        raise UserError(f"{batch}: no such sweep in {outputs.root}: {suggest(batch, known)}")
    sweep = outputs.sweep(batch)
    wanted = _read(sweep.config, _Asked).objective.value if objective is None else objective
    if wanted not in list(Objective):
        raise UserError(f"{wanted}: no such objective: {suggest(wanted, list(Objective))}")
    found = _read(sweep.best_configs, dict[str, _Best | None]).get(wanted)
    if found is None or found.run_id is None:
        raise UserError(f"{batch}: no run of it has a figure for {wanted}")
    return load_run(sweep.run(found.run_id).folder)


def predict(run: SavedRun, on: date | None = None, data: Path | str | None = None) -> pl.DataFrame:
    """The teams on a date, ranked by a run's models; as `truestrength predict`.

    Args:
        run: as `load_run` or `best` gives it.
        on: the date; games from it on are not looked at (the last date that can be ranked).
        data: a league folder (the run's own).

    Returns:
        A row per team, the strongest first; the columns are the fields of `trainer.use.forecast.TeamForecast`.

    Raises:
        UserError: when the date cannot be ranked, or the league is another one.
    """
    found = forecast.predict(run, None if data is None else Path(data), on)
    return pl.DataFrame([msgspec.structs.asdict(team) for team in found.teams])


def _with_tables(outputs: OutputsRoot) -> list[str]:
    """The sweeps that have tables.

    Raises:
        UserError: when none has.
    """
    found = [name for name in outputs.sweep_names() if outputs.sweep(name).results.exists()]
    if not found:
        raise UserError(
            f"{outputs.root}: no tables of sweeps here. Name an outputs root, or write them with "
            f"`truestrength report --outputs {outputs.root}`"
        )
    return found


def _table(name: str, sweep: SweepPaths) -> pl.DataFrame:
    asked = _read(sweep.config, _Asked)
    try:
        rows = pl.read_csv(sweep.results, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{sweep.results}: cannot be read: {' '.join(str(error).split())}. {_AGAIN}") from None
    said = {"batch_id": name, **{key: str(value) for key, value in msgspec.structs.asdict(asked).items()}}
    first = [pl.lit(value).alias(key) for key, value in said.items()]
    folders = [None if run is None else str(sweep.run(run).folder) for run in rows["run_id"].to_list()]
    return rows.select(*first, pl.all()).with_columns(folder=pl.Series(folders, dtype=pl.String))


_AGAIN = "Write it again with `truestrength report`"


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}. {_AGAIN}") from None
