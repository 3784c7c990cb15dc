"""`--version`: the version, the commit where it is known, and Python's version."""

from __future__ import annotations

import argparse

from truestrength.trainer.contract.command_line import say
from truestrength.trainer.contract.records.provenance import git_state, versions


def show(_: argparse.Namespace) -> None:
    """Print it."""
    found = versions()
    commit, dirty = git_state()
    source = f" ({commit[:12]}{', changed' if dirty else ''})" if commit else ""
    say(f"truestrength {found.get('truestrength', 'not installed')}{source}, Python {found['python']}")
