"""What all commands have in common: help with examples, `--version`, what a mistake is answered with, exit codes."""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from truestrength.trainer.contract import disks
from truestrength.trainer.contract.errors import EXIT_TRY_AGAIN, EXIT_USER_ERROR, DiskError, UserError, suggest

EXIT_INTERRUPTED = 130
EXIT_CODES = {
    0: "done",
    1: "trials failed, or are incomplete",
    EXIT_USER_ERROR: "your input",
    EXIT_TRY_AGAIN: "try again: the database, the cluster or Notion is away",
    EXIT_INTERRUPTED: "interrupted",
}
"""What every command says by its exit code. README and each `--help` have the same words."""
_COMPLETES = "_ARGCOMPLETE" in os.environ
"""Whether a shell asks what could follow, and no command is meant."""

Handler = Callable[[argparse.Namespace], int | None]


class Parser(argparse.ArgumentParser):
    """Takes no abbreviated flags, and answers an unknown argument with those that there are.

    Its subparsers are of the same kind, so the list is that of the command that was given. A group of commands that
    is asked for none of them prints its help.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Help, **settings})
        self.examples: Sequence[str] = ()
        """Arguments that are worth trying, without the program's name."""

    def format_help(self) -> str:
        """Like argparse's, with the examples and the exit codes at the end."""
        shown = [f"  {self.prog} {example}".rstrip() for example in self.examples]
        lines = ["examples:", *shown, ""] if shown else []
        codes = [f"{code} {meaning}" for code, meaning in EXIT_CODES.items()]
        self.epilog = "\n".join([*lines, "exit codes:", *(f"  {line}" for line in codes)])
        return super().format_help()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like argparse's, but nothing unknown is handed on."""
        words = sys.argv[1:] if args is None else args
        if (
            not words
            and not _COMPLETES
            and any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        ):
            self.print_help()
            self.exit()
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


class _Help(argparse.HelpFormatter):
    """Leaves the lines of the examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "exit codes:\n" in text else super()._fill_text(text, width, indent)


class _Version(argparse.Action):
    """Calls its `const`, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *_: Any) -> NoReturn:
        self.const(namespace)
        parser.exit()


def add_version(to: argparse.ArgumentParser, show: Handler) -> None:
    """The flag `--version`: `show` prints version, commit and Python."""
    to.add_argument("--version", action=_Version, nargs=0, const=show, help="version, commit and Python")


def commands_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, Parser]]:
    """Every command below a parser, by its words: `db up`; the groups are none."""
    for action in parser._actions:
        for name, below in (action.choices or {}).items() if isinstance(action, argparse._SubParsersAction) else ():
            found = list(commands_of(below))
            yield from [(f"{name} {words}", command) for words, command in found] or [(name, below)]


def add_examples(to: argparse.ArgumentParser, examples: Mapping[str, Sequence[str]]) -> None:
    """Let the commands show examples in their help, by the commands' words."""
    commands = dict(commands_of(to))
    for words, lines in examples.items():
        commands[words].examples = lines


def main(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse, and call the chosen command's `handler(args)`. Returns its exit code.

    `args.program` is what the command line began with.

    A handler returns an exit code, or None for 0. What the terminal's encoding lacks is printed as `?`.
    """
    if _COMPLETES:
        import_module("argcomplete").autocomplete(parser, always_complete_options=False)  # ends the program
    print_anything()
    for word in sys.argv[1:] if arguments is None else arguments:
        if not word.isprintable() and word.encode(errors="replace") != word.encode(errors="ignore"):
            parser.error(f"{word!a}: is not UTF-8 text")
    args = parser.parse_args(arguments)
    args.program = parser.prog
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
    return error.exit_code


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
