"""Downloads the NBA's game logs with nba_api and imports them.

Every answer of the server is kept whole under the league folder's `logs/`, so a download that was stopped goes on
where it was. Surprising: an answer from the time when its season was still being played is asked for again after
twelve hours.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential, wait_random

from trainer.contract.errors import DataError, UserError
from trainer.contract.files import replacing, write_bytes
from trainer.contract.paths import LeaguePaths, LogPaths
from trainer.data.importer import import_logs, refuse_foreign_folder, writing
from trainer.data.league import Manifest
from trainer.data.log_files import PLAYER_COLUMNS, TEAM_COLUMNS

SEASON_TYPES = ("Regular Season", "Playoffs")
ROWS_OF = {"team": "T", "player": "P"}
"""What LeagueGameLog calls them in its parameter PlayerOrTeam."""
COLUMNS = {
    "team": ("SEASON_ID", "TEAM_NAME", "TEAM_ABBREVIATION", "MIN", "PLUS_MINUS", *TEAM_COLUMNS),
    "player": (
        "SEASON_ID",
        "TEAM_NAME",
        "TEAM_ABBREVIATION",
        "GAME_DATE",
        "MATCHUP",
        "WL",
        "PLUS_MINUS",
        *PLAYER_COLUMNS,
    ),
}
Say = Callable[[str], None]
STALE_AFTER = timedelta(hours=12)


@dataclass(frozen=True)
class Manners:
    """How the server is asked."""

    pause_s: float = 1.0
    """Between two questions."""
    timeout_s: float = 60.0
    attempts: int = 5
    backoff_s: float = 3.0
    """Before the second attempt; twice as long before each one after it, a minute at most."""


@dataclass(frozen=True)
class Question:
    """One call of LeagueGameLog."""

    season: str
    season_type: str
    rows_of: str
    """`team` or `player`."""

    def __str__(self) -> str:
        return f"{self.season} {self.season_type}, {self.rows_of} rows"

    def kept_in(self, paths: LogPaths) -> Path:
        """Where the answer is kept."""
        return paths.response(self.season, self.season_type.split()[0].lower(), self.rows_of)


class NoAnswerError(DataError):
    """The server did not answer with game logs."""


class ResultSet(msgspec.Struct):
    """One table of an answer."""

    name: str
    headers: list[str]
    rowSet: list[list[Any]]  # noqa: N815 - the server's name


class Answer(msgspec.Struct):
    """What LeagueGameLog answers; fields that nobody here reads are left out."""

    resultSets: list[ResultSet]  # noqa: N815 - the server's name


def download(
    seasons: str,
    into: Path,
    say: Say = lambda _: None,
    manners: Manners = Manners(),
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
    open_questions = [question for question in questions if not _is_final(question.kept_in(paths), question.season)]
    if len(open_questions) < len(questions):
        say(f"{len(questions) - len(open_questions)} of {len(questions)} answers are here already")
    with writing(into), _asking(base_url) as ask:
        for number, question in enumerate(open_questions):
            time.sleep(manners.pause_s if number else 0)
            rows = _fetch(ask, question, question.kept_in(paths), manners, say)
            say(f"{question}: {rows}")
    for rows_of, target in (("team", paths.team_logs), ("player", paths.player_logs)):
        kept = [question.kept_in(paths) for question in questions if question.rows_of == rows_of]
        with replacing(target) as temporary:
            pl.concat([_rows(path, rows_of) for path in kept]).write_parquet(temporary)
    return import_logs(paths.team_logs, paths.player_logs, into, source=f"LeagueGameLog by nba_api, {seasons}")


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


Ask = Callable[[Question, float], tuple[int | None, str]]


@contextmanager
def _asking(base_url: str | None) -> Iterator[Ask]:
    """Give a function of a question and a timeout that returns status code and text of the answer."""
    try:
        import requests  # noqa: PLC0415 - comes with nba_api, an extra
        from nba_api.stats.endpoints.leaguegamelog import LeagueGameLog  # noqa: PLC0415
        from nba_api.stats.library.http import NBAStatsHTTP  # noqa: PLC0415
    except ImportError:
        raise UserError("nba_api is not installed. Install it: pip install 'truestrength[nba]'") from None
    client = NBAStatsHTTP()
    if base_url is not None:
        client.base_url = base_url.rstrip("/") + "/stats/{endpoint}"

    def ask(question: Question, timeout_s: float) -> tuple[int | None, str]:
        log = LeagueGameLog(
            season=question.season,
            season_type_all_star=question.season_type,
            player_or_team_abbreviation=ROWS_OF[question.rows_of],
            get_request=False,
        )
        try:
            answer = client.send_api_request(log.endpoint, log.parameters, timeout=timeout_s)
        except requests.RequestException as error:
            raise NoAnswerError(str(error)) from None
        return answer._status_code, answer.get_response()

    with requests.Session() as session:
        client.set_session(session)
        try:
            yield ask
        finally:
            client.set_session(None)


def _fetch(ask: Ask, question: Question, path: Path, manners: Manners, say: Say) -> int:
    """Ask until there is a whole answer, keep it in `path`, and return its number of rows."""
    retrying = Retrying(
        retry=retry_if_exception_type(NoAnswerError),
        stop=stop_after_attempt(manners.attempts),
        wait=wait_exponential(multiplier=manners.backoff_s, max=60) + wait_random(0, manners.backoff_s / 4),
        before_sleep=lambda state: say(f"{question}: {state.outcome and state.outcome.exception()}; asking again"),
        reraise=True,
    )
    try:
        return retrying(_ask_once, ask, question, path, manners.timeout_s)
    except NoAnswerError as error:
        raise NoAnswerError(
            f"{question}: no game logs after {manners.attempts} attempts; the last time: {error}. The same command "
            "goes on from here"
        ) from None


def _ask_once(ask: Ask, question: Question, path: Path, timeout_s: float) -> int:
    status, text = ask(question, timeout_s)
    if status != 200:
        raise NoAnswerError(f"the server answered with status {status}: {text[:200]!r}")
    table = _table(text.encode(), question.rows_of)
    if not table.rowSet and question.season_type == SEASON_TYPES[0]:
        raise DataError(f"{question}: the server has none. Take the season out of --seasons")
    write_bytes(path, text.encode())
    return len(table.rowSet)


def _table(content: bytes, rows_of: str) -> ResultSet:
    """The game logs in an answer."""
    try:
        answer = msgspec.json.decode(content, type=Answer)
    except msgspec.MsgspecError as error:
        raise NoAnswerError(f"the answer is not that of LeagueGameLog ({error}): {content[:200]!r}") from None
    table = next((table for table in answer.resultSets if table.name == "LeagueGameLog"), None)
    if table is None:
        raise NoAnswerError(f"the answer has no table LeagueGameLog, but {[t.name for t in answer.resultSets]}")
    missing = [column for column in COLUMNS[rows_of] if column not in table.headers]
    if missing:
        raise NoAnswerError(f"the answer lacks the columns {', '.join(missing)}; it has {', '.join(table.headers)}")
    if any(len(row) != len(table.headers) for row in table.rowSet):
        raise NoAnswerError("the answer has rows of another length than its header")
    return table


def _rows(path: Path, rows_of: str) -> pl.DataFrame:
    """A kept answer as text cells: the importer reads numbers from text, and an empty answer has no types to infer."""
    try:
        table = _table(path.read_bytes(), rows_of)
    except NoAnswerError as error:
        raise DataError(f"{path}: {error}. Delete this file and download again") from None
    places = {name: table.headers.index(name) for name in COLUMNS[rows_of]}
    cells = {name: [None if row[at] is None else str(row[at]) for row in table.rowSet] for name, at in places.items()}
    return pl.DataFrame(cells, schema=dict.fromkeys(places, pl.String))


def _is_final(path: Path, season: str) -> bool:
    """Whether there is an answer that will not change any more, or not soon."""
    if not path.exists():
        return False
    fetched = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    over = datetime(int(season[:4]) + 1, 11, 1, tzinfo=UTC)
    return fetched > over or datetime.now(UTC) - fetched < STALE_AFTER
