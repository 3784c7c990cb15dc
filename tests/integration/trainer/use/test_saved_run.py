"""A run's folder that is not what it should be."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.integration.trainer.use.conftest import MIDDLE
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.paths.outputs import ModelPaths
from truestrength.trainer.data.importer import write_league
from truestrength.trainer.data.league import League
from truestrength.trainer.use.ranked_date import rank_date
from truestrength.trainer.use.saved_run import SavedRun, find_run, load_run


@pytest.fixture
def copy(run: SavedRun, tmp_path: Path) -> Path:
    """The run's folder, to be damaged."""
    shutil.copytree(run.paths.folder, tmp_path / "run_025")
    return tmp_path / "run_025"


def test_a_run_is_found_by_id_name_and_folder(run: SavedRun, outputs_root: Path) -> None:
    for said in ("25", "run_025", "run_25", str(run.paths.folder)):
        assert find_run(said, outputs_root).paths == run.paths


def test_a_run_that_failed_says_why(copy: Path) -> None:
    record = json.loads((copy / "provenance.json").read_text())
    (copy / "provenance.json").write_text(json.dumps({**record, "state": "failed", "reason": "no memory"}))
    with pytest.raises(UserError, match="the run is not complete but failed: no memory"):
        load_run(copy)


@pytest.mark.parametrize("name", ["provenance.json", "metrics.json"])
def test_a_torn_record_is_said(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:100])
    with pytest.raises(DataError, match=rf"{name}: cannot be read: .* The run's folder is not whole"):
        load_run(copy)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_columns(path: Path) -> None:
    description = json.loads(path.read_text())
    path.write_text(json.dumps({**description, "player_columns": description["player_columns"][:-1]}))


def fewer_rounds(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "rounds": 10_000}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("model_a.safetensors", cut),
        ("model_b.json", cut),
        ("model_b.json", lambda path: path.write_text("{}")),
        ("model_c.safetensors", cut),
        ("model_c.safetensors", Path.unlink),
        ("stack.json", cut),
        ("stack.json", other_columns),
        ("stack.json", fewer_rounds),
    ],
)
def test_damaged_models_are_said(copy: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(ModelPaths(copy / "models").folder / name)
    with pytest.raises(DataError, match="no fitted models here"):
        rank_date(load_run(copy), None, MIDDLE)


def test_a_clone_without_models_and_predictions_is_said(copy: Path) -> None:
    (copy / "predictions.parquet").unlink()
    with pytest.raises(DataError, match="git keeps no models and no predictions"):
        rank_date(load_run(copy), None, MIDDLE)


def test_another_leagues_teams_are_refused(run: SavedRun, nba_teams_league: Path) -> None:
    with pytest.raises(DataError, match="run_025 ranks other teams than this league has: 30 of its teams"):
        rank_date(run, nba_teams_league, MIDDLE)


@pytest.fixture
def nba_teams_league(tmp_path: Path, league: League) -> Path:
    """A league of other teams."""
    shift = {name: pl.col(name) + 7_000 for name in ("team_id", "opponent_id")}
    moved = dataclasses.replace(
        league,
        team_games=league.team_games.with_columns(**shift),
        player_games=league.player_games.with_columns(team_id=pl.col("team_id") + 7_000),
        teams=league.teams.with_columns(team_id=pl.col("team_id") + 7_000),
    )
    write_league(moved, tmp_path / "others")
    return tmp_path / "others"
