"""The synthetic league is deterministic, adds up, and goes through the importer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.demo import DemoLogs, demo, simulate
from truestrength.trainer.data.demo.game_scores import whole
from truestrength.trainer.data.league import BOX, League


def test_the_same_seed_gives_the_same_league_in_another_process(demo_logs: DemoLogs, tmp_path: Path) -> None:
    """One season, compared with the first one of more."""
    code = "from pathlib import Path; from truestrength.trainer.data.demo import demo; demo(Path('again'), seed=11, seasons=1)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={"PYTHONHASHSEED": "5"})
    paths = LeaguePaths(tmp_path / "again")
    for path, table in (
        (paths.logs.team_logs, demo_logs.team_logs),
        (paths.logs.player_logs, demo_logs.player_logs),
        (paths.truth, demo_logs.truth),
    ):
        again = pl.read_parquet(path)
        assert 0 < again.height < table.height
        assert again.equals(table[: again.height])


def test_another_seed_gives_another_league(demo_logs: DemoLogs) -> None:
    other = simulate(seed=12, seasons=1).team_logs
    assert not demo_logs.team_logs[: other.height].equals(other)


class TestAddingUp:
    def test_players_sum_to_their_team_in_every_column(self, demo_logs: DemoLogs) -> None:
        columns = ["MIN", *(name.upper() for name in BOX)]
        key = ["GAME_ID", "TEAM_ID"]
        sums = demo_logs.player_logs.group_by(key).agg(pl.col(columns).sum()).sort(key)
        assert sums.equals(demo_logs.team_logs.select(key + columns).sort(key))

    def test_minutes_are_240_and_25_for_each_overtime(self, demo_logs: DemoLogs) -> None:
        minutes = demo_logs.team_logs["MIN"]
        assert set(minutes.unique()) in ({240, 265}, {240, 265, 290})
        assert 0.03 < (minutes > 240).mean() < 0.09
        assert demo_logs.player_logs["MIN"].min() > 0
        limit = demo_logs.player_logs.join(demo_logs.team_logs, on=["GAME_ID", "TEAM_ID"])
        assert (limit["MIN"] <= limit["MIN_right"] / 5).all()

    @pytest.mark.parametrize("of", ["team_logs", "player_logs"])
    def test_points_and_rebounds_are_the_sums_of_their_parts(self, of: str, demo_logs: DemoLogs) -> None:
        rows = getattr(demo_logs, of)
        assert (rows["PTS"] == 2 * rows["FGM"] + rows["FG3M"] + rows["FTM"]).all()
        assert (rows["REB"] == rows["OREB"] + rows["DREB"]).all()
        for made, tried in (("FGM", "FGA"), ("FG3M", "FG3A"), ("FTM", "FTA"), ("FG3M", "FGM")):
            assert (rows[made] <= rows[tried]).all()
        assert rows.select(pl.col(name.upper() for name in BOX).min() >= 0).row(0) == (True,) * len(BOX)

    def test_plus_minus(self, demo_logs: DemoLogs) -> None:
        key = ["GAME_ID", "TEAM_ID"]
        teams = demo_logs.team_logs.sort("GAME_ID")
        difference = teams["PTS"] - teams.select(pl.col("PTS").reverse().over("GAME_ID")).to_series()
        assert (teams["PLUS_MINUS"] == difference).all()
        players = demo_logs.player_logs.group_by(key).agg(pl.col("PLUS_MINUS").sum() / 5)
        both = teams.join(players, on=key, suffix="_PLAYERS")
        assert (both["PLUS_MINUS"] == both["PLUS_MINUS_PLAYERS"]).all()

    def test_what_one_team_does_the_other_suffers(self, demo_logs: DemoLogs) -> None:
        teams = demo_logs.team_logs.sort("GAME_ID").with_columns(
            lost=pl.col("TOV").reverse().over("GAME_ID"),
            missed=(pl.col("FGA") - pl.col("FGM") + pl.col("FTA") - pl.col("FTM")).reverse().over("GAME_ID"),
            other_oreb=pl.col("OREB").reverse().over("GAME_ID"),
        )
        assert (teams["STL"] <= teams["lost"]).all()
        assert (teams["DREB"] + teams["other_oreb"] <= teams["missed"]).all()
        assert (teams["AST"] <= teams["FGM"]).all()
        assert demo_logs.player_logs["PF"].max() == 6

    def test_rounding_keeps_the_sum(self) -> None:
        parts = np.random.default_rng(0).uniform(-30, 30, (50, 15))
        parts[:, 3] = 0
        parts[:, -1] += 7 - parts.sum(axis=1)
        rounded = whole(parts)
        assert (rounded.sum(axis=1) == 7).all()
        assert (rounded[:, 3] == 0).all()
        assert np.abs(rounded - parts).max() <= 1


class TestDemoFolder:
    def test_goes_through_the_importer_without_repairs(self, demo_league: League) -> None:
        repairs = demo_league.manifest.repairs
        assert len(repairs) == 2
        assert all("play-in games set aside" in line for line in repairs)
        assert demo_league.manifest.source == "demo (synthetic), seed 11"
        assert [s.season for s in demo_league.manifest.seasons] == ["2015-16", "2016-17", "2017-18"]

    def test_has_no_other_files(self, demo_folder: Path) -> None:
        paths = LeaguePaths(demo_folder)
        whole = {paths.team_games, paths.player_games, paths.teams, paths.manifest, paths.truth, paths.logs.folder}
        assert set(demo_folder.iterdir()) == whole
        assert set(paths.logs.folder.iterdir()) == {paths.logs.team_logs, paths.logs.player_logs, paths.logs.teams}

    @pytest.mark.parametrize(("seed", "seasons"), [(-1, 1), (1, 0)])
    def test_refuses_numbers_out_of_range(self, seed: int, seasons: int, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="at least one season and a seed of 0 or more"):
            demo(tmp_path / "league", seed, seasons)
        assert not (tmp_path / "league").exists()
