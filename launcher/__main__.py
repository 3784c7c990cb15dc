"""`python -m launcher`: sweeps, Phase I, the plan, the database, and what is going on. Parses, calls, prints."""

from __future__ import annotations

import sys

from truestrength.launcher.commands.parser import parser
from truestrength.trainer.contract import command_line

if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
