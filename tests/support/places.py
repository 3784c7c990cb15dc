"""Where things lie that tests read or run."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config" / "outputs4_phase1.yaml"
SUPPORT = Path(__file__).parent
NBA = REPOSITORY.parent / "shared" / "data" / "nba"
"""Real game logs, handed to the project beside it; never part of it."""
NBA10 = NBA.with_name("nba10")
"""The same, and the season after it."""
