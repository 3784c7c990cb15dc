"""The parts of the papers that are made from the code: every key of the configuration, and every command.

    python -m tests.support.reference

writes them into docs/configuration.md and docs/commands.md, below the line that says so; what stands above is ours.
"""

from collections.abc import Callable
from pathlib import Path

from tests.support.places import REPOSITORY
from tests.support.reference_commands import commands
from tests.support.reference_keys import keys

DOCS = REPOSITORY / "docs"
MARK = "<!-- What follows is written by `python -m tests.support.reference`. -->"
MADE: dict[str, Callable[[], str]] = {"configuration.md": keys, "commands.md": commands}


def anew(paper: Path) -> str:
    """The text of a paper with its last part made anew."""
    own = paper.read_text(encoding="utf-8").partition(MARK)[0]
    return f"{own}{MARK}\n\n{MADE[paper.name]()}\n"


if __name__ == "__main__":
    for name in MADE:
        (DOCS / name).write_text(anew(DOCS / name), encoding="utf-8")
