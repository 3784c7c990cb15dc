"""Whether a configuration leaves lists to train and to be measured on, told by the league's manifest alone.

The launcher asks before anything is started, `trainer run` before it takes an id: what would only be found out by a
worker, after a server and jobs were started, is refused here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import Manifest, SeasonCount
from truestrength.trainer.contract.league.seasons import SeasonSplit, check_folds
from truestrength.trainer.contract.records.metrics import THIRDS

CONFERENCES = 2
"""A date has a list of each."""


def check_lists(config: Config, split: SeasonSplit, manifest: Manifest, share: float = 1.0) -> None:
    """Refuse a configuration that leaves a season, a fold or a third without lists.

    Args:
        config: with a trial's parameters.
        split: what its seasons are for.
        manifest: of the league.
        share: the least share of the lists that a trial gets (successive halving).

    Raises:
        ConfigError: naming the key, the value and what is possible.
    """
    check_folds(config.training.n_folds, split.train)
    _check_first_day(config.evaluation.first_day, manifest.seasons, (*split.validation, *split.holdout))
    _check_windows(config.training.rolling_windows, manifest.seasons)
    _check_limits(config, share)


def _check_first_day(first_day: int, seasons: Sequence[SeasonCount], measured: Sequence[str]) -> None:
    def last(season: SeasonCount) -> int:
        wanted = len(THIRDS) if season.season in measured else 1
        return season.last_days[-wanted] if len(season.last_days) >= wanted else 0

    low = max(seasons, key=lambda season: season.earliest_list)
    high = min(seasons, key=last)
    possible = f"{low.earliest_list} to {last(high)} are possible with this league"
    if low.earliest_list > last(high):
        thin = min(low, high, key=lambda season: last(season) - season.earliest_list).season
        possible = f"no value is possible with this league: leave the season {thin} out"
    if first_day < low.earliest_list:
        raise ConfigError(
            f"evaluation.first_day: {first_day}: in the season {low.season} some team has no player with a game before "
            f"its first list then; {possible}"
        )
    if first_day > last(high):
        needed = "three game days, to be cut into thirds," if high.season in measured else "a game day"
        raise ConfigError(
            f"evaluation.first_day: {first_day}: the season {high.season} needs {needed} {first_day} days after its "
            f"first game or later, and its last one is {high.last_days[-1]} days after it; {possible}"
        )


def _check_windows(windows: Sequence[int], seasons: Sequence[SeasonCount]) -> None:
    most = max(season.most_games for season in seasons)
    if too_long := [window for window in windows if window > most]:
        raise ConfigError(
            f"training.rolling_windows: {too_long[0]} games are more than any team plays in a season of this league; "
            f"1 to {most} are possible"
        )
    if twice := [window for i, window in enumerate(windows) if window in windows[:i]]:
        raise ConfigError(f"training.rolling_windows: {twice[0]} is written twice")


def _check_limits(config: Config, share: float) -> None:
    training = config.training
    least = {
        "max_lists_oof": (CONFERENCES * training.n_folds, f"a date of {CONFERENCES} lists for each of the folds"),
        "max_final_batches": (CONFERENCES, f"a date of {CONFERENCES} lists"),
    }
    for name, (needed, what) in least.items():
        limit = getattr(training, name)
        if math.ceil(limit * share) < needed:
            rung = f" (the lowest rung of successive halving has {share:g} of it)" if share < 1 else ""
            possible = math.floor((needed - 1) / share) + 1
            raise ConfigError(
                f"training.{name}: {limit}{rung}: {needed} lists are needed, {what}. At least {possible} is possible"
            )
