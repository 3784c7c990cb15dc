"""A synthetic league, deterministic by its seed, that goes through the same importer as real logs.

It knows what real leagues do not: every team's true strength on every day, beside the logs in `true_strength.parquet`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import replacing, write_bytes
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.demo.box_scores import box_scores
from truestrength.trainer.data.demo.game_logs import CLUBS, logs, opening_day, read_clubs
from truestrength.trainer.data.demo.game_scores import Fixtures, play
from truestrength.trainer.data.demo.market import found_league, summer, trade
from truestrength.trainer.data.demo.playoffs import play_in, play_rounds, standings
from truestrength.trainer.data.demo.population import Floats
from truestrength.trainer.data.demo.schedule import plan
from truestrength.trainer.data.demo.season import DAYS, Season, new_coaches, prepare_season
from truestrength.trainer.data.importer import read_league, refuse_foreign_folder, write_league, writing
from truestrength.trainer.data.league import Manifest

FIRST_SEASON = 2015
SOURCE = "demo (synthetic)"


@dataclass(frozen=True)
class DemoLogs:
    """What the simulation leaves."""

    team_logs: pl.DataFrame
    player_logs: pl.DataFrame
    truth: pl.DataFrame
    """season, date, team_id, true_strength: expected points above an average team, at a neutral place, with the day's
    roster all fit."""


class _Source(msgspec.Struct):
    """What manifests of all versions have."""

    source: str


def demo(into: Path, seed: int = 7, seasons: int = 10) -> Manifest:
    """Make a synthetic league and write it to the league folder `into`, with its logs in `logs/`.

    Raises:
        DataError: when `into` holds something else, or a number is out of range.
    """
    if seasons < 1 or seed < 0:
        raise DataError(f"a demo league needs at least one season and a seed of 0 or more; found {seasons} and {seed}")
    refuse_foreign_folder(into)
    _refuse_real_league(into)
    made = simulate(seed, seasons)
    paths = LeaguePaths(into).logs
    with writing(into):
        for path, table in ((paths.team_logs, made.team_logs), (paths.player_logs, made.player_logs)):
            with replacing(path) as temporary:
                table.write_parquet(temporary)
        write_bytes(paths.teams, CLUBS.read_bytes())
    league = read_league(paths.team_logs, paths.player_logs, paths.teams, f"{SOURCE}, seed {seed}")
    return write_league(league, into, made.truth)


def _refuse_real_league(into: Path) -> None:
    """Raise a DataError when `into` holds a league that no seed brings back."""
    try:
        source = msgspec.json.decode(LeaguePaths(into).manifest.read_bytes(), type=_Source).source
    except (OSError, msgspec.MsgspecError):
        return
    if not source.startswith(SOURCE):
        raise DataError(f"{into}: holds another league ({source}). Give another folder, or remove this one")


def simulate(seed: int, seasons: int) -> DemoLogs:
    """Play the seasons. More seasons of the same seed begin with the same ones."""
    rng = np.random.default_rng(seed)
    players = found_league(rng)
    coach = None
    team_rows, player_rows, truths = [], [], []
    for start in range(FIRST_SEASON, FIRST_SEASON + seasons):
        coach = new_coaches(coach, rng)
        roster, traded = trade(players, DAYS, rng)
        season = prepare_season(start, players, roster, coach, rng)
        team_logs, player_logs, record = _play_season(season, rng)
        team_rows.append(team_logs)
        player_rows.append(player_logs)
        truths.append(_truth(season, team_logs))
        players = summer(traded, record, rng)
    return DemoLogs(pl.concat(team_rows), pl.concat(player_rows), pl.concat(truths))


def _play_season(season: Season, rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame, Floats]:
    """Team rows, player rows and the regular season's record."""
    games, days = plan(season.start, rng)
    ids = tuple(f"002{season.start % 100:02d}{number:05d}" for number in range(1, len(games) + 1))
    regular = play(season, Fixtures(ids, days, games[:, 0], games[:, 1]), False, rng)
    record = standings(regular)
    last_day = int(days.max())
    before, seeds = play_in(season, record, last_day + 2, rng)
    rounds = play_rounds(season, record, seeds, last_day + 6, rng)
    rows = [
        logs(season, kind, [(played, box_scores(played, season.rates, rng)) for played in parts])
        for kind, parts in ((2, [regular]), (5, before), (4, rounds))
    ]
    return pl.concat(team for team, _ in rows), pl.concat(player for _, player in rows), record


def _truth(season: Season, team_logs: pl.DataFrame) -> pl.DataFrame:
    first = opening_day(season.start)
    last = team_logs["GAME_DATE"].str.to_date().max()
    dates = np.datetime64(first) + np.arange(DAYS)
    strength = season.true_strength()
    table = pl.DataFrame(
        {
            "season": [f"{season.start}-{(season.start + 1) % 100:02d}"] * strength.size,
            "date": np.repeat(dates, strength.shape[1]),
            "team_id": np.tile(read_clubs()["team_id"].to_numpy(), len(strength)),
            "true_strength": strength.ravel().astype(np.float32),
        }
    )
    return table.filter(pl.col("date") <= last)
