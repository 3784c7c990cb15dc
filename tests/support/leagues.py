"""A league folder that has nothing but its manifest: all that a launcher looks at."""

from pathlib import Path

import msgspec

from trainer.contract.league.manifest import Manifest, SeasonCount
from trainer.contract.paths.league import LeaguePaths


def stub_league(folder: Path, fingerprint: str = "f00d") -> Path:
    """Write the manifest of eight seasons into `folder`, which is made."""
    seasons = tuple(
        SeasonCount(f"{year}-{(year + 1) % 100:02}", 1230, 82, 26_000, f"{year}-10-20", f"{year + 1}-04-10")
        for year in range(2015, 2023)
    )
    folder.mkdir(parents=True, exist_ok=True)
    LeaguePaths(folder).manifest.write_bytes(msgspec.json.encode(Manifest("stub", fingerprint, seasons, {})))
    return folder
