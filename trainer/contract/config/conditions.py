"""Which parameters of a search space are there: those whose conditions hold, given the values of the others.

Surprising: a condition on a parameter that is itself absent does not hold, whatever value the configuration has for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from truestrength.trainer.contract.config.search_space import (
    Condition,
    Dimension,
    Parameters,
    Point,
    Rows,
    SearchSpace,
    config_key,
    encode_choice,
    names_of,
)


def condition(dimension: Dimension) -> Condition:
    """Dotted key of the configuration -> its values with which a parameter is there; empty: always."""
    return {config_key(name): values for name, values in (dimension.when or {}).items()}


def labels(space: SearchSpace) -> dict[str, str]:
    """Dotted key of the configuration -> the key of the search space that sets it."""
    return {config_key(name): label for label, dimension in space.items() for name in names_of(label, dimension)}


def parents(space: SearchSpace, label: str) -> list[str]:
    """The keys of the search space that a parameter's conditions name."""
    known = labels(space)
    return [known[key] for key in condition(space[label]) if key in known]


def ordered(space: SearchSpace) -> list[str]:
    """The keys of a search space, each after those that it depends on, else in their order."""
    done: dict[str, None] = {}

    def place(label: str) -> None:
        for parent in parents(space, label):
            place(parent)
        done[label] = None

    for label in space:
        place(label)
    return list(done)


def same(a: Any, b: Any) -> bool:
    """Whether two values of a parameter are equal; a list and a tuple are, `true` and 1 are not."""
    return isinstance(a, bool) is isinstance(b, bool) and encode_choice(a) == encode_choice(b)


def holds(asked: Condition, values: Mapping[str, Any]) -> bool:
    """Whether a condition holds, given the values of dotted keys; an absent one has none."""
    return all(key in values and any(same(values[key], one) for one in allowed) for key, allowed in asked.items())


def spread(space: SearchSpace, point: Point) -> Parameters:
    """The parameters of a point: rows taken apart, and without those whose conditions do not hold.

    >>> trees = Rows(names=("max_depth", "learning_rate"), values=((3, 0.1), (5, 0.06)))
    >>> shares = Rows(names=("subsample",), values=((0.5,), (1.0,)), when={"max_depth": (5,)})
    >>> spread({"trees": trees, "shares": shares}, {"trees": (3, 0.1), "shares": (0.5,)})
    {'max_depth': 3, 'learning_rate': 0.1}
    """
    values: dict[str, Any] = {}
    for label in ordered(space):
        dimension = space[label]
        if label in point and holds(condition(dimension), values):
            row = point[label] if isinstance(dimension, Rows) else (point[label],)
            own = names_of(label, dimension)
            values.update((config_key(name), value) for name, value in zip(own, row, strict=True))
    names = (name for label, dimension in space.items() for name in names_of(label, dimension))
    return {name: values[config_key(name)] for name in names if config_key(name) in values}


def gathered(space: SearchSpace, parameters: Mapping[str, Any]) -> Point:
    """The point that was spread into `parameters`: without what is absent."""
    point: Point = {}
    for label, dimension in space.items():
        own = names_of(label, dimension)
        if all(name in parameters for name in own):
            row = [parameters[name] for name in own]
            point[label] = row if isinstance(dimension, Rows) else row[0]
    return point


def resolved(space: SearchSpace, fixed: Mapping[str, Any]) -> SearchSpace:
    """A search space in which every condition is on a parameter of it: those on fixed keys hold or do not.

    Args:
        space: as the configuration has it.
        fixed: dotted key -> its value in the configuration.
    """
    known = labels(space)
    found: SearchSpace = {}
    for label in ordered(space):
        dimension, there = space[label], labels(found)
        asked = condition(dimension)
        of_others = {key: allowed for key, allowed in asked.items() if key not in known}
        rest = {key: allowed for key, allowed in asked.items() if key in known}
        if holds(of_others, fixed) and all(key in there for key in rest):
            found[label] = replace(dimension, when=rest or UNSET)
    return {label: found[label] for label in space if label in found}


def reached(space: SearchSpace, label: str) -> Point | None:
    """Values of all that a parameter depends on with which it is there; None where it never is."""
    known = labels(space)
    asked: dict[str, list[Condition]] = {}
    for key, allowed in _asked(space, label):
        asked.setdefault(known.get(key, key), []).append({key: allowed})
    point: Point = {}
    for parent, conditions in asked.items():
        fitting = _candidates(space.get(parent), conditions)
        if not fitting:
            return None
        if parent in space:
            point[parent] = fitting[0]
    return point


def _asked(space: SearchSpace, label: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What has to hold for a parameter to be there, of its own conditions and of those that it depends on."""
    yield from condition(space[label]).items()
    for parent in parents(space, label):
        yield from _asked(space, parent)


def _candidates(dimension: Dimension | None, asked: list[Condition]) -> list[Any]:
    """The values of a parameter, or of a fixed key, with which all of these conditions hold; of rows, whole rows."""
    if isinstance(dimension, Rows):
        keys = [config_key(name) for name in dimension.names]
        rows = [dict(zip(keys, row, strict=True)) for row in dimension.values]
    else:
        [key] = asked[0]
        rows = [{key: value} for value in asked[0][key]]
    found = [tuple(row.values()) for row in rows if all(holds(one, row) for one in asked)]
    return found if isinstance(dimension, Rows) else [value for (value,) in found]
