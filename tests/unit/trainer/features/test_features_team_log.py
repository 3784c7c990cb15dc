import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import League
from truestrength.trainer.features.season_games import COLUMNS, SeasonGames, season_games


@pytest.fixture(scope="module")
def seasons(small_league: League) -> list[SeasonGames]:
    return season_games(small_league)


@pytest.mark.parametrize("window", [1, 4, 50, None])
def test_window_sums_are_those_of_the_rows(
    small_league: League, seasons: list[SeasonGames], window: int | None
) -> None:
    games = seasons[1]
    sums, count = games.regular_log.last(window)
    regular = small_league.team_games.filter(pl.col("season") == games.season, pl.col("season_type") == "regular")
    for day in range(0, len(games.days), 5):
        date = pl.lit(int(games.days[day])).cast(pl.Int32).cast(pl.Date)
        for team, team_id in enumerate(games.team_id.tolist()):
            before = regular.filter(pl.col("team_id") == team_id, pl.col("date") < date).sort("date")
            before = before if window is None else before.tail(window)
            assert count[day, team] == before.height
            own = before.select(pl.col(COLUMNS).cast(pl.Int64).sum()).row(0)
            np.testing.assert_allclose(sums[day, team, : len(COLUMNS)], own)
            others = regular.join(before.select("game_id"), on="game_id").filter(pl.col("team_id") != team_id)
            np.testing.assert_allclose(sums[day, team, len(COLUMNS) :], others.select(pl.col(COLUMNS).sum()).row(0))


def test_games_before_counts_strictly(seasons: list[SeasonGames]) -> None:
    log = seasons[0].regular_log
    for team in range(3):
        dates = log.date[team][log.opponent[team] >= 0]
        asked = np.arange(dates[0] - 3, dates[-1] + 5)
        expected = [(dates < date).sum() for date in asked]
        assert log.games_before(np.full(len(asked), team), asked).tolist() == expected


def test_days_are_of_the_regular_season_and_playoffs_are_kept_apart(small_league: League) -> None:
    for games, season in zip(season_games(small_league), small_league.manifest.seasons, strict=True):
        assert games.regular.sum() == season.regular_games
        assert (~games.regular).sum() == season.playoff_games
        assert str(np.datetime64(int(games.days[-1]), "D")) == season.last_regular_date
        assert games.regular_log.played[-1].max() <= season.regular_games


def test_a_season_of_nothing_but_playoffs_is_refused(small_league: League) -> None:
    games = small_league.team_games.filter((pl.col("season") != "2021-22") | (pl.col("season_type") == "playoffs"))
    league = League(games, small_league.player_games, small_league.teams, small_league.manifest)
    with pytest.raises(DataError, match="no regular-season games in 2021-22"):
        season_games(league)


def test_a_team_without_a_conference_is_refused(small_league: League) -> None:
    teams = small_league.teams.filter(pl.col("team_id") != 22)
    with pytest.raises(DataError, match=r"the teams \[22\] have games but no row in the teams table"):
        season_games(League(small_league.team_games, small_league.player_games, teams, small_league.manifest))
