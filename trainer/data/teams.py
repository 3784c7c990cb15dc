"""Which team plays in which conference: the NBA's thirty from the package, another league's from a file."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.data.league import TEAMS
from truestrength.trainer.data.log_files import text, whole_numbers
from truestrength.trainer.data.table_files import read_table

NBA_TEAMS = Path(__file__).with_name("nba_teams.csv")
CONFERENCES = ("East", "West")
COLUMNS = ("TEAM_ID", "TEAM_ABBREVIATION", "TEAM_NAME", "CONFERENCE")


def read_teams(path: Path | None) -> pl.DataFrame:
    """Read the teams of a league: `path`, or the NBA's.

    Raises:
        DataError: naming the file, column, row and value.
    """
    path = path or NBA_TEAMS
    raw = read_table(path, COLUMNS, [])
    teams = pl.DataFrame(
        {
            "team_id": whole_numbers(raw, "TEAM_ID", path, required=True),
            "abbreviation": text(raw, "TEAM_ABBREVIATION", path),
            "name": text(raw, "TEAM_NAME", path),
            "conference": text(raw, "CONFERENCE", path),
        },
        schema=TEAMS,
    )
    twice = teams.filter(pl.col("team_id").is_duplicated())
    if twice.height:
        raise DataError(f"{path}: TEAM_ID {twice['team_id'][0]} stands in {twice.height} rows; expected one row a team")
    wrong = teams.filter(~pl.col("conference").is_in(CONFERENCES))
    if wrong.height:
        raise DataError(
            f"{path}: conference of {wrong['abbreviation'][0]} is {wrong['conference'][0]!r}. Allowed: East, West"
        )
    return teams.sort("team_id")


def teams_of(team_games: pl.DataFrame, path: Path | None) -> pl.DataFrame:
    """The teams that play in `team_games`.

    Raises:
        DataError: for a team that the file does not have.
    """
    teams = read_teams(path)
    unknown = team_games.join(teams, on="team_id", how="anti").unique("team_id").sort("team_id")
    if unknown.height:
        names = ", ".join(f"{row['team_id']} ({row['abbreviation']})" for row in unknown.head(5).to_dicts())
        where = f"not in {path}" if path else "not of the NBA's thirty"
        raise DataError(
            f"team rows: {unknown.height} unknown, {where}: {names}. Give --teams FILE, a CSV with the columns "
            f"{', '.join(COLUMNS)}; conference is East or West"
        )
    return teams.join(team_games, on="team_id", how="semi").sort("team_id")
