"""`completion bash|zsh|fish`: what a shell needs to complete commands, flags and the names of sweeps.

The names are those of the folders in the outputs root, so that a press of the tab key asks no database.
"""

from __future__ import annotations

import argparse
from typing import Any

from truestrength.trainer.contract.command_line import commands_of, say
from truestrength.trainer.contract.config.settings import Paths
from truestrength.trainer.contract.config.user import OUTPUTS_VARIABLE, named
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.paths.user import path

PROGRAM = "truestrength"
"""A shell completes what follows a program's name; `truestrength` is none."""


def completion(args: argparse.Namespace) -> None:
    """`truestrength completion`."""
    from argcomplete import shell_integration  # noqa: PLC0415 - not for every command

    say(shell_integration.shellcode([PROGRAM], shell=args.shell).rstrip())


def complete_sweeps(parser: argparse.ArgumentParser) -> None:
    """Let a shell complete the names of sweeps wherever a command takes one that is there."""
    for _, command in commands_of(parser):
        for action in command._actions:
            if str(action.metavar).startswith("BATCH") and not action.option_strings:
                vars(action)["completer"] = _sweeps


def _sweeps(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The sweeps that have a folder in the outputs root that is meant."""
    chosen = getattr(parsed_args, "outputs", None) or path(named(OUTPUTS_VARIABLE) or Paths().outputs)
    return OutputsRoot(chosen).sweep_names()
