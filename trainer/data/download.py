"""Downloads the NBA's game logs with nba_api and imports them.

Every answer of the server is kept whole under the league folder's `logs/`, so a download that was stopped goes on
where it was. Surprising: whether a season is over is told by the answers that are kept, since files lose their dates
when they are copied. While it is not, they are asked for again after twelve hours.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.files import replacing
from truestrength.trainer.contract.paths.league import LeaguePaths, LogPaths
from truestrength.trainer.data.importer import import_logs, refuse_foreign_folder, writing
from truestrength.trainer.data.league import Manifest
from truestrength.trainer.data.season_counts import champion
from truestrength.trainer.data.stats_site import (
    COLUMNS,
    MANNERS,
    ROWS_OF,
    SEASON_TYPES,
    Manners,
    NoAnswerError,
    Question,
    Say,
    fetch_all,
    table_of,
)

STALE_AFTER = timedelta(hours=12)
NBA_TEAMS_A_SEASON = 30


def download(
    seasons: str,
    into: Path,
    say: Say = lambda _: None,
    manners: Manners = MANNERS,
    base_url: str | None = None,
) -> Manifest:
    """Fetch `seasons` ("2015-16:2023-24", or one season) and import them into the league folder `into`.

    Args:
        seasons: first and last season.
        into: a new or empty folder, or a league folder.
        say: gets a line per answer, and per failed attempt.
        manners: pauses, timeout and retries.
        base_url: of another server with the same interface, such as "http://localhost:8000"; None: the NBA's.

    Raises:
        UserError: when nba_api is not installed, or the server does not answer.
    """
    names = season_names(seasons)
    refuse_foreign_folder(into)
    paths = LeaguePaths(into).logs
    questions = [Question(season, kind, rows_of) for season in names for kind in SEASON_TYPES for rows_of in ROWS_OF]
    open_questions = [question for question in questions if not _is_final(question, paths)]
    if len(open_questions) < len(questions):
        say(f"{len(questions) - len(open_questions)} of {len(questions)} answers are here already")
    with writing(into):
        fetch_all(open_questions, paths, manners, say, base_url)
    for rows_of, target in (("team", paths.team_logs), ("player", paths.player_logs)):
        kept = [question.kept_in(paths) for question in questions if question.rows_of == rows_of]
        with replacing(target) as temporary:
            pl.concat([_rows(path, rows_of) for path in kept]).write_parquet(temporary)
    return import_logs(paths.team_logs, paths.player_logs, into, source=f"LeagueGameLog by nba_api, {seasons}", say=say)


def season_names(seasons: str) -> list[str]:
    """Spell out a range of seasons.

    >>> season_names("1998-99:2000-01")
    ['1998-99', '1999-00', '2000-01']
    """
    first, colon, last = seasons.partition(":")
    years = []
    for name in (first, last if colon else first):
        found = re.fullmatch(r"(\d{4})-(\d{2})", name)
        if not found or (int(found[1]) + 1) % 100 != int(found[2]):
            raise DataError(f"--seasons {seasons}: {name!r} is not a season. Write 2015-16, or 2015-16:2023-24")
        years.append(int(found[1]))
    if years[0] > years[1]:
        raise DataError(f"--seasons {seasons}: the first season is after the last one")
    return [f"{year}-{(year + 1) % 100:02d}" for year in range(years[0], years[1] + 1)]


def _rows(path: Path, rows_of: str) -> pl.DataFrame:
    """A kept answer as text cells: the importer reads numbers from text, and an empty answer has no types to infer."""
    try:
        table = table_of(path.read_bytes(), rows_of)
    except NoAnswerError as error:
        raise DataError(f"{path}: {error}. Delete this file and download again") from None
    places = {name: table.headers.index(name) for name in COLUMNS[rows_of]}
    cells = {name: [None if row[at] is None else str(row[at]) for row in table.rowSet] for name, at in places.items()}
    return pl.DataFrame(cells, schema=dict.fromkeys(places, pl.String))


def _is_final(question: Question, paths: LogPaths) -> bool:
    """Whether there is an answer that will not change any more, or not soon."""
    path = question.kept_in(paths)
    if not path.exists():
        return False
    fetched = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if datetime.now(UTC) - fetched < STALE_AFTER:
        return True
    ended = _ended(question.season, paths)
    return ended is not None and str(fetched.date()) > ended


def _ended(season: str, paths: LogPaths) -> str | None:
    """The date of a season's last game, as its kept playoffs say; None while they have no champion."""
    path = Question(season, "Playoffs", "team").kept_in(paths)
    if not path.exists():
        return None
    rows = _rows(path, "team").select(date="GAME_DATE", game_id="GAME_ID", team_id="TEAM_ID", won=pl.col("WL") == "W")
    others = rows.select("game_id", opponent_id="team_id")
    games = rows.join(others, on="game_id").filter(pl.col("team_id") != pl.col("opponent_id"))
    winner = champion(games.with_columns(pl.col("team_id", "opponent_id").cast(pl.Int64)), NBA_TEAMS_A_SEASON)
    return None if winner is None else str(rows["date"].sort(descending=True)[0])
