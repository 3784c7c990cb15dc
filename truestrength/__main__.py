"""`truestrength`, or `python -m truestrength`: what a person asks the launcher and the trainer for."""

from __future__ import annotations

import argparse
import sys

from truestrength.launcher.commands import parser as launcher
from truestrength.trainer.commands import parser as trainer
from truestrength.trainer.contract import command_line

DESCRIPTION = "Finds the best settings of a team-strength ranker, and says what was found."


def main() -> int:
    """Run the command of `sys.argv`. Returns its exit code."""
    return command_line.main(parser())


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top: argparse.ArgumentParser = command_line.Parser(prog="truestrength", description=DESCRIPTION)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    launcher.add_commands(commands)
    trainer.add_train(commands, "train")
    trainer.add_seasons_and_seeds(commands)
    trainer.add_ranking(commands)
    trainer.add_data(commands)
    trainer.add_cache(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
