"""Every command and its arguments as Markdown, told from the parsers: argparse prints them in each Python's own way."""

import argparse
from collections.abc import Iterator
from typing import Any

from tests.support.reference_keys import cell
from truestrength.__main__ import parser


def commands() -> str:
    """Each command below a heading."""
    return "\n\n".join(_below(parser()))


def groups(command: argparse.ArgumentParser) -> list[Any]:
    """The commands below a command."""
    return [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]


def leaves(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """All commands that can be run."""
    for group in groups(command):
        for found in group.choices.values():
            yield from leaves(found)
    if not groups(command):
        yield command


def _below(command: argparse.ArgumentParser) -> Iterator[str]:
    for group in groups(command):
        helps = {choice.dest: choice.help or "" for choice in group._choices_actions}
        for name, found in group.choices.items():
            if not groups(found):
                yield _command(found, helps[name])
            yield from _below(found)


def _command(command: argparse.ArgumentParser, line: str) -> str:
    shown = [action for action in command._actions if action.dest != "help" and action.help != argparse.SUPPRESS]
    rows = [f"| {_argument(action)} | {_meaning(action)} |" for action in shown]
    table = ["", "| argument | meaning |", "| --- | --- |", *rows] if rows else []
    said = cell(command.description or f"{line[:1].upper()}{line[1:]}.")
    return "\n".join([f"## `{command.prog}`", "", said, *table])


def _argument(action: argparse.Action) -> str:
    choices = "|".join(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else str(action.metavar or choices or action.dest.upper())
    if not action.option_strings:
        return cell(f"`{value}`")
    return ", ".join(cell(f"`{name} {value}`" if value else f"`{name}`") for name in action.option_strings)


def _meaning(action: argparse.Action) -> str:
    said = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    return cell(f"{said}{' (required)' if action.required and action.option_strings else ''}".strip())
