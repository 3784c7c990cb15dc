"""`python -m trainer`: data, one run, a worker, the stage store. Parses, calls, prints."""

from __future__ import annotations

import sys

from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line

if __name__ == "__main__":
    sys.exit(command_line.main(parser()))
