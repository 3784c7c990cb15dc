"""A league folder that has nothing but its manifest: all that a launcher looks at."""

from pathlib import Path

import msgspec

from truestrength.trainer.contract.league.manifest import Manifest, SeasonCount
from truestrength.trainer.contract.paths.league import LeaguePaths


def season_count(season: str = "2020-21", **changes: object) -> SeasonCount:
    """A season that is whole and over; `changes` are other fields."""
    year = int(season[:4])
    count = SeasonCount(
        season=season,
        regular_games=1230,
        playoff_games=82,
        player_rows=26_000,
        first_date=f"{year}-10-20",
        last_regular_date=f"{year + 1}-04-10",
        last_date=f"{year + 1}-06-15",
        teams=30,
        fewest_games=82,
        most_games=82,
        neutral_games=0,
        champion="BOS",
        player_rows_lost=0,
        games_without_players=0,
        rows_without_minutes=0,
        earliest_list=3,
        last_days=(170, 171, 172),
    )
    return msgspec.structs.replace(count, **changes)


def stub_league(folder: Path, fingerprint: str = "f00d", last: dict[str, object] | None = None) -> Path:
    """Write the manifest of eight seasons into `folder`, which is made; `last` are other fields of the last one."""
    seasons = tuple(season_count(f"{year}-{(year + 1) % 100:02}") for year in range(2015, 2022))
    seasons = (*seasons, season_count("2022-23", **(last or {})))
    folder.mkdir(parents=True, exist_ok=True)
    LeaguePaths(folder).manifest.write_bytes(msgspec.json.encode(Manifest("stub", fingerprint, seasons, {})))
    return folder
