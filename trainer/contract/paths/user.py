"""A path as a user writes it: `~` and `$VAR` mean the same in a file, in `--set` and in a flag.

Surprising: a shell leaves the `~` of `--config=~/x` and of `--set paths.data=~/x` as it is, and YAML knows neither.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from truestrength.trainer.contract.errors import ConfigError

LONGEST_NAME = 255
LONGEST_PATH = 3000
"""Of the 4,096 bytes that Linux takes, some are for what lies below."""
SHOWN = 60
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([^}]*)\})")


def expanded(text: str, where: str) -> str:
    """`text` with `~`, `~user`, `$VAR` and `${VAR}` replaced.

    A path that is there under the very name that was written, with a dollar in it, is taken as it is when there is no
    such variable.

    Args:
        text: What was written.
        where: The key or flag, for the message.

    Raises:
        ConfigError: a variable is not set, there is no such home, or no file can have such a name.
    """
    _check_name(text, where)

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if os.environ.get(name):
            return os.environ[name]
        if os.path.lexists(text):
            return found[0]
        raise ConfigError(
            f"{where}: {text}: the variable {name} is not set{' to anything' if name in os.environ else ''}. "
            "Set it, or write the path without it"
        )

    whole = _VARIABLE.sub(value, text)
    name = max(whole.split("/"), key=lambda name: len(os.fsencode(name)))
    if len(os.fsencode(name)) > LONGEST_NAME or len(os.fsencode(whole)) > LONGEST_PATH:
        raise ConfigError(
            f"{where}: {whole[:SHOWN]}… is too long: a path has at most {LONGEST_PATH} bytes, each name in it "
            f"{LONGEST_NAME}"
        )
    if not whole.startswith("~"):
        return whole
    home = os.path.expanduser(whole)  # noqa: PTH111 - Path.expanduser raises RuntimeError instead of saying which
    if home.startswith("~"):
        raise ConfigError(
            f"{where}: {text}: no home folder is known for {whole.partition('/')[0]}. Write the whole path"
        )
    return home


def _check_name(text: str, where: str) -> None:
    try:
        possible = b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise ConfigError(
            f"{where}: {text!r}: no file can have such a name here: it holds a sign that no name may have"
        )


def path(text: str) -> Path:
    """A flag's value (argparse `type=path`)."""
    try:
        return Path(expanded(text, "path"))
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("path: ")) from None
