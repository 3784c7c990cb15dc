"""Which seasons are trained on, validated on and held out.

Surprising: a season between the last training season and the held-out ones that is not named is used for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truestrength.trainer.contract.config.settings import Evaluation
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.league.manifest import Manifest


@dataclass(frozen=True)
class SeasonSplit:
    """Season names, each in order of time; no season is in two of them."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    holdout: tuple[str, ...]


def split_seasons(evaluation: Evaluation, manifest: Manifest) -> SeasonSplit:
    """Seasons for training, validation and holding out.

    A count of held-out seasons means the last ones; a count of validation seasons means the last ones before the
    held-out ones. Every season before the first validation season that is not held out is trained on.

    Raises:
        ConfigError: for a season that the league does not have, one that is asked for twice, or when no season is
            left to train on.
    """
    names = tuple(sorted(season.season for season in manifest.seasons))
    holdout = _choose("holdout", evaluation.holdout, names, names)
    before = tuple(name for name in names if name < min(holdout))
    validation = _choose("validation", evaluation.validation, before, names)
    if both := sorted(set(validation) & set(holdout)):
        raise ConfigError(
            f"evaluation: {', '.join(both)} is both in validation and in holdout. Take it out of one of them"
        )
    train = tuple(name for name in names if name < min(validation) and name not in holdout)
    if len(train) < 2:
        raise ConfigError(
            f"evaluation: at least 2 seasons are needed to train on, found {len(train)} before the validation season "
            f"{min(validation)}. The league has {_listed(names)}. Validate on later seasons, or import more of them"
        )
    return SeasonSplit(train, validation, holdout)


def _choose(
    key: str, wanted: tuple[str, ...] | int, candidates: tuple[str, ...], names: tuple[str, ...]
) -> tuple[str, ...]:
    """The seasons that `evaluation.<key>` means: the last of `candidates`, or those named.

    Raises:
        ConfigError: when there are too few, or a name is unknown.
    """
    if isinstance(wanted, int):
        if wanted > len(candidates):
            raise ConfigError(
                f"evaluation.{key}: asks for {wanted} seasons, but there are only {len(candidates)} to choose from. "
                f"The league has {_listed(names)}"
            )
        return candidates[-wanted:]
    for name in wanted:
        if name not in names:
            raise ConfigError(f"evaluation.{key}: the league has no season '{name}'; {suggest(name, names)}")
    if not wanted:
        raise ConfigError(f"evaluation.{key}: at least one season is needed. The league has {_listed(names)}")
    return tuple(sorted(set(wanted)))


def _listed(names: tuple[str, ...]) -> str:
    return f"{len(names)} seasons: {', '.join(names)}" if names else "no seasons"


def check_folds(n_folds: int, seasons: Sequence[str]) -> None:
    """Refuse more folds than there are training seasons.

    Raises:
        ConfigError: naming them.
    """
    if len(seasons) < n_folds:
        raise ConfigError(
            f"training.n_folds: {n_folds} folds of whole seasons need {n_folds} training seasons, found {len(seasons)} "
            f"({', '.join(seasons)}). Set training.n_folds={len(seasons)} or train on more seasons"
        )
