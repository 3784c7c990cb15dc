"""What `--set` gives a value to is searched no more: who names a value means it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from trainer.contract.config.search_space import Fixed, Rows, SearchSpace, config_key
from trainer.contract.config.settings import Config
from trainer.contract.config.yaml_files import leaves
from trainer.contract.errors import ConfigError


def searched_no_more(config: Config, origin: Mapping[str, str]) -> Config:
    """The configuration with every parameter that `--set` names fixed at its value, in every search space.

    Args:
        config: As it was read.
        origin: Where each of its keys was set; `--set …` for those of the command line.

    Raises:
        ConfigError: `--set` says of one parameter both what it is and what is searched.
    """
    written = leaves(msgspec.to_builtins(config))
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in written}
    given = {key: source for key, source in origin.items() if source.startswith("--set ") and key in values}
    spaces: dict[str, SearchSpace] = {}
    for phase, space in config.search_spaces.items():
        spaces[phase] = dict(space)
        for label, dimension in space.items():
            where = f"search_spaces.{phase}.{label}"
            if isinstance(dimension, Rows):
                _refuse_part(dimension, where, given)
            elif _is_given(label, where, given, origin):
                spaces[phase][label] = Fixed(value=values[config_key(label)], when=dimension.when)
    lists = {
        name: (values[config_key(name)],) if _is_given(name, f"sweep.{name}", given, origin) else some
        for name, some in config.sweep.items()
    }
    return msgspec.structs.replace(config, search_spaces=spaces, sweep=lists)


def _refuse_part(rows: Rows, where: str, given: Mapping[str, str]) -> None:
    """Nobody can say what one of several parameters is that go together."""
    for name in rows.names:
        if source := given.get(config_key(name)):
            raise ConfigError(f"{source}: {where} searches {name} together with others: leave out one of the two")


def _is_given(name: str, where: str, given: Mapping[str, str], origin: Mapping[str, str]) -> bool:
    """Whether the command line says what a parameter is."""
    source = given.get(config_key(name))
    about_it = (told for key, told in origin.items() if f"{key}.".startswith(f"{where}."))
    searched = next((told for told in about_it if told.startswith("--set ")), None)
    if source and searched:
        raise ConfigError(f"{source}: {searched} searches it ({name}): leave one of the two out")
    return source is not None
