"""A finished run of a small demo league, and that league with other endings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from pathlib import Path

import msgspec
import polars as pl
import pytest

from truestrength.trainer.contract.config.settings import Config, replace
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.data.demo import demo
from truestrength.trainer.data.importer import write_league
from truestrength.trainer.data.league import League, load_league
from truestrength.trainer.data.season_counts import count_seasons
from truestrength.trainer.run.lone_run import run_once
from truestrength.trainer.use.saved_run import SavedRun, load_run

SMALL = {
    "training.n_folds": 2,
    "training.max_lists_oof": 40,
    "training.max_final_batches": 40,
    "model_a.epochs": 4,
    "model_b.n_estimators": 60,
    "model_c.n_estimators": 30,
    "inference.run_id_base": 30,
}
MIDDLE = date(2019, 1, 15)
"""In a season that the run was validated on."""

Rewritten = Callable[[pl.DataFrame, pl.DataFrame], Path]


@pytest.fixture(scope="session")
def demo_league(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2015-16 to 2019-20: two seasons to train on, two to validate on, one held out."""
    folder = tmp_path_factory.mktemp("league")
    demo(folder, seed=3, seasons=5)
    return folder


@pytest.fixture(scope="session")
def outputs_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run's id is looked up."""
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="session")
def make_run(outputs_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SavedRun]:
    """Train a small run on a league; arguments change its configuration."""
    cache = tmp_path_factory.mktemp("cache")

    def make(league: Path, **changes: object) -> SavedRun:
        places = {"paths.data": str(league), "paths.outputs": str(outputs_root), "paths.batch_cache": str(cache)}
        config = replace(Config(), {**SMALL, **places, **changes})
        return load_run(run_once(config, threads=1).folder)

    return make


@pytest.fixture(scope="session")
def run(make_run: Callable[..., SavedRun], demo_league: Path) -> SavedRun:
    """`run_025`."""
    return make_run(demo_league, **{"inference.run_id": 25})


@pytest.fixture
def rewritten(demo_league: Path, tmp_path: Path) -> Rewritten:
    """Writes the league with other tables of team games and player games; its folder."""
    league = load_league(demo_league)

    def write(team_games: pl.DataFrame, player_games: pl.DataFrame) -> Path:
        seasons = count_seasons(team_games, player_games, league.teams, {})
        manifest = msgspec.structs.replace(read_manifest(demo_league), fingerprint="other", seasons=seasons)
        other = dataclasses.replace(league, team_games=team_games, player_games=player_games, manifest=manifest)
        write_league(other, tmp_path / "rewritten")
        return tmp_path / "rewritten"

    return write


@pytest.fixture(scope="session")
def league(demo_league: Path) -> League:
    """The demo league's tables."""
    return load_league(demo_league)
