"""Refuses search spaces that make no sense, and says what lies between which values of a parameter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from truestrength.trainer.contract.config.conditions import condition, parents, reached
from truestrength.trainer.contract.config.fitting import fit, said_values, text
from truestrength.trainer.contract.config.search_space import (
    PARAMETER_KEYS,
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    Rows,
    SearchSpace,
    config_key,
    names_of,
    singles,
)
from truestrength.trainer.contract.errors import ConfigError, suggest

MOST_STEPS = 100_000


@dataclass(frozen=True)
class SpaceChecks:
    """What a search space is held against."""

    varied: Collection[str]
    """The dotted keys that a parameter can be."""
    known: Collection[str]
    """The dotted keys that a condition can name."""
    replace: Callable[[Mapping[str, Any]], object]
    """Puts values of dotted keys into the configuration; raises a ConfigError where it refuses them."""

    def check(self, space: SearchSpace, where: Callable[[str], str]) -> None:
        """Refuse unknown parameters, empty ranges, values that the configuration would refuse, and vain conditions.

        Args:
            space: As it was read.
            where: A key of the space -> the beginning of a message about it.

        Raises:
            ConfigError: naming the parameter, its value and what is allowed.
        """
        for label, dimension in space.items():
            self._check_names(label, dimension, where(label))
        self._check_twice(space, where)
        for label, dimension in space.items():
            self._check_values(label, dimension, where(label))
        for label in space:
            self._check_condition(space, label, f"{where(label)}.when")
        for label in space:
            _check_cycle(space, label, where)
        for label in space:
            if reached(space, label) is None:
                raise ConfigError(f"{where(label)}.when: contradicts itself: the parameter would never be there")

    def _check_names(self, label: str, dimension: Dimension, where: str) -> None:
        if isinstance(dimension, Rows):
            if config_key(label) in self.varied:
                raise ConfigError(
                    f"{where}: is the name of a parameter: rows have one of their own, and their parameters in `names`"
                )
            where = f"{where}.names"
        for name in names_of(label, dimension):
            if config_key(name) not in self.varied:
                said = f"{where}: unknown parameter" + (f" {name!r}" if isinstance(dimension, Rows) else "")
                raise ConfigError(f"{said}: {suggest(name, PARAMETER_KEYS)}, or a dotted key")

    def _check_values(self, label: str, dimension: Dimension, where: str) -> None:
        names = names_of(label, dimension)
        for i, value in enumerate(extremes(dimension, where)):
            if isinstance(dimension, Rows) and len(value) != len(names):
                raise ConfigError(f"{where}.values[{i}]: {list(value)} has {len(value)} values for {len(names)} names")
            row = value if isinstance(dimension, Rows) else (value,)
            self._put(dict(zip(map(config_key, names), row, strict=True)), where)

    def _check_twice(self, space: SearchSpace, where: Callable[[str], str]) -> None:
        seen: set[str] = set()
        for label, dimension in space.items():
            for key in map(config_key, names_of(label, dimension)):
                if key in seen:
                    raise ConfigError(f"{where(label)}: {key} is searched twice; it has one place in a search space")
                seen.add(key)

    def _check_condition(self, space: SearchSpace, label: str, where: str) -> None:
        alone = {config_key(name): dimension for name, dimension in singles(space).items()}
        for key, allowed in condition(space[label]).items():
            if key in alone:
                for value in allowed:
                    _check_possible(alone[key], value, f"{where}: {key}")
            elif key in self.known:
                for value in allowed:
                    self._put({key: value}, where)
            else:
                raise ConfigError(f"{where}: nothing is called {key!r}: {suggest(key, [*alone, *self.known])}")

    def _put(self, values: Mapping[str, Any], where: str) -> None:
        try:
            self.replace(values)
        except ConfigError as error:
            raise ConfigError(f"{where}: {str(error).removeprefix('parameters: ')}") from None


def extremes(dimension: Dimension, where: str) -> list[Any]:
    """The values of a dimension between which all others lie; `where` begins the message.

    Raises:
        ConfigError: an empty range, a contradiction, or a value that is there twice.
    """
    match dimension:
        case IntRange(low=low, high=high) | FloatRange(low=low, high=high):
            _check_range(dimension, where)
            return [low, high]
        case Choice(values=values) | Rows(values=values):
            twice = [value for i, value in enumerate(values) if value in values[:i]]
            if twice:
                raise ConfigError(f"{where}: the value {twice[0]} is written twice")
            return list(values)
        case Fixed(value=value):
            return [value]
    raise AssertionError(dimension)


def _check_range(dimension: IntRange | FloatRange, where: str) -> None:
    low, high = dimension.low, dimension.high
    if low > high:
        raise ConfigError(f"{where}: low ({low}) is above high ({high})")
    if isinstance(dimension, IntRange):
        return
    if dimension.log and low <= 0:
        raise ConfigError(f"{where}: log needs low above 0, found {low}")
    if dimension.log and dimension.step:
        raise ConfigError(f"{where}: a range has either log or a step, found both. Leave one of them out")
    if dimension.step and (high - low) / dimension.step > MOST_STEPS:
        raise ConfigError(f"{where}: step {dimension.step} makes more than {MOST_STEPS} values from {low} to {high}")


def _check_possible(dimension: Dimension, value: Any, where: str) -> None:
    if isinstance(dimension, FloatRange) and dimension.step is None:
        raise ConfigError(
            f"{where}: is searched in a range without a step, so no trial ever meets {text(value)}: give it a step"
        )
    if fit(dimension, value) is UNSET:
        raise ConfigError(f"{where}: is never {text(value)}: it is {said_values(dimension)}")


def _check_cycle(space: SearchSpace, label: str, where: Callable[[str], str]) -> None:
    """Refuse a parameter that depends on itself, by whatever way."""
    ways = [[label, parent] for parent in parents(space, label)]
    seen = set()
    while ways:
        way = ways.pop()
        if way[-1] == label:
            raise ConfigError(f"{where(label)}.when: depends on itself: {' -> '.join(way)}")
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [[*way, parent] for parent in parents(space, way[-1])]
