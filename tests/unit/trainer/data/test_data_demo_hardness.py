"""The synthetic league is as hard as the NBA. The NBA's own figures, 2015-16 to 2023-24, stand behind the bounds."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from truestrength.trainer.data.demo import DemoLogs
from truestrength.trainer.data.league import League


def correlations(regular_games: pl.DataFrame, days: int) -> list[float]:
    """Per season: Spearman of the win rate after so many days with the final one."""
    values = []
    for _, games in regular_games.group_by("season", maintain_order=True):
        early = games.filter(pl.col("date") < pl.col("date").min() + pl.duration(days=days))
        final, to_date = (
            t.group_by("team_id").agg(pl.col("won").mean()).sort("team_id")["won"] for t in (games, early)
        )
        values.append(float(spearmanr(final, to_date).statistic))
    return values


class TestHardness:
    """The comment behind a bound is the NBA's figure."""

    def test_spread_of_win_rates(self, regular_games: pl.DataFrame) -> None:
        rates = regular_games.group_by("season", "team_id").agg(pl.col("won").mean())
        spread = rates.group_by("season").agg(pl.col("won").std())["won"]
        assert 0.11 < spread.mean() < 0.18  # 0.147

    def test_margins_points_and_home_advantage(self, regular_games: pl.DataFrame) -> None:
        assert 13 < regular_games["plus_minus"].std() < 16  # 14.5
        assert 11 < regular_games["pts"].std() < 15  # 12.9
        assert 105 < regular_games["pts"].mean() < 115  # 109.9
        assert 0.54 < regular_games.filter("home")["won"].mean() < 0.6  # 0.568

    def test_standings_say_more_as_the_season_goes_on(self, regular_games: pl.DataFrame) -> None:
        after = {days: np.mean(correlations(regular_games, days)) for days in (21, 70, 130)}
        assert 0.45 < after[21] < 0.78  # 0.65
        assert 0.75 < after[70] < 0.93  # 0.87
        assert 0.9 < after[130] < 0.99  # 0.96

    def test_last_season_says_something(self, regular_games: pl.DataFrame) -> None:
        rates = regular_games.group_by("season", "team_id").agg(pl.col("won").mean()).sort("season", "team_id")
        table = rates["won"].to_numpy().reshape(3, 30)
        repeated = [spearmanr(a, b).statistic for a, b in pairwise(table)]
        assert 0.25 < np.mean(repeated) < 0.8  # 0.58

    def test_box_scores_are_like_the_nbas(self, regular_games: pl.DataFrame) -> None:
        nba = {"fga": 87.5, "fg3a": 31.6, "fta": 22.6, "oreb": 10.2, "dreb": 33.8, "ast": 24.3, "stl": 7.6, "blk": 4.9}
        for name, mean in {**nba, "tov": 13.4, "pf": 19.9}.items():
            assert regular_games[name].mean() == pytest.approx(mean, rel=0.06), name

    def test_tired_teams_lose_more(self, regular_games: pl.DataFrame) -> None:
        rest = pl.col("date").diff().dt.total_days().over("season", "team_id")
        games = regular_games.sort("date").with_columns(tired=rest.eq_missing(1)).sort("game_id")
        alone = games.with_columns(other=pl.col("tired").reverse().over("game_id")).filter(
            pl.col("tired") > pl.col("other")
        )
        expected = alone.select(pl.when("home").then(2.4).otherwise(-2.4)).to_series()
        assert -3.2 < (alone["plus_minus"] - expected).mean() < -0.3  # 1.6 was put in


class TestTruth:
    def test_has_a_row_per_team_and_day(self, demo_logs: DemoLogs, demo_league: League) -> None:
        assert demo_logs.truth.columns == ["season", "date", "team_id", "true_strength"]
        days = demo_logs.truth.group_by("season", "date").agg(
            pl.col("team_id").n_unique(), pl.col("true_strength").mean()
        )
        assert set(days["team_id"]) == {30}
        assert days["true_strength"].abs().max() < 1e-5
        missing = demo_league.team_games.join(demo_logs.truth, on=["season", "date", "team_id"], how="anti")
        assert missing.is_empty()

    def test_is_in_points(self, demo_logs: DemoLogs, regular_games: pl.DataFrame) -> None:
        """A point of true strength is worth a point on the court, nearly: injuries cost the strong more."""
        key = ["season", "date"]
        own = regular_games.join(demo_logs.truth, on=[*key, "team_id"]).rename({"true_strength": "own"})
        both = own.join(demo_logs.truth, left_on=[*key, "opponent_id"], right_on=[*key, "team_id"])
        slope = np.polyfit(both["own"] - both["true_strength"], both["plus_minus"], 1)[0]
        assert 0.8 < slope < 1.05

    def test_ranks_better_than_early_standings(self, demo_logs: DemoLogs, regular_games: pl.DataFrame) -> None:
        ceiling = []
        for (season,), games in regular_games.group_by("season"):
            final = games.group_by("team_id").agg(pl.col("won").mean())
            day = (pl.col("season") == season) & (pl.col("date") == games["date"].min() + timedelta(days=21))
            both = final.join(demo_logs.truth.filter(day), on="team_id")
            ceiling.append(spearmanr(both["won"], both["true_strength"]).statistic)
        standings = np.mean(correlations(regular_games, 21))
        assert standings + 0.08 < np.mean(ceiling) < 0.97

    def test_rosters_say_more_than_early_standings(self, demo_league: League, regular_games: pl.DataFrame) -> None:
        """What its players did last season tells of a team's rest of the season what its first weeks do not."""
        early = pl.col("date") < pl.col("date").min().over("season") + timedelta(days=21)
        key = ["season", "team_id"]
        to_date = regular_games.filter(early).group_by(key).agg(pl.col("plus_minus").mean().alias("to_date"))
        rest = regular_games.filter(~early).group_by(key).agg(pl.col("plus_minus").mean().alias("rest"))
        players = demo_league.player_games
        next_season = {"2015-16": "2016-17", "2016-17": "2017-18", "2017-18": "none"}
        last = players.group_by(pl.col("season").replace(next_season), "player_id").agg(pl.col("plus_minus").mean())
        now = players.filter(early).group_by(*key, "player_id").agg(pl.col("minutes").sum())
        known = now.join(last, on=["season", "player_id"])
        weighted = (pl.col("minutes") * pl.col("plus_minus")).sum() / pl.col("minutes").sum()
        table = known.group_by(key).agg(weighted.alias("roster")).join(to_date, on=key).join(rest, on=key)
        assert table.height == 60
        remainder = [residual(table[name], table["to_date"]) for name in ("roster", "rest")]
        assert np.corrcoef(*remainder)[0, 1] > 0.25


def residual(values: pl.Series, explained_by: pl.Series) -> np.ndarray:
    slope, intercept = np.polyfit(explained_by, values, 1)
    return values.to_numpy() - slope * explained_by.to_numpy() - intercept
