"""From the models' scores to one ranking: the stack, and a row for every team and date.

The surprising one: the stack is also fitted without each of the models, so that a run says what each of them is worth.

Shapes: M ranked lists, T teams, R rows (a team on a date).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from truestrength.trainer.contract.records.metrics import BASE_MODELS, STACK
from truestrength.trainer.contract.words import Target
from truestrength.trainer.evaluation.tables import WITHOUT
from truestrength.trainer.features.batches import Batches
from truestrength.trainer.models.fits import Ints, Task
from truestrength.trainer.models.stack import Stack, StackRows, fit_stack
from truestrength.trainer.models.team_rows import relevance_rows

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """The stack, and all models' scores of the validation rows."""

    stack: Stack
    scores: dict[str, Floats]
    """[R] by name: the stack, the models, and the stack without each of them (`WITHOUT`)."""
    out_of_fold: Floats
    """[R] the stack's scores of the out-of-fold rows."""


def rank_validation(task: Task, scores: Mapping[str, npt.NDArray[np.float32]]) -> Ranked:
    """Fit the stack on the out-of-fold rows and score the validation rows with it."""
    fits, batches = task.fits, task.batches
    n_out_of_fold = fits.n_out_of_fold
    folds, validation = np.concatenate(fits.rank[:-1]), fits.rank[-1]
    known, asked = batches.team_mask[folds], batches.team_mask[validation]
    rows = StackRows(
        scores={name: s[:n_out_of_fold][known].astype(np.float64) for name, s in scores.items()},
        relevance=relevance_rows(batches, folds, task.target).astype(np.float64),
        date=date_rows(batches, folds),
        season=np.repeat(batches.season[folds], known.sum(axis=1)),
    )
    of_validation = {name: s[n_out_of_fold:][asked].astype(np.float64) for name, s in scores.items()}
    dates = date_rows(batches, validation)
    stack = fit_stack(rows, BASE_MODELS)
    without = {
        column: fit_stack(rows, [other for other in BASE_MODELS if other != name]).score(of_validation, dates)
        for column, name in WITHOUT.items()
    }
    scored = {STACK: stack.score(of_validation, dates), **of_validation, **without}
    return Ranked(stack, scored, stack.score(rows.scores, rows.date))


def predictions_of(
    batches: Batches, lists: Ints, scores: Mapping[str, Floats], truth: pl.DataFrame, target: Target
) -> pl.DataFrame:
    """A row for every team and date of some lists, sorted by season, date and team.

    Args:
        batches: all lists.
        lists: which of them; of every date all conferences.
        scores: [R] by name, the stack's among them.
        truth: as `trainer.features.targets.target_ranks` gives it.
        target: the rank to put beside them.

    Returns:
        season, date, team_id, conference, a column per name of `scores`, predicted_rank, target_rank.
    """
    mask = batches.team_mask[lists]
    n_teams = mask.sum(axis=1)
    frame = pl.DataFrame(
        {
            "season": pl.Series(batches.seasons)[np.repeat(batches.season[lists], n_teams)],
            "date": pl.Series(np.repeat(batches.date[lists], n_teams)).cast(pl.Date),
            "team_id": batches.team_id[lists][mask],
            "conference": pl.Series(batches.conferences)[np.repeat(batches.conference[lists], n_teams)],
            **scores,
        }
    )
    true_rank = truth.select("season", "team_id", target_rank=pl.col(target.value))
    predicted = pl.col(STACK).rank("ordinal", descending=True).over("season", "date")
    return (
        frame.with_columns(predicted_rank=predicted)
        .join(true_rank, on=["season", "team_id"], how="left")
        .sort("season", "date", "team_id")
    )


def date_rows(batches: Batches, lists: Ints) -> Ints:
    """[R] a number per season and date for each real team of `lists`."""
    date = batches.season[lists].astype(np.int64) * 1_000_000 + batches.date[lists]
    return np.repeat(date, batches.team_mask[lists].sum(axis=1))
