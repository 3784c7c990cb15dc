"""Finished runs side by side: what they were given, what they reached, and how sure the difference is.

Surprising: two figures that differ say little, since both runs are measured on the same dates and miss the same
surprises. So gains are paired, date by date, as those over the baselines are (`trainer.evaluation.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from truestrength.trainer.contract.config.settings import fixed_keys
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import STACK, Gain, Scores
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.data.league import load_league
from truestrength.trainer.evaluation.bootstrap import gain
from truestrength.trainer.evaluation.metrics import Floats, objectives
from truestrength.trainer.features.targets import target_ranks
from truestrength.trainer.use.saved_run import SavedRun

_KEY = ["season", "date", "team_id"]


class ComparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One of the runs."""

    run: str
    folder: str
    batch_id: str | None
    target: str
    seasons: tuple[str, ...]
    """That it was validated on."""
    data_fingerprint: str
    validation: Scores
    holdout: Scores | None
    """On the held-out season, of a run for which that was read."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`trainer compare --json`."""

    runs: tuple[ComparedRun, ...]
    """In the order in which they were named; the first is what the others are held against."""
    parameters: dict[str, tuple[Any, ...]]
    """Those that differ: a value per run. A parameter that a run has not is null."""
    gains: dict[str, dict[str, Gain]]
    """Run -> objective -> its gain over the first run, positive where it is better; empty where `unpaired` is set."""
    unpaired: str | None
    """Why the runs cannot be held against each other date by date."""


def compare(runs: Sequence[SavedRun], data: Path | None = None) -> Comparison:
    """Compare runs with the first of them.

    Args:
        runs: at least two.
        data: the league folder that says how the seasons ended (that of the first run).

    Raises:
        DataError: when a file or the league cannot be read.
    """
    unpaired, labels = _unpaired(runs), _labels(runs)
    return Comparison(
        runs=tuple(map(_described, runs, labels)),
        parameters=_differing(runs),
        gains={} if unpaired else _gains(runs, labels, data or Path(runs[0].config.paths.data)),
        unpaired=unpaired,
    )


def _labels(runs: Sequence[SavedRun]) -> list[str]:
    """The runs' names, or their folders where runs of two outputs roots have the same."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.paths.folder) for run in runs]


def _described(run: SavedRun, label: str) -> ComparedRun:
    return ComparedRun(
        run=label,
        folder=str(run.paths.folder),
        batch_id=run.provenance.batch_id,
        target=run.metrics.target,
        seasons=run.metrics.seasons,
        data_fingerprint=run.provenance.data_fingerprint,
        validation=run.metrics.objectives,
        holdout=None if run.holdout is None else run.holdout.objectives,
    )


def _differing(runs: Sequence[SavedRun]) -> dict[str, tuple[Any, ...]]:
    settings = [fixed_keys(run.config) for run in runs]
    names = dict.fromkeys(name for of_run in settings for name in of_run)
    values = {name: tuple(of_run.get(name) for of_run in settings) for name in names}
    return {name: found for name, found in values.items() if any(value != found[0] for value in found[1:])}


def _unpaired(runs: Sequence[SavedRun]) -> str | None:
    targets = {run.metrics.target: run.name for run in runs}
    if len(targets) > 1:
        named = ", ".join(f"{name} by {target}" for target, name in targets.items())
        return f"the runs rank by different targets ({named})"
    if _common(runs).is_empty():
        return "the runs have no date in common on which they were validated"
    return None


def _common(runs: Sequence[SavedRun]) -> pl.DataFrame:
    """season, date, team_id that all runs have predictions of, and a column of scores per run (`0`, `1`, …)."""
    first, *others = (
        run.predictions.select(*_KEY, pl.col(STACK).alias(str(number))) for number, run in enumerate(runs)
    )
    for other in others:
        first = first.join(other, on=_KEY, how="inner")
    return first.sort(_KEY)


def _gains(runs: Sequence[SavedRun], labels: Sequence[str], league_folder: Path) -> dict[str, dict[str, Gain]]:
    truth = target_ranks(load_league(league_folder))
    target, rows = Target(runs[0].metrics.target), _common(runs)
    seasons = [
        _per_date(part, truth.filter(pl.col("season") == season), target, len(runs))
        for (season,), part in rows.group_by("season", maintain_order=True)
    ]
    per_date = [[of_season[number] for of_season in seasons] for number in range(len(runs))]
    return {label: _over(per_date[0], ours) for label, ours in zip(labels[1:], per_date[1:], strict=True)}


def _over(theirs: Sequence[dict[Objective, Floats]], ours: Sequence[dict[Objective, Floats]]) -> dict[str, Gain]:
    """By objective; of every season the values per date."""
    return {o.value: gain([season[o] for season in ours], [season[o] for season in theirs], o) for o in Objective}


def _per_date(rows: pl.DataFrame, truth: pl.DataFrame, target: Target, n_runs: int) -> list[dict[Objective, Floats]]:
    """The objectives of every run on the dates of one season.

    Raises:
        DataError: when the league does not say how the season ended.
    """
    known = truth.filter(pl.col("team_id").is_in(rows["team_id"].unique().to_list())).sort("team_id")
    n_dates = rows["date"].n_unique()
    if known.height * n_dates != rows.height or known[Target.PLAYOFF_OUTCOME.value].null_count():
        raise DataError(
            f"the league does not say how the season {rows['season'][0]} of the runs ended. Give the one that they "
            "were trained on with --data"
        )
    rank, outcome = (known[name].cast(pl.Float64).to_numpy() for name in (target.value, Target.PLAYOFF_OUTCOME.value))
    scores = [rows[str(number)].cast(pl.Float64).to_numpy().reshape(n_dates, -1) for number in range(n_runs)]
    return [objectives(one, rank, outcome, known["playoff_team"].to_numpy()) for one in scores]
