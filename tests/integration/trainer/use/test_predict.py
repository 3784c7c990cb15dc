"""`trainer predict`: the teams of a date, from a run's own models and from what was known before the date."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from tests.integration.trainer.use.conftest import MIDDLE, Rewritten
from tests.support.places import NBA, NBA10
from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import BOX, League
from truestrength.trainer.use.forecast import SeasonForecast, predict
from truestrength.trainer.use.ranked_date import rank_date
from truestrength.trainer.use.saved_run import SavedRun

RESULTS = [*BOX, "plus_minus"]


def of_team(forecast: SeasonForecast, field: str) -> np.ndarray:
    by_id = sorted(forecast.teams, key=lambda team: team.team_id)
    return np.array([getattr(team, field) for team in by_id], dtype=float)


def test_a_validation_date_is_ranked_as_the_run_ranked_it(run: SavedRun) -> None:
    ranked = rank_date(run, None, MIDDLE)
    before = run.predictions.filter(pl.col("date") == ranked.read.known.day).sort("team_id")
    order = np.argsort(ranked.read.team_id)
    assert before.height == 30
    assert np.allclose(ranked.stack[order], before["stack"], atol=1e-6)
    forecast = predict(run, None, MIDDLE)
    assert (of_team(forecast, "rank") == before["predicted_rank"].to_numpy()).all()
    assert np.allclose(of_team(forecast, "title"), before["title_probability"], atol=0.03)  # of 32 simulations
    assert forecast.familiarity == "validated on"
    assert forecast.same_data


def test_odds_and_ranks_add_up(run: SavedRun) -> None:
    forecast = predict(run, None, MIDDLE)
    assert [team.rank for team in forecast.teams] == list(range(1, 31))
    for conference in ("East", "West"):
        own = [team.conference_rank for team in forecast.teams if team.conference == conference]
        assert own == list(range(1, 16))
    assert of_team(forecast, "title").sum() == pytest.approx(1)
    assert of_team(forecast, "playoffs").sum() == pytest.approx(16)
    assert of_team(forecast, "expected_final_rank").sum() == pytest.approx(465)
    assert np.corrcoef(of_team(forecast, "strength"), -of_team(forecast, "expected_final_rank"))[0, 1] > 0.9
    games = of_team(forecast, "won") + of_team(forecast, "lost")
    assert of_team(forecast, "won").sum() == of_team(forecast, "lost").sum()
    assert 20 < games.min() <= games.max() < 60


def test_nothing_from_the_date_on_is_read_but_the_schedule(run: SavedRun, league: League, rewritten: Rewritten) -> None:
    later = pl.col("date") >= MIDDLE
    games = league.team_games.with_columns(
        won=pl.when(later).then(~pl.col("won")).otherwise("won"),
        **{name: pl.when(later).then(-pl.col(name)).otherwise(name) for name in RESULTS},
    )
    rows = league.player_games
    players = rows.with_columns(  # others play, and all do something else
        minutes=pl.when(later).then(pl.col("minutes") * 2).otherwise("minutes"),
        **{name: pl.when(later).then(pl.col(name) + 3).otherwise(name) for name in RESULTS},
    ).filter(~later | (pl.col("player_id") % 3 > 0))
    changed = predict(run, rewritten(games, players), MIDDLE)
    assert changed == msgspec.structs.replace(predict(run, None, MIDDLE), same_data=False)


def test_a_game_before_the_date_counts(run: SavedRun, league: League, rewritten: Rewritten) -> None:
    day = league.team_games.filter(pl.col("date") < MIDDLE)["date"].max()
    that = pl.col("date") == day
    games = league.team_games.with_columns(
        won=pl.when(that).then(~pl.col("won")).otherwise("won"),
        plus_minus=pl.when(that).then(-pl.col("plus_minus")).otherwise("plus_minus"),
    )
    changed = predict(run, rewritten(games, league.player_games), MIDDLE)
    assert (of_team(changed, "strength") != of_team(predict(run, None, MIDDLE), "strength")).any()


@pytest.fixture
def going_on(league: League, rewritten: Rewritten) -> Path:
    """The league as its logs are on the day after `LAST`, in the middle of its last season."""
    return rewritten(*(rows.filter(pl.col("date") <= LAST) for rows in (league.team_games, league.player_games)))


LAST = date(2020, 1, 20)


def test_a_season_that_is_not_over_is_played_to_its_usual_end(run: SavedRun, going_on: Path) -> None:
    on = LAST + timedelta(days=1)
    forecast, known = predict(run, going_on, on), predict(run, None, on)
    assert forecast.season == "2019-20"
    assert forecast.assumed_games > 400
    assert known.assumed_games == 0
    assert forecast.familiarity == "new to the run"
    assert (of_team(forecast, "won") == of_team(known, "won")).all()
    assert np.corrcoef(of_team(forecast, "strength"), of_team(known, "strength"))[0, 1] > 0.99
    assert np.abs(of_team(forecast, "expected_final_rank") - of_team(known, "expected_final_rank")).max() < 2
    assert np.abs(of_team(forecast, "playoffs") - of_team(known, "playoffs")).max() < 0.15


def test_without_a_date_it_is_the_day_after_the_last_game(run: SavedRun, going_on: Path) -> None:
    assert predict(run, going_on, None) == predict(run, going_on, LAST + timedelta(days=1))


def test_assumed_games_give_every_team_a_whole_season(run: SavedRun, going_on: Path) -> None:
    games = rank_date(run, going_on, LAST - timedelta(days=30)).read.games
    each = np.bincount(games.home[games.regular], minlength=30) + np.bincount(games.away[games.regular], minlength=30)
    assert each.tolist() == [82] * 30


def test_logs_that_are_too_old_are_refused(run: SavedRun, going_on: Path) -> None:
    with pytest.raises(DataError, match="are known up to 2020-01-20 only, 15 days before"):
        predict(run, going_on, LAST + timedelta(days=15))


def test_on_a_day_without_games_the_next_ones_are_awaited(run: SavedRun, league: League) -> None:
    days = league.team_games.filter(pl.col("season") == "2018-19", pl.col("season_type") == "regular")["date"].unique()
    free = next(MIDDLE + timedelta(days=n) for n in range(60) if MIDDLE + timedelta(days=n) not in set(days))
    forecast = predict(run, None, free)
    assert forecast.next_games > forecast.as_of == str(free)
    assert forecast.teams == predict(run, None, date.fromisoformat(forecast.next_games)).teams


def test_the_ending_of_other_seasons_is_no_matter(run: SavedRun, league: League, rewritten: Rewritten) -> None:
    without = [rows.filter(pl.col("season") < "2019-20") for rows in (league.team_games, league.player_games)]
    assert predict(run, rewritten(*without), MIDDLE).teams == predict(run, None, MIDDLE).teams


@pytest.mark.skipif(not (NBA10 / "team_logs.parquet").exists(), reason=f"no NBA logs in {NBA10}")
def test_a_season_after_the_run_on_the_real_logs(make_run: Callable[..., SavedRun], tmp_path: Path) -> None:
    for source, into in ((NBA, "older"), (NBA10, "newer")):
        import_logs(source / "team_logs.parquet", source / "player_logs.parquet", tmp_path / into)
    run = make_run(tmp_path / "older")
    forecast = predict(run, tmp_path / "newer", date(2025, 2, 1))
    assert (forecast.season, forecast.familiarity, forecast.same_data) == ("2024-25", "new to the run", False)
    assert {team.team for team in forecast.teams[:5]} >= {"OKC", "CLE", "BOS"}
    assert {team.team: (team.won, team.lost) for team in forecast.teams}["OKC"] == (37, 9)


def command(*words: str) -> int:
    return command_line.main(parser(), words)


def test_the_command_prints_table_json_and_csv(
    run: SavedRun, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("predict", "--run", run.name, "--as-of", str(MIDDLE), "--outputs", str(outputs_root))
    wanted = predict(run, None, MIDDLE)
    assert command(*words) == 0
    table = capsys.readouterr().out
    assert table.startswith(f"2018-19 as of {MIDDLE}, by run_025 (final_rank)\n")
    assert "this is no forecast" in table
    assert all(team.name in table for team in wanted.teams)
    assert command(*words, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=SeasonForecast) == wanted
    assert command(*words, "--csv") == 0
    rows = pl.read_csv(capsys.readouterr().out.encode())
    assert rows["team"].to_list() == [team.team for team in wanted.teams]
    assert rows.columns == list(wanted.teams[0].__struct_fields__)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--run", "999"], "999: no such run in the outputs root .*its last run is run_0"),
        (["--run", "elsewhere"], "elsewhere: no such run folder"),
        (["--run", "."], "no run here"),
        (["--run", "25", "--as-of", "2014-01-01"], "the league's first season, 2015-16, begins on 2015-10-"),
        (["--run", "25", "--as-of", "2018-10-30"], "ranks teams from 2018-11-.* on, 21 days later"),
        (["--run", "25", "--as-of", "2019-07-01"], "no regular season goes on then: that of 2018-19 ended on 2019-04-"),
        (["--run", "25", "--as-of", "2031-01-01"], "no regular season goes on then: that of 2019-20 ended"),
        (["--run", "25", "--data", "nowhere"], "nowhere: no league here"),
    ],
)
def test_a_mistake_is_said(
    words: list[str], said: str, run: SavedRun, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("predict", *words, "--outputs", str(outputs_root)) == 2
    found = capsys.readouterr()
    assert not found.out
    assert re.search(said, found.err), found.err


def test_a_date_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command("predict", "--run", "25", "--as-of", "2024-02-30")
    assert stopped.value.code == 2
    assert "'2024-02-30': expected a date, such as 2024-03-01" in capsys.readouterr().err
