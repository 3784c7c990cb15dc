"""A finished run, read from its folder: configuration, figures, predictions, and models that are ready to score.

Surprising: the folder holds all that is needed. The models are kept as safetensors and JSON, so nothing has to be
trained again, and reading them runs none of their code, as a pickle would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths, run_name
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.models.fitted import FittedModels, load_models

T = TypeVar("T")
_RUN_ID = re.compile(r"^(?:run_)?(\d{1,18})$")


@dataclass(frozen=True)
class SavedRun:
    """A complete run."""

    paths: RunPaths
    config: Config
    metrics: RunMetrics
    provenance: Provenance

    @property
    def name(self) -> str:
        """`run_025`."""
        return run_name(self.provenance.run_id)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """season, date, team_id, conference, scores, predicted_rank, target_rank and title_probability: validation.

        Raises:
            DataError: when the file cannot be read.
        """
        try:
            return pl.read_parquet(self.paths.predictions)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{self.paths.predictions}: cannot be read: {_one_line(error)}. {_WHOLE}") from None

    @cached_property
    def holdout(self) -> RunMetrics | None:
        """The figures on the held-out season; None for a run for which it was not read.

        Raises:
            DataError: when the file cannot be read.
        """
        return _read(self.paths.holdout, RunMetrics) if self.paths.holdout.exists() else None

    @cached_property
    def models(self) -> FittedModels:
        """The final fits.

        Raises:
            DataError: when they are missing or damaged.
        """
        return load_models(self.paths.models)


_WHOLE = "The run's folder is not whole: take it from where it was made (git keeps no models and no predictions)"


def load_run(folder: Path) -> SavedRun:
    """Read a run's folder; predictions and models when they are asked for.

    Raises:
        UserError: when there is no complete run in it: what it is instead.
    """
    paths = RunPaths(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such run folder")
    if not paths.provenance.exists():
        raise UserError(f"{folder}: no run here (no {paths.provenance.name}). A run's folder is called run_025 or so")
    provenance = _read(paths.provenance, Provenance)
    if provenance.state != "complete":
        reason = f": {provenance.reason}" if provenance.reason else ""
        raise UserError(f"{folder}: the run is not complete but {provenance.state}{reason}. Choose another one")
    return SavedRun(paths, load_config(paths.config), _read(paths.metrics, RunMetrics), provenance)


def find_run(said: str, outputs: Path) -> SavedRun:
    """A run by its folder, or by its id (`run_025`, `25`) within an outputs root.

    Raises:
        UserError: when there is no such run, or no complete one.
    """
    named = _RUN_ID.match(said)
    if named is None or Path(said, RunPaths(Path()).provenance.name).exists():
        return load_run(Path(said).expanduser())
    root = OutputsRoot(outputs)
    folders = root.run_folders(int(named[1])) if outputs.is_dir() else []
    if len(folders) != 1:
        raise UserError(f"{said}: {_which(root, folders)}")
    return load_run(folders[0])


def _which(root: OutputsRoot, folders: list[Path]) -> str:
    if folders:
        return f"{root.root} has several: name one of the folders {', '.join(map(str, folders))}"
    highest = root.highest_run_id()
    known = f"its last run is {run_name(highest)}" if highest else "it has no runs"
    there = known if root.root.is_dir() else "there is no such folder"
    return f"no such run in the outputs root {root.root} ({there}). Name the run's folder, or another root: --outputs"


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{path}: cannot be read: {_one_line(error)}. {_WHOLE}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
