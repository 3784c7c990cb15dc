from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.data.league import BOX, League
from truestrength.trainer.features import players, roster
from truestrength.trainer.features.season_games import SeasonGames, season_games

WINDOWS = (3, 8)
NAMES = roster.player_columns(WINDOWS)


def changed(league: League, rows: pl.DataFrame) -> League:
    return League(league.team_games, rows, league.teams, league.manifest)


def season_of(league: League, season: int) -> tuple[players.PlayerLog, SeasonGames]:
    seasons = season_games(league)
    return players.player_log(league, [games.season for games in seasons]), seasons[season]


def features(league: League, season: int, roster_size: int = 8) -> tuple[np.ndarray, np.ndarray, SeasonGames]:
    log, games = season_of(league, season)
    values, mask = roster.player_features(
        log, roster.season_roster(log, season, games, games.days), WINDOWS, roster_size
    )
    return values, mask, games


def column(values: np.ndarray, name: str) -> np.ndarray:
    return values[..., NAMES.index(name)]


def test_game_score_is_hollingers() -> None:
    # Michael Jordan's 69 points against Cleveland in 1990 have a Game Score of 64.6.
    line = {"pts": 69, "fgm": 23, "fga": 37, "ftm": 21, "fta": 23, "oreb": 7, "dreb": 11, "stl": 4, "ast": 6}
    line |= {"blk": 1, "pf": 5, "tov": 2}
    assert sum(players.GAME_SCORE[name] * amount for name, amount in line.items()) == pytest.approx(64.6)


def test_fading_sums_are_those_of_a_loop_and_start_anew_with_each_player() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(700, 2))
    number = np.concatenate([np.arange(650), np.arange(50)])
    found = players._fading_sums(values, number, half_life=2)
    state = np.zeros(2)
    for row in range(700):
        state = values[row] + (0 if number[row] == 0 else 0.5**0.5 * state)
        np.testing.assert_allclose(found[row + 1], state, atol=1e-12)


def test_rates_of_a_window_are_those_of_the_players_last_games(small_league: League) -> None:
    values, mask, games = features(small_league, 1)
    rows = small_league.player_games.sort("date").with_columns(day=pl.col("date").cast(pl.Int32))
    checked = 0
    for day in (8, 20, len(games.days) - 1):
        for window in WINDOWS:
            expected = []
            for player in range(1100, 1100 + 9):
                before = rows.filter(pl.col("player_id") == player, pl.col("day") < games.days[day]).tail(window)
                minutes = before["minutes"].sum()
                expected.append((minutes / before.height, 36 * before["pts"].sum() / (minutes + roster.RATE_MINUTES)))
            team = games.team_id.tolist().index(11)
            minutes_found = column(values, f"minutes_last_{window}")[day, team][mask[day, team]]
            points_found = column(values, f"pts_per_36_last_{window}")[day, team][mask[day, team]]
            for pair in zip(minutes_found, points_found, strict=True):
                assert any(np.allclose(pair, one) for one in expected)
                checked += 1
    assert checked == 3 * 2 * 8


def test_windows_reach_back_into_last_season(small_league: League) -> None:
    values, mask, _ = features(small_league, 1)
    assert (column(values, "games_played")[3][mask[3]] <= 4).all()
    assert (column(values, "career_games")[3][mask[3]] > 10).all()


def test_a_traded_player_is_on_the_roster_of_his_last_game(small_league: League) -> None:
    log, games = season_of(small_league, 0)
    rows = small_league.player_games
    traded = date.fromisoformat(small_league.manifest.seasons[0].first_date) + timedelta(days=12)
    moved = rows.with_columns(
        team_id=pl.when(pl.col("player_id") == 1100, pl.col("date") >= traded).then(22).otherwise("team_id")
    ).filter((pl.col("player_id") != 1100) | (pl.col("team_id") == 11) | (pl.col("date") >= traded))
    log, games = season_of(changed(small_league, moved), 0)
    whole = roster.season_roster(log, 0, games, games.days)
    player = np.unique(rows["player_id"].to_numpy()).tolist().index(1100)
    teams = games.team_id[whole.team[whole.player == player]]
    first_game = moved.filter(pl.col("player_id") == 1100, pl.col("date") >= traded)["date"].min()
    days = games.days[whole.day[whole.player == player]].astype("datetime64[D]").astype(date)
    assert set(teams.tolist()) == {11, 22}
    assert all((team == 22) == (day > first_game) for team, day in zip(teams.tolist(), days.tolist(), strict=True))


def test_rosters_are_cut_to_size_and_start_with_the_most_minutes(small_league: League) -> None:
    values, mask, _ = features(small_league, 0, roster_size=4)
    assert values.shape[2] == 4
    assert mask[-1].all()
    whole, everybody, _ = features(small_league, 0, roster_size=20)
    assert everybody[-1].sum(axis=-1).max() == 9
    np.testing.assert_array_equal(whole[:, :, :4], values)
    minutes = column(whole, "minutes_a_game")[-1, 0] * (1 - column(whole, "games_missed")[-1, 0] / 60)
    assert (np.diff(minutes[everybody[-1, 0]]) <= 1e-9).all()
    assert (whole[~everybody] == 0).all()


def test_missed_games_count_since_the_last_one_played(small_league: League) -> None:
    hurt = date.fromisoformat(small_league.manifest.seasons[0].first_date) + timedelta(days=10)
    rows = small_league.player_games.filter((pl.col("player_id") != 1100) | (pl.col("date") < hurt))
    log, games = season_of(changed(small_league, rows), 0)
    whole = roster.season_roster(log, 0, games, games.days)
    own = (whole.player == 0) & (whole.day == len(games.days) - 1)
    regular = small_league.team_games.filter(
        pl.col("team_id") == 11, pl.col("season") == "2020-21", pl.col("season_type") == "regular"
    )["date"]
    last = rows.filter(pl.col("player_id") == 1100, pl.col("season") == "2020-21")["date"].max()
    final_day = date.fromisoformat(small_league.manifest.seasons[0].last_regular_date)
    expected = int(((regular > last) & (regular < final_day)).sum())
    assert expected > 5
    assert whole.missed[own].tolist() == [expected]
    assert whole.expected_minutes[own] == pytest.approx(whole.minutes[own] * 0.93**expected)
    there, _ = season_of(small_league, 0)
    fit = roster.season_roster(there, 0, games, games.days)
    assert roster.roster_worth(whole).available[-1, 0] != roster.roster_worth(fit).available[-1, 0]


def test_rows_without_minutes_are_appearances_and_nothing_else(small_league: League) -> None:
    rows = small_league.player_games
    unknown = (pl.col("season") == "2021-22") & (pl.col("player_id") % 2 == 0)
    emptied = rows.with_columns(minutes=pl.when(unknown).then(None).otherwise("minutes"))
    values, mask, _ = features(changed(small_league, emptied), 1)
    assert np.isfinite(values).all()
    same, _, _ = features(changed(small_league, rows), 1)
    assert mask[-1].all()
    np.testing.assert_array_equal(
        np.sort(column(values, "games_played")[-1, 0]), np.sort(column(same, "games_played")[-1, 0])
    )
    # What they did in those games, whatever it was, moves nothing.
    wild = emptied.with_columns(pl.when(unknown).then(99).otherwise(name).cast(pl.Int32).alias(name) for name in BOX)
    again, _, _ = features(changed(small_league, wild), 1)
    np.testing.assert_array_equal(values, again)


def test_a_season_without_any_minutes_still_has_rosters(small_league: League) -> None:
    none = small_league.player_games.with_columns(minutes=pl.lit(None, dtype=pl.Float32))
    values, mask, _ = features(changed(small_league, none), 0)
    assert mask[-1].any(axis=-1).all()
    assert np.isfinite(values).all()
    log, games = season_of(changed(small_league, none), 0)
    worth = roster.roster_worth(roster.season_roster(log, 0, games, games.days))
    assert all(np.isfinite(table).all() for table in vars(worth).values())


def test_value_knows_a_better_player_and_starts_at_replacement(small_league: League) -> None:
    better = (pl.col("player_id") == 2400) & (pl.col("season") == "2020-21")
    rows = small_league.player_games.with_columns(
        pts=pl.when(better).then(pl.col("pts") + 20).otherwise("pts"),
        plus_minus=pl.when(better).then(pl.col("plus_minus") + 20).otherwise("plus_minus"),
    )
    log, games = season_of(changed(small_league, rows), 0)
    before, _ = season_of(small_league, 0)
    player = np.unique(rows["player_id"].to_numpy()).tolist().index(2400)
    opening, end = (log.before(np.array([player]), int(games.days[i])) for i in (0, -1))
    replacement = (players.REPLACEMENT - players.AVERAGE) @ players.WORTH
    assert log.value(np.array([player]), opening) == pytest.approx(replacement)
    assert log.value(np.array([player]), end) > before.value(np.array([player]), end) + 0.05
    assert log.minutes_a_game(np.array([player]), opening) == 0


def test_a_star_lifts_his_team_and_nobody_elses(small_league: League) -> None:
    better = pl.col("player_id") == 2400
    rows = small_league.player_games.with_columns(plus_minus=pl.when(better).then(40).otherwise("plus_minus"))
    worth: list[Any] = []
    for league in (small_league, changed(small_league, rows)):
        log, games = season_of(league, 0)
        worth.append(roster.roster_worth(roster.season_roster(log, 0, games, games.days)))
    own = games.team_id == 24
    assert (worth[1].star[-1, own] > worth[0].star[-1, own] + 1).all()
    assert (worth[1].available[-1, own] > worth[0].available[-1, own] + 1).all()
    np.testing.assert_array_equal(worth[1].star[:, ~own], worth[0].star[:, ~own])
    np.testing.assert_array_equal(worth[1].before_season, worth[0].before_season)
