"""What `--set` gives a value to is searched no more: who names a value means it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from truestrength.trainer.contract.config.conditions import same
from truestrength.trainer.contract.config.search_space import Dimension, Fixed, Rows, SearchSpace, config_key, names_of
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.errors import ConfigError


def searched_no_more(config: Config, origin: Mapping[str, str]) -> Config:
    """The configuration with every parameter that `--set` names fixed at its value, in every search space.

    Args:
        config: As it was read.
        origin: Where each of its keys was set; `--set …` for those of the command line.

    Raises:
        ConfigError: `--set` says of one parameter both what it is and what is searched, or no row has the value.
    """
    written = leaves(msgspec.to_builtins(config))
    given = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in written
        if origin.get(key, "").startswith("--set ")
    }
    spaces = {
        phase: _without(space, given, f"search_spaces.{phase}", origin) for phase, space in config.search_spaces.items()
    }
    lists = {}
    for name, values in config.sweep.items():
        if config_key(name) in given:
            _refuse_both(name, f"sweep.{name}", origin)
        lists[name] = (given[config_key(name)],) if config_key(name) in given else values
    return msgspec.structs.replace(config, search_spaces=spaces, sweep=lists)


def _without(space: SearchSpace, given: Mapping[str, Any], section: str, origin: Mapping[str, str]) -> SearchSpace:
    """A search space without the search of what is given."""
    found: dict[str, Any] = {}
    for label, dimension in space.items():
        own = {name: given[config_key(name)] for name in names_of(label, dimension) if config_key(name) in given}
        for name in own:
            _refuse_both(name, f"{section}.{label}", origin)
        found[label] = _fixed(dimension, own, f"{section}.{label}", origin) if own else dimension
    return found


def _fixed(dimension: Dimension, own: Mapping[str, Any], where: str, origin: Mapping[str, str]) -> Dimension:
    if not isinstance(dimension, Rows):
        return Fixed(value=next(iter(own.values())))
    rows = [dict(zip(dimension.names, row, strict=True)) for row in dimension.values]
    left = tuple(tuple(row.values()) for row in rows if all(same(row[name], value) for name, value in own.items()))
    if not left:
        said = " and ".join(origin[config_key(name)] for name in own)
        raise ConfigError(f"{said}: no row of {where} has it: choose a value of one, or change the rows")
    return msgspec.structs.replace(dimension, values=left)


def _refuse_both(name: str, where: str, origin: Mapping[str, str]) -> None:
    about_it = (told for key, told in origin.items() if f"{key}.".startswith(f"{where}."))
    searched = next((told for told in about_it if told.startswith("--set ")), None)
    if searched:
        raise ConfigError(f"{origin[config_key(name)]}: {searched} searches it ({name}): leave one of the two out")
