"""The lists of a league as arrays, ready for every model.

One list is one season, date and conference. Nothing here depends on the target but `ranks`, which holds both, so the
sweeps of both targets share one build.

Shapes: N lists, T teams (padded), P players (padded), S player statistics, C context columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Target
from truestrength.trainer.data.league import League
from truestrength.trainer.features.context import team_context
from truestrength.trainer.features.outlook import Foresight, outlook
from truestrength.trainer.features.players import player_log
from truestrength.trainer.features.ratings import elo
from truestrength.trainer.features.roster import player_columns, player_features, roster_worth, season_roster
from truestrength.trainer.features.season_games import Bools, Floats, Ints, SeasonGames, season_games
from truestrength.trainer.features.targets import target_ranks


@dataclass(frozen=True)
class Batches:
    """Arrays of all lists, sorted by season, date and conference."""

    players: npt.NDArray[np.float32]
    """[N, T, P, S] features of the roster's players from games strictly before the date; 0 where masked."""
    player_mask: npt.NDArray[np.bool_]
    """[N, T, P] True where there is a player."""
    context: npt.NDArray[np.float32]
    """[N, T, C] team context from games strictly before the date; no NaN; 0 where masked."""
    team_mask: npt.NDArray[np.bool_]
    """[N, T] True where there is a team."""
    ranks: dict[Target, npt.NDArray[np.float32]]
    """[N, T] league-wide target rank of the season, 1 is best; 0 where masked."""
    team_id: npt.NDArray[np.int64]
    """[N, T]; 0 where masked."""
    season: npt.NDArray[np.int16]
    """[N] index into `seasons`."""
    date: npt.NDArray[np.int32]
    """[N] days since 1970-01-01."""
    conference: npt.NDArray[np.int8]
    """[N] index into `conferences`."""
    seasons: tuple[str, ...]
    conferences: tuple[str, ...]
    player_columns: tuple[str, ...]
    """Names of the S player statistics."""
    context_columns: tuple[str, ...]
    """Names of the C context columns."""


def build_batches(
    league: League,
    windows: Sequence[int],
    roster_size: int,
    first_day: int,
    foresight: Foresight = outlook,
    *,
    only: str | None = None,
) -> Batches:
    """All lists of all seasons: every regular-season game day from `first_day` days after the season's first game on.

    A season that has only begun may have none yet, so that the seasons before it can be ranked meanwhile.

    Args:
        league: the tables.
        windows: lengths of the rolling windows, in games.
        roster_size: most players of a team.
        first_day: lists start this many days after a season's first game.
        foresight: gives the outlook of a season, which takes half of the time.
        only: the one season to make lists of; ratings and players come from all that was before.

    Returns:
        Arrays as `Batches` says. A season without playoffs has NaN as its playoff outcome.

    Raises:
        DataError: when a season, other than one that has only begun, has no game day from `first_day` on, or a team has
            no player before a date.
    """
    seasons = season_games(league)
    truth = target_ranks(league)
    log = player_log(league, [games.season for games in seasons])
    del league  # unless the caller keeps it, what follows has its memory
    parts: list[_SeasonArrays] = []
    for i, (games, rating) in enumerate(zip(seasons, elo(seasons), strict=True)):
        if only not in {None, games.season}:
            continue
        roster = season_roster(log, i, games, games.days)
        try:
            listed = _listed(games, first_day)
            players, mask = player_features(log, roster.since(listed), windows, roster_size)
            _check_rosters(games, games.days[listed:], mask)
        except DataError:
            if parts and games is seasons[-1] and games.regular.all():
                break  # it has only begun
            raise
        context = team_context(games, rating, roster_worth(roster), windows, foresight)
        context = {name: values[listed:] for name, values in context.items()}
        parts.append(_SeasonArrays(games, games.days[listed:], context, players, mask, _ranks(truth, games)))
    return _assemble(parts, player_columns(windows))


def _listed(games: SeasonGames, first_day: int) -> int:
    """Index of the first day that has lists.

    Raises:
        DataError: when no day has.
    """
    first = int(np.searchsorted(games.days, games.days[0] + first_day))
    if first == len(games.days):
        raise DataError(
            f"{games.season}: no game day {first_day} days after its first game or later, so it has no lists. Choose a "
            "smaller evaluation.first_day, or leave the season out"
        )
    return first


@dataclass(frozen=True)
class _SeasonArrays:
    games: SeasonGames
    days: Ints
    context: dict[str, Floats]
    players: npt.NDArray[np.float32]
    player_mask: Bools
    ranks: dict[Target, Floats]


def _ranks(truth: pl.DataFrame, games: SeasonGames) -> dict[Target, Floats]:
    rows = truth.filter(pl.col("season") == games.season).sort("team_id")
    return {t: rows[t.value].cast(pl.Float64).fill_null(float("nan")).to_numpy() for t in Target}


def _check_rosters(games: SeasonGames, days: Ints, mask: Bools) -> None:
    empty = np.argwhere(~mask.any(axis=2))
    if len(empty):
        day, team = empty[0]
        raise DataError(
            f"{games.season}: team {games.team_id[team]} has no player with a game before {_iso(days[day])} "
            f"({len(empty)} such teams and dates). Import a player log that covers the season, start later with "
            "evaluation.first_day, or leave the season out"
        )


def _iso(day: int) -> str:
    return str(np.datetime64(int(day), "D"))


def _assemble(parts: list[_SeasonArrays], columns: tuple[str, ...]) -> Batches:
    """Cut every date into its conferences and stack all lists. Empties `parts`."""
    conferences = tuple(sorted({str(name) for part in parts for name in part.games.conference}))
    n_teams = max(int((part.games.conference == name).sum()) for part in parts for name in conferences)
    n_lists = sum(len(part.days) for part in parts) * len(conferences)
    roster_size = parts[0].players.shape[2]
    batches = Batches(
        players=np.zeros((n_lists, n_teams, roster_size, len(columns)), dtype=np.float32),
        player_mask=np.zeros((n_lists, n_teams, roster_size), dtype=np.bool_),
        context=np.zeros((n_lists, n_teams, len(parts[0].context)), dtype=np.float32),
        team_mask=np.zeros((n_lists, n_teams), dtype=np.bool_),
        ranks={target: np.zeros((n_lists, n_teams), dtype=np.float32) for target in Target},
        team_id=np.zeros((n_lists, n_teams), dtype=np.int64),
        season=np.zeros(n_lists, dtype=np.int16),
        date=np.zeros(n_lists, dtype=np.int32),
        conference=np.zeros(n_lists, dtype=np.int8),
        seasons=tuple(part.games.season for part in parts),
        conferences=conferences,
        player_columns=columns,
        context_columns=tuple(parts[0].context),
    )
    first = 0
    for i in range(len(parts)):
        part = parts.pop(0)  # freed once it is copied: together they are as large as the result
        for j, name in enumerate(conferences):
            rows = slice(first + j, first + j + len(part.days) * len(conferences), len(conferences))
            teams = np.flatnonzero(part.games.conference == name)
            _fill(batches, rows, slice(0, len(teams)), part, teams)
            batches.season[rows], batches.date[rows], batches.conference[rows] = i, part.days, j
        first += len(part.days) * len(conferences)
    return batches


def _fill(batches: Batches, rows: slice, places: slice, part: _SeasonArrays, teams: Ints) -> None:
    batches.players[rows, places] = part.players[:, teams]
    batches.player_mask[rows, places] = part.player_mask[:, teams]
    batches.context[rows, places] = np.stack([values[:, teams] for values in part.context.values()], axis=-1)
    batches.team_mask[rows, places] = True
    batches.team_id[rows, places] = part.games.team_id[teams]
    for target, ranks in part.ranks.items():
        batches.ranks[target][rows, places] = ranks[teams]
