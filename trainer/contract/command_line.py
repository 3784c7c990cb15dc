"""How every command ends: 0 done, 2 the user's mistake (said without a traceback), 130 stopped by Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from trainer.contract.errors import EXIT_USER_ERROR, UserError

EXIT_INTERRUPTED = 130


def main(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Parse, call the chosen command's `handler(args)`, and turn what it raises into an exit code.

    A handler returns an exit code, or None for 0.
    """
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
        # The reader (head, less) has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code or 0
