"""`truestrength`, or `python -m truestrength`: what a person asks the launcher and the trainer for."""

from __future__ import annotations

import argparse
import sys

from truestrength.launcher.commands import examples as launcher_examples
from truestrength.launcher.commands import parser as launcher
from truestrength.launcher.commands.completion import complete_sweeps
from truestrength.trainer.commands import examples as trainer_examples
from truestrength.trainer.commands import parser as trainer
from truestrength.trainer.contract import command_line

DESCRIPTION = "Finds the best settings of a team-strength ranker, and says what was found."


def main() -> int:
    """Run the command of `sys.argv`. Returns its exit code."""
    return command_line.main(parser())


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top: argparse.ArgumentParser = command_line.Parser(prog="truestrength", description=DESCRIPTION)
    command_line.add_version(
        top, command_line.imported_when_called("truestrength.trainer.contract.records.version", "show")
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    launcher.add_commands(commands)
    trainer.add_train(commands, "train")
    trainer.add_seasons_and_seeds(commands)
    trainer.add_ranking(commands)
    trainer.add_data(commands)
    trainer.add_cache(commands)
    command_line.add_examples(top, examples())
    complete_sweeps(top)
    return top


def examples() -> dict[str, tuple[str, ...]]:
    """Those of both command lines, by the names that commands have here."""
    theirs = {"train" if name == "run" else name: lines for name, lines in trainer_examples.EXAMPLES.items()}
    for name in ("work", "precision", "compare"):  # jobs' own; and the launcher's `compare`
        del theirs[name]
    return theirs | launcher_examples.EXAMPLES


if __name__ == "__main__":
    sys.exit(main())
