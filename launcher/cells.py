"""The cells of a plan's grid: every combination of its axes' values, less `exclude`, and then `include`.

The rules are those of GitHub's job matrices, which many people know:
https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrixinclude
Surprising: what an `include` adds is not looked at by the next one; both are compared with the axes' own values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from truestrength.trainer.contract.config.plans import Entry
from truestrength.trainer.contract.errors import ConfigError, suggest

MOST_SWEEPS = 10_000
Cell: TypeAlias = dict[str, Any]


def cells(entry: Entry, where: str) -> list[Cell]:
    """What each sweep of an entry has of its own: names of the grid and their values.

    Args:
        entry: Of a plan.
        where: Begins the message.

    Raises:
        ConfigError: an empty or too large grid, or a rule that cannot mean anything.

    >>> cells(Entry(grid={"a": (1, 2), "b": (3, 4)}, exclude=({"a": 1, "b": 4},), include=({"a": 2, "c": 5},)), "")
    [{'a': 1, 'b': 3}, {'a': 2, 'b': 3, 'c': 5}, {'a': 2, 'b': 4, 'c': 5}]
    """
    if entry.grid is None:
        if entry.include or entry.exclude:
            raise ConfigError(f"{where}: `include` and `exclude` need a `grid`")
        return [{}]
    if not entry.grid:
        raise ConfigError(f"{where}.grid: is empty: name at least one axis and its values, or leave `grid` out")
    refuse_too_many(math.prod(map(len, entry.grid.values())), where)
    _check_values(entry.grid, where)
    found = [dict(zip(entry.grid, values, strict=True)) for values in itertools.product(*entry.grid.values())]
    found = _included(entry, _kept(entry, found, where))
    if not found:
        raise ConfigError(f"{where}.exclude: leaves no cell of the grid")
    return found


def refuse_too_many(n_sweeps: int, where: str) -> None:
    """Keep a plan to what a database and a person can look at.

    Raises:
        ConfigError: more than `MOST_SWEEPS`.
    """
    if n_sweeps > MOST_SWEEPS:
        raise ConfigError(f"{where}: {n_sweeps:,} sweeps; at most {MOST_SWEEPS:,} are possible in a plan")


def _check_values(grid: Mapping[str, tuple[Any, ...]], where: str) -> None:
    for name, values in grid.items():
        for i, value in enumerate(values):
            if value in values[:i]:
                raise ConfigError(f"{where}.grid.{name}: the value {value} is written twice")


def _kept(entry: Entry, found: list[Cell], where: str) -> list[Cell]:
    axes = entry.grid or {}
    for i, rule in enumerate(entry.exclude):
        for name in rule:
            if name not in axes:
                raise ConfigError(
                    f"{where}.exclude[{i}]: no axis of the grid is called {name!r}: {suggest(name, axes)}"
                )
        if not rule or not any(_has(cell, rule) for cell in found):
            raise ConfigError(f"{where}.exclude[{i}]: no cell of the grid has {dict(rule)}")
    return [cell for cell in found if not any(_has(cell, rule) for rule in entry.exclude)]


def _included(entry: Entry, kept: list[Cell]) -> list[Cell]:
    axes = entry.grid or {}
    found, alone = [dict(cell) for cell in kept], []
    for rule in entry.include:
        own = {name: value for name, value in rule.items() if name in axes}
        meant = [i for i, cell in enumerate(kept) if _has(cell, own)]
        for i in meant:
            found[i].update(rule)
        if not meant:
            alone.append(dict(rule))
    return [*found, *alone]


def _has(cell: Cell, values: Mapping[str, Any]) -> bool:
    return all(cell[name] == value for name, value in values.items())
