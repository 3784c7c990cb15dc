"""What a user says once for all commands: a settings file, and three variables of the environment.

The settings file holds keys of the configuration and lies below every configuration. Surprising: neither is read where
a finished run's own configuration is, which is whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from truestrength.trainer.contract.config.settings import Config, load_with_origin
from truestrength.trainer.contract.paths.user import expanded

CONFIG_VARIABLE = "TRUESTRENGTH_CONFIG"
OUTPUTS_VARIABLE = "TRUESTRENGTH_OUTPUTS"
CLUSTER_VARIABLE = "TRUESTRENGTH_CLUSTER"


DEFAULT_CONFIG = "config/outputs4_phase1.yaml"
"""What is meant when neither a flag nor TRUESTRENGTH_CONFIG names one."""


def named(variable: str) -> str | None:
    """The path that a variable of the environment names, as it was written."""
    return os.environ.get(variable) or None


def default_cluster() -> Path | None:
    """The profile that is meant when a command that uses SLURM names none."""
    text = named(CLUSTER_VARIABLE)
    return Path(expanded(text, CLUSTER_VARIABLE)) if text else None


def settings_file() -> Path:
    """Where the settings file lies, if there is one: below XDG_CONFIG_HOME, or else ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    # As the XDG specification says, a relative path there is none.
    folder = Path(home) if home.startswith("/") else Path("~/.config").expanduser()
    return folder / "truestrength" / "config.yaml"


def load_for_user(path: Path | None, overrides: Sequence[str] = ()) -> tuple[Config, dict[str, str]]:
    """The configuration that a command works with, and for each dotted key what set it.

    From the lowest to the highest: the built-in defaults, the settings file, `path` and what it extends,
    TRUESTRENGTH_OUTPUTS, `--set`. Without a `path` there is none.

    Raises:
        ConfigError: naming the file, flag or variable, the key, the value and what is allowed.
    """
    file = settings_file() if settings_file().exists() else None
    outputs = named(OUTPUTS_VARIABLE)
    return load_with_origin(
        path or file,
        overrides,
        below=file if path else None,
        environment={"paths.outputs": (outputs, OUTPUTS_VARIABLE)} if outputs else {},
    )
