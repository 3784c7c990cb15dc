"""How every command ends: 0 done, 2 the user's mistake (said without a traceback), 130 stopped by Ctrl-C."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from trainer.contract.errors import EXIT_USER_ERROR, UserError, suggest

EXIT_INTERRUPTED = 130


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

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, without argparse's page of usage before it."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: error: {message}\n`{self.prog} --help` lists everything\n")


def main(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse, call the chosen command's `handler(args)`, and turn what it raises into an exit code.

    A handler returns an exit code, or None for 0. What the terminal's encoding lacks is printed as `?`.
    """
    print_anything()
    args = parser.parse_args(arguments)
    try:
        code = args.handler(args)
        sys.stdout.flush()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)  # noqa: T201
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        stop_talking()
        return 0
    return code or 0


def print_anything() -> None:
    """Let the standard output print `?` for what its encoding lacks, as the standard error does in its own way."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not a test's
        sys.stdout.reconfigure(errors="replace")


def stop_talking() -> None:
    """The reader of the standard output (head, less) has gone: nothing is written any more, at exit neither."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
