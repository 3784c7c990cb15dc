"""How well a league could be ranked by someone who knew its true strengths: what a ranker can at best come near.

The surprising one: ranking by the true strength itself is not best. It forgets the games already won, which decide more
and more of the final rank. So it stands beside what is to be expected from the record so far and the rest of the season
played at the true strengths. Even that is a ceiling on average only, since luck decides single seasons, and a little
low, since the simulation takes the true strengths for as uncertain as any.

Shapes: D regular-season days, S ranked dates, T teams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.records.metrics import THIRDS, Table
from truestrength.trainer.contract.words import Objective, Target
from truestrength.trainer.data.true_strength import TRUE_STRENGTH
from truestrength.trainer.evaluation.metrics import mean_scores, objectives, third_of
from truestrength.trainer.features.outlook import outlook
from truestrength.trainer.features.season_games import Floats, Ints, SeasonGames

TRUE_OUTLOOK = "true_outlook"


@dataclass(frozen=True)
class Ceilings:
    """The parts of `trainer.contract.records.metrics.RunMetrics` that only a league with known strengths has."""

    ceilings: Table = field(default_factory=dict)
    ceilings_by_third: dict[str, Table] = field(default_factory=dict)


def evaluate_ceilings(
    strength: pl.DataFrame, truth: pl.DataFrame, seasons: Sequence[tuple[SeasonGames, Ints]], target: Target
) -> Ceilings:
    """The objectives of both rankings that know the true strengths.

    Args:
        strength: as `trainer.data.true_strength.load_true_strength` gives it.
        truth: as `trainer.features.targets.target_ranks` gives it.
        seasons: each with the dates [S] that are ranked, in days since 1970-01-01.
        target: what the rankings are measured against.

    Raises:
        DataError: when a strength is missing.
    """
    parts = [_per_date(strength, truth, games, days, target) for games, days in seasons]

    def table(third: int | None) -> Table:
        return {name: mean_scores(_joined([part[name] for part in parts], third)) for name in parts[0]}

    return Ceilings(table(None), {name: table(i) for i, name in enumerate(THIRDS)})


def _per_date(
    strength: pl.DataFrame, truth: pl.DataFrame, games: SeasonGames, days: Ints, target: Target
) -> dict[str, dict[Objective, Floats]]:
    known = _strength_of(strength, games)
    ahead = outlook(games, known, known)
    expected = ahead.rank if target is Target.FINAL_RANK else ahead.place
    teams = truth.filter(pl.col("season") == games.season).sort("team_id")
    rank, outcome = (teams[t.value].cast(pl.Float64).to_numpy() for t in (target, Target.PLAYOFF_OUTCOME))
    ranked = np.searchsorted(games.days, days)
    return {
        name: objectives(scores[ranked], rank, outcome, teams["playoff_team"].to_numpy())
        for name, scores in ((TRUE_STRENGTH, known), (TRUE_OUTLOOK, -expected))
    }


def _strength_of(strength: pl.DataFrame, games: SeasonGames) -> Floats:
    """[D, T] the true strength on each regular-season day.

    Raises:
        DataError: when one is missing.
    """
    asked = pl.DataFrame(
        {
            "season": games.season,
            "date": pl.Series(np.repeat(games.days, len(games.team_id))).cast(pl.Int32).cast(pl.Date),
            "team_id": np.tile(games.team_id, len(games.days)),
        }
    )
    found = asked.join(strength, on=asked.columns, how="left", maintain_order="left")[TRUE_STRENGTH]
    if found.len() != asked.height or not found.is_finite().fill_null(value=False).all():
        raise DataError(
            f"{games.season}: the table of true strengths does not have one for every team and date. Make the demo "
            "league again, or remove the table"
        )
    return found.to_numpy().reshape(len(games.days), -1)


def _joined(parts: Sequence[Mapping[Objective, Floats]], third: int | None) -> dict[Objective, Floats]:
    """The dates of all seasons, or those in one third of each season."""

    def of(values: Floats) -> Floats:
        return values if third is None else third_of(values, third)

    return {objective: np.concatenate([of(part[objective]) for part in parts]) for objective in Objective}
