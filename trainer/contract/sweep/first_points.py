"""The points that a sweep tries first: what is said of them has to lie in its search space, and need not be all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from truestrength.trainer.contract.config.conditions import condition, holds, labels, spread
from truestrength.trainer.contract.config.fitting import fit, said_values, text
from truestrength.trainer.contract.config.search_space import (
    Condition,
    Dimension,
    Fixed,
    Parameters,
    Point,
    Rows,
    SearchSpace,
    config_key,
    names_of,
    singles,
)
from truestrength.trainer.contract.errors import ConfigError, suggest
from truestrength.trainer.contract.sweep import rungs
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method


def with_first(spec: SweepSpec, points: Sequence[Mapping[str, Any]]) -> SweepSpec:
    """The sweep with points that it tries first.

    Raises:
        ConfigError: one of them is none of its search space, or there are more than it has slots for.
    """
    if not points:
        return spec
    where = f"{spec.batch_id}: first"
    if spec.method is Method.GRID:
        raise ConfigError(f"{where}: --method {spec.method} tries its own points; use another method")
    if (room := rungs.rung_sizes(spec.method, spec.n_trials)[0]) < len(points):
        raise ConfigError(
            f"{where}: {len(points)} points, but only {room} trials begin anew: give fewer, or more trials"
        )
    space = spec.space
    found: list[Parameters] = []
    for i, point in enumerate(points):
        found.append(_checked(space, point, f"{where}[{i}]"))
        if found[-1] in found[:-1]:
            raise ConfigError(f"{where}[{i}]: {found[-1]} is written twice")
    return replace(spec, first=tuple(found))


def completed(space: SearchSpace, said: Parameters, rest: Point) -> Parameters:
    """A point of which some is said, with the rest from another one.

    Args:
        space: of the sweep.
        said: as `with_first` has checked it.
        rest: a value for every key of the space.
    """
    point: Point = {}
    for label, dimension in space.items():
        fitting = _fitting(label, dimension, said, [rest[label]])
        point[label] = rest[label] if rest[label] in fitting else fitting[0]
    return spread(space, point)


def _checked(space: SearchSpace, said: Mapping[str, Any], where: str) -> Parameters:
    """What is said, by the names and with the values of the space."""
    alone, names = singles(space), {config_key(name): name for name in singles(space)}
    point: Parameters = {}
    for name, value in said.items():
        own = names.get(config_key(name))
        if own is None:
            raise ConfigError(f"{where}: no parameter of the search space is called {name!r}: {suggest(name, alone)}")
        if own in point:
            raise ConfigError(f"{where}: {config_key(name)} is written twice")
        point[own] = fit(alone[own], value)
        if point[own] is UNSET:
            raise ConfigError(f"{where}: {name}: is never {text(value)}: it is {said_values(alone[own])}")
    for label, dimension in space.items():
        if isinstance(dimension, Rows) and not _fitting(label, dimension, point, []):
            there = ", ".join(f"{name} {text(point[name])}" for name in dimension.names if name in point)
            raise ConfigError(f"{where}: no row of {label} has {there}")
    for label, dimension in space.items():
        if any(name in point for name in names_of(label, dimension)):
            _check_there(space, label, point, where)
    return point


def _check_there(space: SearchSpace, label: str, point: Parameters, where: str) -> None:
    """Refuse a value of a parameter that would not be there, or only if the rest happens to bring it about."""
    for key, allowed in condition(space[label]).items():
        parent = labels(space)[key]
        if not _brings_about(parent, space[parent], point, {key: allowed}):
            known = ", ".join(map(text, allowed))
            raise ConfigError(f"{where}: {label} is only there where {key} is one of {known}: say that, too")
        _check_there(space, parent, point, where)


def _brings_about(label: str, dimension: Dimension, said: Parameters, asked: Condition) -> bool:
    """Whether what is said of a key of the space is enough for a condition to hold."""
    keys = [config_key(name) for name in names_of(label, dimension)]
    found = _fitting(label, dimension, said, [])
    rows = [row if isinstance(dimension, Rows) else (row,) for row in found]
    return bool(rows) and all(holds(asked, dict(zip(keys, row, strict=True))) for row in rows)


def _fitting(label: str, dimension: Dimension, said: Parameters, otherwise: list[Any]) -> list[Any]:
    """The values of a key of the space that agree with what is said."""
    if isinstance(dimension, Rows):
        return [
            row
            for row in dimension.values
            if all(name not in said or said[name] == value for name, value in zip(dimension.names, row, strict=True))
        ]
    if label in said:
        return [said[label]]
    return [dimension.value] if isinstance(dimension, Fixed) else otherwise
