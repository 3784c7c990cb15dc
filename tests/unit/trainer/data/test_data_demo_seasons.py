"""The synthetic league's calendar, playoffs and rosters are like the NBA's."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.data.demo.schedule import meetings
from truestrength.trainer.data.league import League
from truestrength.trainer.data.season_counts import champion


class TestCalendar:
    def test_a_season_is_82_games_for_every_team(self, regular_games: pl.DataFrame) -> None:
        counts = regular_games.group_by("season", "team_id").agg(pl.len(), pl.col("home").sum().alias("at_home"))
        assert counts.height == 3 * 30
        assert set(counts["len"]) == {82}
        assert set(counts["at_home"]) == {41}

    @pytest.mark.parametrize("season", range(5))
    def test_opponents_are_weighted_by_division_and_conference(self, season: int) -> None:
        count = np.zeros((30, 30), int)
        np.add.at(count, tuple(meetings(season).T), 1)
        count += count.T
        conference, division = np.arange(30) // 15, np.arange(30) // 5
        assert set(count[conference[:, None] != conference]) == {2}
        same_division = (division[:, None] == division) & ~np.eye(30, dtype=bool)
        assert set(count[same_division]) == {4}
        others = np.where((conference[:, None] == conference) & (division[:, None] != division), count, 0)
        assert ((others == 3).sum(axis=1) == 4).all()
        assert ((others == 4).sum(axis=1) == 6).all()

    def test_nobody_plays_twice_a_day_or_three_days_running(self, regular_games: pl.DataFrame) -> None:
        for _, games in regular_games.sort("date").group_by("season", "team_id"):
            gaps = games["date"].diff().dt.total_days().drop_nulls()
            assert gaps.min() >= 1
            assert ((gaps == 1) & (gaps.shift(1) == 1)).sum() == 0

    def test_the_season_is_as_long_and_as_dense_as_the_nbas(self, regular_games: pl.DataFrame) -> None:
        for _, games in regular_games.group_by("season"):
            days = (games["date"].max() - games["date"].min()).days
            assert 165 <= days <= 180
            gaps = games.sort("date").select(pl.col("date").diff().over("team_id")).to_series().dt.total_days()
            assert 8 < (gaps == 1).sum() / 30 < 20

    def test_playoffs(self, demo_league: League, regular_games: pl.DataFrame) -> None:
        playoffs = demo_league.team_games.filter(pl.col("season_type") == "playoffs")
        sides = (pl.min_horizontal("team_id", "opponent_id"), pl.max_horizontal("team_id", "opponent_id"))
        for (season,), games in playoffs.group_by("season"):
            series = games.group_by(pl.concat_list(*sides).alias("pair"), "team_id").agg(pl.col("won").sum(), pl.len())
            assert games["team_id"].n_unique() == 16
            assert series.height == 30
            assert series.group_by("pair").agg(pl.col("won").max())["won"].to_list() == [4] * 15
            assert (series["len"] <= 7).all()
            assert champion(games) is not None
            assert games["date"].min() > regular_games.filter(pl.col("season") == season)["date"].max()

    def test_seeds_come_from_the_standings(self, demo_league: League, regular_games: pl.DataFrame) -> None:
        playoffs = demo_league.team_games.filter(pl.col("season_type") == "playoffs")
        wins = regular_games.group_by("season", "team_id").agg(pl.col("won").sum())
        wins = wins.join(demo_league.teams, on="team_id")
        for (season, conference), table in wins.group_by("season", "conference"):
            ranked = table.sort("won", descending=True)
            through = set(playoffs.filter(pl.col("season") == season)["team_id"]) & set(table["team_id"])
            sixth, tenth = ranked["won"][5], ranked["won"][9]
            assert len(through) == 8, conference
            assert set(table.filter(pl.col("won") > sixth)["team_id"]) <= through
            assert not set(table.filter(pl.col("won") < tenth)["team_id"]) & through


class TestRosters:
    def test_fifteen_players_a_team_who_sometimes_move(self, demo_league: League) -> None:
        players = demo_league.player_games
        teams_of = players.group_by("season", "player_id").agg(pl.col("team_id").n_unique())
        moved = teams_of.filter(pl.col("team_id") > 1).group_by("season").len()["len"]
        assert 30 < moved.mean() < 150
        assert players.group_by("game_id", "team_id").len()["len"].is_between(8, 13).all()
        last = players.filter(pl.col("season_type") == "playoffs").group_by("season", "team_id")
        assert last.agg(pl.col("player_id").n_unique())["player_id"].max() <= 15

    def test_players_miss_games(self, demo_league: League) -> None:
        games = demo_league.player_games.filter(pl.col("season_type") == "regular").group_by("season", "player_id")
        regulars = games.agg(pl.len(), pl.col("minutes").mean()).filter(pl.col("minutes") > 24)
        assert 60 < regulars["len"].mean() < 74
        assert regulars["len"].min() < 40

    def test_some_of_the_league_are_new_every_summer(self, demo_league: League) -> None:
        seasons = demo_league.player_games.group_by("season", maintain_order=True)
        by_season = [set(rows["player_id"]) for _, rows in seasons]
        stayed = [len(a & b) / len(a) for a, b in pairwise(by_season)]
        assert all(0.7 < share < 0.92 for share in stayed)

    def test_names_are_the_players_own(self, demo_league: League) -> None:
        names = demo_league.player_games.select("player_id", "player_name").unique()
        assert names["player_id"].n_unique() == names["player_name"].n_unique() == names.height
