"""The logs of one season as LeagueGameLog gives them, and what they are when nothing is wrong."""

from pathlib import Path

import pytest

from tests.integration.trainer.real_files.logs import DATA, SEASON, Logs, bring, read
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import Manifest


@pytest.fixture(scope="session", autouse=True)
def _there() -> None:
    if not DATA.exists():
        pytest.skip(f"no NBA logs in {DATA}")


@pytest.fixture(scope="session")
def logs() -> Logs:
    """The logs of one season."""
    return tuple(table.drop("season", "season_type") for table in read(SEASON))


@pytest.fixture(scope="session")
def right(logs: Logs, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The manifest of the season as it is."""
    return bring(tmp_path_factory.mktemp("right"), logs)


@pytest.fixture(scope="session")
def ten_seasons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A league folder with all seasons."""
    folder = tmp_path_factory.mktemp("ten") / "league"
    import_logs(DATA / "team_logs.parquet", DATA / "player_logs.parquet", folder)
    return folder
