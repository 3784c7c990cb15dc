"""How every command ends: 0 done, 2 the user's mistake (said without a traceback), 130 stopped by Ctrl-C."""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from truestrength.trainer.contract import disks
from truestrength.trainer.contract.errors import EXIT_USER_ERROR, DiskError, UserError, suggest

EXIT_INTERRUPTED = 130

Handler = Callable[[argparse.Namespace], int | None]


class Parser(argparse.ArgumentParser):
    """Takes no abbreviated flags, and answers an unknown argument with those that there are.

    Its subparsers are of the same kind, so the list is that of the command that was given.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **settings})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse's, but nothing unknown is handed on."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            flags = sorted(
                {flag for action in self._actions for flag in action.option_strings if flag.startswith("--")}
            )
            self.error(f"unknown argument {unknown[0]!r}: {suggest(unknown[0].partition('=')[0], flags)}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Like argparse's, but a word that is none of the choices is answered with the closest one, then with all."""
        if action.choices is not None and value not in action.choices:
            raise argparse.ArgumentError(action, f"{value!r}: {suggest(str(value), map(str, action.choices))}")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without argparse's page of usage before it."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: error: {message}\n`{self.prog} --help` lists everything\n")


def main(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse, and call the chosen command's `handler(args)`. Returns its exit code.

    A handler returns an exit code, or None for 0. What the terminal's encoding lacks is printed as `?`.
    """
    print_anything()
    for word in sys.argv[1:] if arguments is None else arguments:
        if not word.isprintable() and word.encode(errors="replace") != word.encode(errors="ignore"):
            parser.error(f"{word!a}: is not UTF-8 text")
    args = parser.parse_args(arguments)
    return exit_code_of(lambda: args.handler(args))


def exit_code_of(handler: Callable[[], int | None]) -> int:
    """Call a command's handler, and turn what it raises into an exit code."""
    try:
        code = handler()
        sys.stdout.flush()
    except DiskError as error:
        return _user_error(error)
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here", aside=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        stop_talking()
        return 0
    except Exception as error:
        if found := disks.fault(error):
            return _user_error(disks.stopping(found, Path()))
        if isinstance(error, UserError):
            return _user_error(error)
        raise
    return code or 0


def _user_error(error: UserError) -> int:
    with suppress(OSError):  # what is full may be where this goes
        say(f"error: {error}", aside=True)
    return EXIT_USER_ERROR


def print_anything() -> None:
    """Let the standard output print `?` for what its encoding lacks, as the standard error does in its own way."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not a test's
        sys.stdout.reconfigure(errors="replace")


def imported_when_called(module: str, function: str) -> Handler:
    """A command's handler by name: its module is imported when the command is run, so that `--help` is quick."""

    def call(args: argparse.Namespace) -> int | None:
        result: int | None = getattr(import_module(module), function)(args)
        return result

    return call


def say(text: str, *, aside: bool = False) -> None:
    """A line on the standard output, or `aside` (on the standard error, where what is said is not the answer)."""
    print(text, file=sys.stderr if aside else sys.stdout, flush=True)


def stop_talking() -> None:
    """The reader of the standard output (head, less) has gone: nothing is written any more, at exit neither."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def count(text: str) -> int:
    """A whole number, at least 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, at least 1")
    return int(text)


def positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return number


def day(text: str) -> date:
    """A date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a date, such as 2024-03-01") from None
