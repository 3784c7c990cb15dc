"""A league as it was known on a date: results and box scores of the games before it, and the schedule of the season.

Later games keep who meets whom, where and when, which is public beforehand and which the models know in training; what
came of them is taken out. The surprising one: logs of a season that is going on hold no later games at all. Without a
schedule every rank would look decided, so the rest is then assumed: last season's pairings, less those that were
played, until each team has as many games as it had.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.league.manifest import SeasonCount
from truestrength.trainer.data.league import BOX, TEAM_GAMES, League
from truestrength.trainer.features.outlook import INTERRUPTION

Pairs = Counter[tuple[int, int]]
"""How often teams meet, by home team and visiting team."""


@dataclass(frozen=True)
class AsOf:
    """What is known on a date."""

    league: League
    """Up to the date's season; of its later games only the schedule."""
    season: str
    day: date
    """The next day on which there are games: the date itself, or the first one after it."""
    assumed_games: int
    """Games of the rest of the season of which nobody has told when they are and who plays; 0 where the logs do."""


def as_of(league: League, on: date, first_day: int) -> AsOf:
    """Cut a league at a date.

    Args:
        league: the tables.
        on: the date; its own games are not known yet.
        first_day: teams are ranked from so many days after a season's first game.

    Raises:
        DataError: when no regular season goes on then, or its games are not there.
    """
    counts = sorted(league.manifest.seasons, key=lambda count: count.season)
    season = _season_on(counts, on, first_day)
    at = counts.index(season)
    going_on = at == len(counts) - 1 and _is_going_on(counts)
    _check_end(season, on, going_on=going_on)
    games = _blanked(league.team_games.filter(pl.col("season") <= season.season), on)
    assumed = 0
    if going_on:
        rest = _assumed(games, season.season, counts[at - 1].season, max(on, _date(season.last_date) + _DAY))
        assumed, games = rest.height // 2, pl.concat([games, rest]).sort("date", "game_id", "team_id")
    players = league.player_games.filter(pl.col("date") < on)
    days = games.filter(pl.col("season") == season.season, pl.col("season_type") == "regular", pl.col("date") >= on)
    day = days["date"].min()
    assert isinstance(day, date), "the season goes on after the date, or is made to"
    return AsOf(replace(league, team_games=games, player_games=players), season.season, day, assumed)


def last_date(league: League) -> date:
    """The last date on which there is anything left to rank, with what the logs have."""
    counts = sorted(league.manifest.seasons, key=lambda count: count.season)
    end = _date(counts[-1].last_regular_date)
    return end + _DAY if _is_going_on(counts) else end


_DAY = timedelta(days=1)


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _season_on(counts: list[SeasonCount], on: date, first_day: int) -> SeasonCount:
    begun = [count for count in counts if _date(count.first_date) <= on]
    if not begun:
        raise DataError(
            f"{on}: the league's first season, {counts[0].season}, begins on {counts[0].first_date}. It has "
            f"{counts[0].season} to {counts[-1].season}"
        )
    season = begun[-1]
    if len(begun) == 1 and _is_going_on(begun):
        raise DataError(f"{season.season}: it is the league's only season, and not over. Import the seasons before it")
    first = _date(season.first_date) + timedelta(days=first_day)
    if on < first:
        raise DataError(
            f"{on}: the season {season.season} begins on {season.first_date}, and the run ranks teams from {first} on, "
            f"{first_day} days later (evaluation.first_day)"
        )
    return season


def _is_going_on(counts: list[SeasonCount]) -> bool:
    """Whether more regular-season games of the last of these seasons are to be expected than the logs have."""
    season = counts[-1]
    if season.playoff_games or season.champion:
        return False
    return len(counts) == 1 or season.fewest_games < counts[-2].most_games


def _check_end(season: SeasonCount, on: date, *, going_on: bool) -> None:
    end = _date(season.last_regular_date)
    if not going_on and on > end:
        raise DataError(
            f"{on}: no regular season goes on then: that of {season.season} ended on {end}, the last date that can be "
            "ranked, and no later season has begun"
        )
    if going_on and on > end + timedelta(days=INTERRUPTION):
        raise DataError(
            f"{on}: the games of {season.season} are known up to {end} only, {(on - end).days} days before. Import "
            f"newer logs, or ask for a date up to {end + timedelta(days=INTERRUPTION)}"
        )


def _blanked(games: pl.DataFrame, on: date) -> pl.DataFrame:
    """The games with nothing of what came of those on and after the date."""
    later = pl.col("date") >= on
    won = pl.when(later).then(pl.lit(value=False)).otherwise("won").alias("won")
    return games.with_columns(
        won, *(pl.when(later).then(0).otherwise(name).cast(pl.Int32).alias(name) for name in (*BOX, "plus_minus"))
    )


def _assumed(games: pl.DataFrame, season: str, before: str, day: date) -> pl.DataFrame:
    """Rows of the games that are still to be expected, all on one day: when they are makes no difference."""
    usual, known = _pairs(games, before), _pairs(games, season)
    of_team, had = _games_of(usual), _games_of(known)
    wanted = Counter({team: of_team.get(team, max(of_team.values())) - n for team, n in had.items()})
    found: list[tuple[int, int]] = []

    def play(home: int, away: int) -> None:
        found.append((home, away))
        wanted.subtract((home, away))

    for home, away in sorted((usual - known).elements()):
        if wanted[home] > 0 and wanted[away] > 0:
            play(home, away)
    while len(neediest := [team for team, n in wanted.most_common(2) if n > 0]) == 2:
        play(*neediest)
    return _rows(found, season, day)


def _pairs(games: pl.DataFrame, season: str) -> Pairs:
    regular = games.filter(pl.col("season") == season, pl.col("season_type") == "regular", pl.col("home"))
    return Counter(regular.select("team_id", "opponent_id").sort("team_id", "opponent_id").iter_rows())


def _games_of(pairs: Pairs) -> Counter[int]:
    """Games by team."""
    counts: Counter[int] = Counter()
    for (home, away), times in pairs.items():
        counts[home] += times
        counts[away] += times
    return counts


def _rows(pairs: list[tuple[int, int]], season: str, day: date) -> pl.DataFrame:
    """A row for each side of each game, as the team table has them."""
    sides = [
        (n, team, other, at_home)
        for n, (a, b) in enumerate(pairs)
        for team, other, at_home in ((a, b, True), (b, a, False))
    ]
    number, team, other, at_home = zip(*sides, strict=True) if sides else ((), (), (), ())
    frame = pl.DataFrame(
        {"team_id": team, "opponent_id": other, "home": at_home, "game_id": [f"assumed {n:04}" for n in number]}
    )
    blank = {name: pl.lit(0) for name in (*BOX, "plus_minus")}
    said = {
        "season": pl.lit(season),
        "season_type": pl.lit("regular"),
        "date": pl.lit(day),
        "neutral": pl.lit(value=False),
    }
    return frame.with_columns(**said, won=pl.lit(value=False), **blank).select(
        pl.col(name).cast(kind) for name, kind in TEAM_GAMES.items()
    )
