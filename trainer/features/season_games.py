"""A season's games as arrays, and the sums over them that every team feature is made of.

Surprising: game days of the playoffs are days too, so that ratings can run through them, but lists and features are
made on regular-season days only.

Shapes: G games of a season, D regular-season game days, T teams, M most games of a team, K columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import BOX, League

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COLUMNS = ("won", "plus_minus", *BOX)
"""What `SeasonGames.own` and `.opponent` hold of a team's game."""


@dataclass(frozen=True)
class SeasonGames:
    """The games of one season in order of time, and its teams in order of their ids."""

    season: str
    team_id: Ints
    """[T] sorted."""
    conference: npt.NDArray[np.str_]
    """[T]"""
    date: Ints
    """[G] days since 1970-01-01."""
    regular: Bools
    """[G] False for playoff games."""
    home: Ints
    """[G] index of the home team."""
    away: Ints
    """[G] index of the visiting team."""
    neutral: Bools
    """[G] True at a neutral site, where the home team is at home by name only."""
    box: Floats
    """[G, 2, K] `COLUMNS` of the home team and of the visiting team."""

    @cached_property
    def days(self) -> Ints:
        """[D] dates of the regular season on which there are games."""
        return np.unique(self.date[self.regular])

    @cached_property
    def margin(self) -> Floats:
        """[G] points of the home team minus points of the visiting team."""
        return self.box[:, 0, COLUMNS.index("plus_minus")]

    @cached_property
    def advantage(self) -> Floats:
        """[G] how much of the advantage of being at home the home team has: 0 at a neutral site, else 1."""
        return np.where(self.neutral, 0.0, 1.0)

    @cached_property
    def regular_log(self) -> TeamLog:
        """The regular season by team."""
        return _team_log(self)


@dataclass(frozen=True)
class TeamLog:
    """A regular season as one sequence of games per team."""

    days: Ints
    """[D]"""
    date: Ints
    """[T, M] date of each game; the largest integer behind a team's last game."""
    at_home: Bools
    """[T, M]"""
    opponent: Ints
    """[T, M] index of the other team; -1 behind the last game."""
    sums: Floats
    """[T, M + 1, 2K] sums over the games before each game: own `COLUMNS`, then the opponent's."""

    @cached_property
    def played(self) -> Ints:
        """[D, T] games of each team strictly before each day."""
        return np.stack([np.searchsorted(dates, self.days, side="left") for dates in self.date], axis=1)

    def games_before(self, team: Ints, date: Ints) -> Ints:
        """[Q] games of each asked team strictly before the asked date.

        Args:
            team: [Q] index of the team.
            date: [Q] days since 1970-01-01.
        """
        first, last = int(self.days[0]), int(self.days[-1])
        calendar = np.arange(first, last + 2)
        counts = np.stack([np.searchsorted(dates, calendar, side="left") for dates in self.date])
        return counts[team, np.clip(date, first, last + 1) - first]

    def last(self, window: int | None) -> tuple[Floats, Ints]:
        """Sums over each team's last `window` games (None: all of the season) strictly before each day.

        Returns:
            [D, T, 2K] sums and [D, T] how many games they are of.
        """
        end = self.played
        start = np.zeros_like(end) if window is None else np.maximum(end - window, 0)
        team = np.arange(end.shape[1])
        return self.sums[team, end] - self.sums[team, start], end - start


def season_games(league: League) -> list[SeasonGames]:
    """All seasons of a league, in order.

    Raises:
        DataError: for a season without regular-season games, or a team without a conference.
    """
    conference = dict(league.teams.select("team_id", "conference").iter_rows())
    games = _paired(league.team_games)
    return [_season(season, games.filter(pl.col("season") == season), conference) for season in _seasons(league)]


def _seasons(league: League) -> list[str]:
    regular = league.team_games.filter(pl.col("season_type") == "regular")
    found = regular["season"].unique().sort().to_list()
    if empty := sorted(set(league.team_games["season"].unique()) - set(found)):
        raise DataError(f"no regular-season games in {', '.join(empty)}. Import a team log that has them")
    return found


def _paired(team_games: pl.DataFrame) -> pl.DataFrame:
    """One row a game: the home team's columns, then the visiting team's with the suffix `_away`."""
    wanted = team_games.select("season", "season_type", "game_id", "date", "team_id", "home", "neutral", *COLUMNS)
    home = wanted.filter("home").drop("home")
    away = wanted.filter(~pl.col("home")).select("game_id", "team_id", *COLUMNS)
    return home.join(away, on="game_id", suffix="_away", validate="1:1").sort("date", "game_id")


def _season(season: str, games: pl.DataFrame, conference: dict[int, str]) -> SeasonGames:
    regular = (games["season_type"] == "regular").to_numpy()
    played = games.filter(pl.Series(regular))
    team_id = np.unique(np.concatenate([played["team_id"].to_numpy(), played["team_id_away"].to_numpy()]))
    if lost := [int(team) for team in team_id if team not in conference]:
        raise DataError(f"{season}: the teams {lost} have games but no row in the teams table. Import the league again")
    sides = [
        games.select(f"{column}{side}" for column in COLUMNS).cast(pl.Float64).to_numpy() for side in ("", "_away")
    ]
    return SeasonGames(
        season=season,
        team_id=team_id,
        conference=np.array([conference[int(team)] for team in team_id]),
        date=games["date"].cast(pl.Int32).to_numpy().astype(np.int64),
        regular=regular,
        home=np.searchsorted(team_id, games["team_id"].to_numpy()),
        away=np.searchsorted(team_id, games["team_id_away"].to_numpy()),
        neutral=games["neutral"].to_numpy(),
        box=np.stack(sides, axis=1),
    )


def _team_log(games: SeasonGames) -> TeamLog:
    chosen = np.flatnonzero(games.regular)
    team = np.concatenate([games.home[chosen], games.away[chosen]])
    other = np.concatenate([games.away[chosen], games.home[chosen]])
    at_home = np.repeat([True, False], len(chosen))
    box = np.concatenate([games.box[chosen].reshape(len(chosen), -1), games.box[chosen, ::-1].reshape(len(chosen), -1)])
    date = np.tile(games.date[chosen], 2)
    order = np.lexsort((date, team))
    n_teams, count = len(games.team_id), np.bincount(team, minlength=len(games.team_id))
    row = team[order]
    place = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    most = int(count.max())
    dates = np.full((n_teams, most), np.iinfo(np.int64).max)
    dates[row, place] = date[order]
    homes = np.zeros((n_teams, most), dtype=np.bool_)
    homes[row, place] = at_home[order]
    opponents = np.full((n_teams, most), -1)
    opponents[row, place] = other[order]
    sums = np.zeros((n_teams, most + 1, box.shape[1]))
    sums[row, place + 1] = box[order]
    return TeamLog(games.days, dates, homes, opponents, sums.cumsum(axis=1))
