"""A small league of box scores: 3 seasons, 2 conferences of 5 and 4 teams, 9 players a team, playoffs of 4 and 4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from truestrength.trainer.contract.league.manifest import Manifest
from truestrength.trainer.data.league import BOX, PLAYER_GAMES, TEAM_GAMES, TEAMS, League
from truestrength.trainer.data.season_counts import count_seasons

SEASONS = ("2020-21", "2021-22", "2022-23")
EAST, WEST = (11, 12, 13, 14, 15), (21, 22, 23, 24)
PLAYERS = 9

Side = dict[str, object]


class SmallLeague:
    """Plays games and keeps their rows."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.teams: list[Side] = []
        self.players: list[Side] = []
        self.played = 0
        self.strength = dict(zip((*EAST, *WEST), np.linspace(6, -6, 9), strict=True))

    def game(self, season: str, season_type: str, day: date, home: int, away: int) -> int:
        """Play a game and return who won it."""
        self.played += 1
        sides = [self._side(home, 2.0), self._side(away, 0.0)]
        points = [sum(player["pts"] for player in side) for side in sides]
        if points[0] == points[1]:
            sides[0][0]["pts"] += 1
            points[0] += 1
        for i, team in enumerate((home, away)):
            margin = int(points[i] - points[1 - i])
            key = {
                "season": season,
                "season_type": season_type,
                "game_id": f"{self.played:06}",
                "date": day,
                "team_id": team,
            }
            totals = {name: sum(player[name] for player in sides[i]) for name in BOX}
            other = {
                "opponent_id": (away, home)[i],
                "home": i == 0,
                "neutral": False,
                "won": margin > 0,
                "plus_minus": margin,
            }
            self.teams.append({**key, **other, **totals})
            for number, player in enumerate(sides[i]):
                who = {"player_id": 100 * team + number, "player_name": f"Player {number} of {team}"}
                share = round(margin * player["minutes"] / 48 + self.rng.normal(0, 4))
                self.players.append({**key, **who, **player, "plus_minus": share})
        return home if points[0] > points[1] else away

    def _side(self, team: int, bonus: float) -> list[dict[str, float]]:
        """Nine players; now and then one of them does not play."""
        minutes = np.array([36, 34, 32, 30, 28, 26, 24, 20, 10], dtype=float)
        lift = (self.strength[team] + bonus) / PLAYERS
        side = []
        for number in range(PLAYERS):
            if number and self.rng.random() < 0.15:
                continue
            row = {name: int(self.rng.poisson(2 + number % 3)) for name in BOX}
            row["pts"] = max(0, int(self.rng.normal(12 + lift, 2)))
            side.append({"minutes": float(minutes[number]), **row})
        return side


def _season(league: SmallLeague, season: str, rounds: int) -> None:
    rng = league.rng
    opening = date(int(season[:4]), 10, 20)
    pairs = [pair for _ in range(rounds) for pair in combinations((*EAST, *WEST), 2)]
    day = 0
    waiting = [tuple(rng.permutation(pairs[i])) for i in rng.permutation(len(pairs))]
    while waiting:
        busy: set[int] = set()
        for pair in list(waiting):
            if not busy & set(pair) and len(busy) < 6:
                busy |= set(pair)
                waiting.remove(pair)
                league.game(season, "regular", opening + timedelta(days=day), int(pair[0]), int(pair[1]))
        day += 1
    _playoffs(league, season, opening + timedelta(days=day + 2))


def _playoffs(league: SmallLeague, season: str, day: date) -> None:
    def series(one: int, other: int) -> int:
        nonlocal day
        wins = {one: 0, other: 0}
        while max(wins.values()) < 4:
            wins[league.game(season, "playoffs", day, one, other)] += 1
            day += timedelta(days=1)
        return max(wins, key=lambda team: wins[team])

    finalists = []
    for conference in (EAST, WEST):
        one, two, three, four = conference[:4]
        finalists.append(series(series(one, four), series(two, three)))
    series(finalists[0], finalists[1])


def _league(teams: pl.DataFrame, players: pl.DataFrame) -> League:
    clubs = [(team, f"T{team}", f"Team {team}", "East" if team in EAST else "West") for team in (*EAST, *WEST)]
    team_games = teams.select(pl.col(name).cast(kind) for name, kind in TEAM_GAMES.items())
    player_games = players.select(pl.col(name).cast(kind) for name, kind in PLAYER_GAMES.items())
    clubs_table = pl.DataFrame(clubs, schema=TEAMS, orient="row")
    return League(
        team_games=team_games.sort("date", "game_id", "team_id"),
        player_games=player_games.sort("date", "game_id", "team_id", "player_id"),
        teams=clubs_table,
        manifest=Manifest("test", "test", count_seasons(team_games, player_games, clubs_table, {}), {}),
    )


MakeLeague = Callable[[pl.DataFrame, pl.DataFrame], League]


@pytest.fixture(scope="session")
def make_league() -> MakeLeague:
    """A league of team rows and player rows."""
    return _league


@pytest.fixture(scope="session")
def small_league() -> League:
    """Three seasons of 72 or 108 games and their playoffs."""
    league = SmallLeague(seed=5)
    for season, rounds in zip(SEASONS, (2, 3, 2), strict=True):
        _season(league, season, rounds)
    return _league(pl.DataFrame(league.teams), pl.DataFrame(league.players))
