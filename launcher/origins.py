"""Where each value of a plan came from: a file, a variable of the environment, or a word of the command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.config.user import CONFIG_VARIABLE, DEFAULT_CONFIG, named, settings_file
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.paths.user import path
from truestrength.trainer.contract.text_table import text_table

DEFAULT = "default"
_FLAGS = ("n_trials", "n_jobs", "method", "sampler", "repeats", "max_minutes", "goal", "prior", "run_explain")
_LISTS = ("search_spaces", "plans", "sweep", "first")
"""What is shown as the plan itself."""


class Value(NamedTuple):
    """A value, and what said it."""

    value: Any
    source: str


def values(config: Config, origin: Mapping[str, str], args: argparse.Namespace) -> dict[str, Value]:
    """Every value of a configuration by dotted key, and what the command line says of the plan.

    Args:
        config: As it was read.
        origin: What set each of its keys; what is not in it has its default.
        args: The command's.
    """
    found = {"config": Value(str(args.config), _of_config(args))}
    for key, value in leaves(msgspec.to_builtins(config)):
        if key.partition(".")[0] not in _LISTS:
            found[key] = Value(value, _named(origin.get(key, DEFAULT)))
    for name in _FLAGS:
        if (value := getattr(args, name)) not in (None, ()):
            found[name] = Value(value, f"--{name.replace('_', '-')}")
    return found


def table(found: Mapping[str, Value]) -> str:
    """What is not as it is by default, and what said so."""
    rows = [[key, as_text(one.value), one.source] for key, one in found.items() if one.source != DEFAULT]
    return text_table(["value", "is", "from"], rows) if rows else "every value is the default"


def as_text(value: Any) -> str:
    """A value as it is written in YAML: JSON is that, too."""
    return msgspec.json.encode(value).decode()


def _named(source: str) -> str:
    return f"settings ({source})" if source == str(settings_file()) else source.partition("=")[0]


def _of_config(args: argparse.Namespace) -> str:
    said = named(CONFIG_VARIABLE)
    if args.config != path(said or DEFAULT_CONFIG):
        return "--config"
    return CONFIG_VARIABLE if said else DEFAULT
