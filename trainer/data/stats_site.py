"""Asks the league's site for game logs, as slowly as it wants to be asked; nba_api makes the requests.

Surprising: the site says next to nothing of its limits. It lets requests of those who are too fast hang, answers 429,
or refuses a machine altogether. So a question that was not answered is asked again later and later, and whoever had to
ask again asks more slowly from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.files import write_bytes
from truestrength.trainer.contract.paths.league import LogPaths
from truestrength.trainer.data.log_files import PLAYER_COLUMNS, TEAM_COLUMNS

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
REFUSED = (400, 401, 403, 404, 451)
"""Statuses that asking again does not change."""


@dataclass(frozen=True)
class Manners:
    """How the server is asked."""

    pause_s: float = 1.0
    """Between two questions."""
    timeout_s: float = 60.0
    attempts: int = 5
    backoff_s: float = 3.0
    """Before the second attempt; twice as long before each one after it, a minute at most, unless the server names a
    longer time."""
    slowest_s: float = 30.0
    """The longest pause between two questions: it is doubled by every question that had to be asked again."""
    patience_s: float = 600.0
    """If the server asks to wait longer than this, the download ends and says so."""


MANNERS = Manners()


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
    """The server did not answer with game logs, but may when it is asked again."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        """For so long the server does not want to be asked."""


class Reply(NamedTuple):
    """What came back for a question."""

    status: int | None
    text: str
    retry_after: str
    """The header of this name: seconds or a date; empty when there is none."""


class ResultSet(msgspec.Struct):
    """One table of an answer."""

    name: str
    headers: list[str]
    rowSet: list[list[Any]]  # noqa: N815 - the server's name


class Answer(msgspec.Struct):
    """What LeagueGameLog answers; fields that nobody here reads are left out."""

    resultSets: list[ResultSet]  # noqa: N815 - the server's name


def fetch_all(questions: Sequence[Question], paths: LogPaths, manners: Manners, say: Say, base_url: str | None) -> None:
    """Keep the answer to every question; each is there as soon as it has come.

    Raises:
        UserError: when nba_api is not installed, or the server does not answer.
    """
    pause_s = manners.pause_s
    with _asking(base_url) as ask:
        for number, question in enumerate(questions):
            time.sleep(pause_s if number else 0)
            rows, attempts = _fetch(ask, question, question.kept_in(paths), manners, say)
            pause_s = min(pause_s * 2 ** (attempts - 1), manners.slowest_s)
            say(f"{question}: {rows}")


Ask = Callable[[Question, float], Reply]


@contextmanager
def _asking(base_url: str | None) -> Iterator[Ask]:
    """Give a function of a question and a timeout that returns the server's reply."""
    try:
        import requests  # noqa: PLC0415 - comes with nba_api, an extra
        from nba_api.stats.endpoints.leaguegamelog import LeagueGameLog  # noqa: PLC0415
        from nba_api.stats.library.http import NBAStatsHTTP  # noqa: PLC0415
    except ImportError:
        raise UserError("nba_api is not installed. Install it: pip install 'truestrength[nba]'") from None
    client = NBAStatsHTTP()
    if base_url is not None:
        client.base_url = base_url.rstrip("/") + "/stats/{endpoint}"

    headers: dict[str, str] = {}

    def keep_headers(response: requests.Response, **_: object) -> None:
        headers.clear()  # nba_api gives none of them
        headers.update({name.lower(): value for name, value in response.headers.items()})

    def ask(question: Question, timeout_s: float) -> Reply:
        headers.clear()
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
        return Reply(answer._status_code, answer.get_response(), headers.get("retry-after", ""))

    with requests.Session() as session:
        session.hooks["response"].append(keep_headers)
        client.set_session(session)
        try:
            yield ask
        finally:
            client.set_session(None)


def _fetch(ask: Ask, question: Question, path: Path, manners: Manners, say: Say) -> tuple[int, int]:
    """Ask until there is a whole answer and keep it in `path`. Returns its number of rows, and how often was asked."""
    backoff = wait_exponential(multiplier=manners.backoff_s, max=60) + wait_random(0, manners.backoff_s / 4)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(backoff(state), error.wait_s if isinstance(error, NoAnswerError) else 0.0)

    retrying = Retrying(
        retry=retry_if_exception_type(NoAnswerError),
        stop=stop_after_attempt(manners.attempts),
        wait=wait,
        before_sleep=lambda state: say(f"{question}: {state.outcome and state.outcome.exception()}; asking again"),
        reraise=True,
    )
    try:
        rows = retrying(_ask_once, ask, question, path, manners)
        return rows, int(retrying.statistics["attempt_number"])
    except NoAnswerError as error:
        raise NoAnswerError(
            f"{question}: no game logs after {manners.attempts} attempts; the last time: {error}. The same command "
            "goes on from here"
        ) from None


def _ask_once(ask: Ask, question: Question, path: Path, manners: Manners) -> int:
    reply = ask(question, manners.timeout_s)
    if reply.status != 200:
        raise _unanswered(question, reply, manners)
    table = table_of(reply.text.encode(), question.rows_of)
    if not table.rowSet and question.season_type == SEASON_TYPES[0]:
        raise DataError(f"{question}: the server has none. Take the season out of --seasons")
    write_bytes(path, reply.text.encode())
    return len(table.rowSet)


def _unanswered(question: Question, reply: Reply, manners: Manners) -> DataError:
    """The error for a reply that is no answer; a `NoAnswerError` where asking again may help."""
    found = f"the server answered with status {reply.status}: {reply.text[:200]!r}"
    if reply.status in REFUSED:
        return DataError(
            f"{question}: {found}. It refuses this machine or this question, and asking again would not help; the "
            "NBA's site refuses many addresses of cloud providers. Download on another machine and copy the folder"
        )
    wait_s = seconds_to_wait(reply.retry_after)
    if wait_s > manners.patience_s:
        return DataError(
            f"{question}: {found}. It asks to wait {wait_s / 60:.0f} minutes. The same command goes on from here then"
        )
    return NoAnswerError(found + (f" (asks to wait {wait_s:.0f} s)" if wait_s else ""), wait_s)


def seconds_to_wait(retry_after: str) -> float:
    """What a header Retry-After means from now on: it holds seconds or a date; 0 where it says nothing.

    >>> seconds_to_wait("120"), seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT"), seconds_to_wait("")
    (120.0, 0.0, 0.0)
    """
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    return max((until.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def table_of(content: bytes, rows_of: str) -> ResultSet:
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
