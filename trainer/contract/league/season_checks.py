"""Whether the seasons of a split can serve: a season that is not over, or thin, has no final rank to compare with.

The launcher asks before anything runs, and the trainer before it trains; all is told by the manifest. Surprising: what
is validated on or held out needs a champion whatever the target, because one of the six objectives is about the
playoffs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import Manifest, SeasonCount
from truestrength.trainer.contract.league.seasons import SeasonSplit, split_seasons
from truestrength.trainer.contract.words import Target

FEWEST_OF_MOST = 0.8
"""Games of the team with the fewest, as a share of those of the team with the most. In 2019-20 it was 64 of 75."""
FEWEST_OF_USUAL = 0.6
"""Games a team, as a share of those in the league's longest season. In 1998-99 it was 50 of 82."""
MOST_WITHOUT_PLAYERS = 0.2
"""Share of a season's games that may lack player rows. In the logs at hand it is 0.08 in 2019-20."""

Use = Literal["holdout", "validation"]


def usable_split(evaluation: Evaluation, manifest: Manifest, targets: Collection[Target]) -> SeasonSplit:
    """Seasons for training, validation and holding out, each of them fit for that.

    Args:
        evaluation: what is asked for.
        manifest: what the league has.
        targets: what is ranked by.

    Raises:
        ConfigError: as `split_seasons`, and for a season that is not over, or too thin, with what to set.
    """
    split = split_seasons(evaluation, manifest)
    counts = {season.season: season for season in manifest.seasons}
    usual = max(season.most_games for season in manifest.seasons)
    faults = {name: fault for name, count in counts.items() if (fault := _unfit(count, usual))}
    uses: dict[Use, tuple[str, ...]] = {"holdout": split.holdout, "validation": split.validation}
    for use, names in uses.items():
        if bad := [name for name in names if name in faults]:
            raise ConfigError(_refusal(use, faults[bad[0]], split, [name for name in counts if name not in faults]))
    for count in (counts[name] for name in split.train):
        if fault := _untrainable(count, usual, targets):
            raise ConfigError(
                f"evaluation: {fault}, and it would be trained on. {_COMPLETE}, or take it out of the logs"
            )
    return split


_COMPLETE = "Import the logs of the whole season"


def _unfit(count: SeasonCount, usual: int) -> str | None:
    """Why a season cannot be held out or validated on; None when it can."""
    return _not_over(count) or _unequal(count) or _short(count, usual) or _without_players(count)


def _untrainable(count: SeasonCount, usual: int, targets: Collection[Target]) -> str | None:
    """Why a season cannot be trained on; a short one can, when it has a champion."""
    over = _not_over(count)
    return _unequal(count) or (over and _short(count, usual)) or (over if Target.PLAYOFF_OUTCOME in targets else None)


def _not_over(count: SeasonCount) -> str | None:
    if count.champion is not None:
        return None
    playoffs = f"{count.playoff_games} playoff games" if count.playoff_games else "no playoffs"
    return f"the season {count.season} is not over: it has no champion ({playoffs}, the last game on {count.last_date})"


def _unequal(count: SeasonCount) -> str | None:
    if count.fewest_games >= FEWEST_OF_MOST * count.most_games:
        return None
    return f"the season {count.season} is not whole: {_games_a_team(count)}, too unequal for a final rank"


def _short(count: SeasonCount, usual: int) -> str | None:
    if count.most_games >= FEWEST_OF_USUAL * usual:
        return None
    return f"the season {count.season} is not whole: {_games_a_team(count)}, of {usual} in the longest season"


def _games_a_team(count: SeasonCount) -> str:
    return f"{count.fewest_games} to {count.most_games} regular-season games a team"


def _without_players(count: SeasonCount) -> str | None:
    games = count.regular_games + count.playoff_games
    if count.games_without_players <= MOST_WITHOUT_PLAYERS * games:
        return None
    return f"the season {count.season} is not whole: {count.games_without_players} of {games} games have no player rows"


def _refusal(use: Use, fault: str, split: SeasonSplit, fit: list[str]) -> str:
    """The message, with the last seasons that can serve instead."""
    wanted = len(getattr(split, use))
    others = sorted(fit) if use == "holdout" else [name for name in sorted(fit) if name < min(split.holdout)]
    instead = others[-wanted:]
    verb = "held out" if use == "holdout" else "validated on"
    message = f"evaluation.{use}: {fault}, so it cannot be {verb}. {_COMPLETE}"
    if len(instead) < wanted:
        return f"{message}: without it there are too few others"
    return f'{message}, or use others: --set "evaluation.{use}=[{", ".join(instead)}]"'
