"""A small league, whole and right, that tests break one thing of; and a demo league."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.demo import DemoLogs, demo
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import BOX, League, Manifest, load_league

Logs = tuple[pl.DataFrame, pl.DataFrame]
ImportLogs = Callable[..., Manifest]
TEAMS = {"ATL": 1610612737, "BOS": 1610612738, "DEN": 1610612743, "LAL": 1610612747}


def small_league() -> Logs:
    """One season of 4 teams with 5 players each: 36 regular-season games, then a final of 3; every sum is right."""
    rng = np.random.default_rng(3)
    pairs = [(a, b) for a in TEAMS for b in TEAMS if a != b] * 3 + [("BOS", "DEN")] * 3
    teams, players = [], []
    for number, (home, away) in enumerate(pairs):
        playoff = number >= len(pairs) - 3
        points = {}
        for team in (home, away):
            count = rng.integers(1, 6, (5, len(BOX)))
            rows = [_line(dict(zip(BOX, map(int, line), strict=True))) for line in count]
            points[team] = sum(row["pts"] for row in rows)
            if team == away and points[home] == points[away]:
                rows[0] = _line({**rows[0], "fg3m": rows[0]["fg3m"] + 1})
            game = {
                "SEASON_ID": f"{4 if playoff else 2}2020",
                "TEAM_ID": TEAMS[team],
                "TEAM_ABBREVIATION": team,
                "GAME_ID": f"00{4 if playoff else 2}20{number:05d}",
                "GAME_DATE": str(np.datetime64("2020-11-01") + number),
                "MATCHUP": f"{home} vs. {away}" if team == home else f"{away} @ {home}",
            }
            sums = {name.upper(): sum(row[name] for row in rows) for name in BOX}
            teams.append({**game, "MIN": 240, **sums})
            for place, row in enumerate(rows):
                identity = {"PLAYER_ID": TEAMS[team] % 1000 * 10 + place, "PLAYER_NAME": f"{team} player {place}"}
                box = {name.upper(): row[name] for name in BOX}
                players.append({**game, **identity, "MIN": 48, **box, "PLUS_MINUS": place - 2})
    rows = pl.DataFrame(teams)
    difference = pl.col("PTS") - pl.col("PTS").reverse().over("GAME_ID")
    rows = rows.with_columns(PLUS_MINUS=difference, WL=pl.when(difference > 0).then(pl.lit("W")).otherwise(pl.lit("L")))
    return rows, pl.DataFrame(players)


def _line(row: dict[str, int]) -> dict[str, int]:
    points = 2 * row["fgm"] + row["fg3m"] + row["ftm"]
    return {**row, "reb": row["oreb"] + row["dreb"], "pts": points}


@pytest.fixture(scope="session")
def small_logs() -> Logs:
    """Team rows and player rows of the small league."""
    return small_league()


@pytest.fixture
def import_small(tmp_path: Path) -> ImportLogs:
    """Write logs as files and import them into `tmp_path / "league"`."""

    def run(logs: Logs, suffix: str = "parquet", teams: Path | None = None) -> Manifest:
        paths = tmp_path / f"team_logs.{suffix}", tmp_path / f"player_logs.{suffix}"
        for path, table in zip(paths, logs, strict=True):
            table.write_csv(path) if suffix == "csv" else table.write_parquet(path)
        return import_logs(*paths, tmp_path / "league", teams)

    return run


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo league of three seasons, seed 11."""
    folder = tmp_path_factory.mktemp("demo") / "league"
    demo(folder, seed=11, seasons=3)
    return folder


@pytest.fixture(scope="session")
def demo_league(demo_folder: Path) -> League:
    """The demo league as the importer left it."""
    return load_league(demo_folder)


@pytest.fixture(scope="session")
def demo_logs(demo_folder: Path) -> DemoLogs:
    """The demo league as it was simulated, play-in included."""
    paths = LeaguePaths(demo_folder)
    return DemoLogs(*(pl.read_parquet(p) for p in (paths.logs.team_logs, paths.logs.player_logs, paths.truth)))


@pytest.fixture(scope="session")
def regular_games(demo_league: League) -> pl.DataFrame:
    """The demo league's regular-season team rows."""
    return demo_league.team_games.filter(pl.col("season_type") == "regular")
