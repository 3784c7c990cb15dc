"""The download against a local server that answers as the NBA's does, and as it does on its bad days."""

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from tests.support.stats_server import Fault, Logs, Server
from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.data.demo import simulate
from truestrength.trainer.data.download import download, season_names
from truestrength.trainer.data.importer import import_logs
from truestrength.trainer.data.league import load_league
from truestrength.trainer.data.stats_site import Manners, NoAnswerError, Question
from truestrength.trainer.data.teams import read_teams

SEASON, SEASONS = "2015-16", "2015-16:2016-17"
HASTY = Manners(pause_s=0, timeout_s=20, attempts=3, backoff_s=0.01)
CUT: Fault = (0, "")
HANG: Fault = (1, "")


@pytest.fixture(scope="module")
def logs() -> Logs:
    """Two seasons, a tenth of the regular season and all playoffs: team rows (T) and player rows (P), by NBA ids."""
    made = simulate(seed=5, seasons=2)
    played = pl.col("SEASON_ID").str.starts_with("4") | (
        pl.col("SEASON_ID").str.starts_with("2") & pl.col("GAME_ID").str.ends_with("1")
    )
    ids = dict(zip(made.team_logs["TEAM_ID"].unique().sort(), read_teams(None)["team_id"], strict=True))
    return {
        kind: rows.filter(played).with_columns(pl.col("TEAM_ID").replace(ids))
        for kind, rows in (("T", made.team_logs), ("P", made.player_logs))
    }


@pytest.fixture
def server(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(logs) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_downloads_all_and_imports_it(server: Server, logs: Logs, tmp_path: Path) -> None:
    said: list[str] = []
    manifest = download(SEASONS, tmp_path / "nba", said.append, HASTY, server.url)
    kinds = [(t, r) for t in ("Regular Season", "Playoffs") for r in ("T", "P")]
    assert server.asked == [(season, *kind) for season in season_names(SEASONS) for kind in kinds]
    assert said[0] == "2015-16 Regular Season, team rows: 246"
    for kind, rows in logs.items():
        rows.write_parquet(tmp_path / f"{kind}.parquet")
    same = import_logs(tmp_path / "T.parquet", tmp_path / "P.parquet", tmp_path / "same")
    assert manifest.fingerprint == same.fingerprint
    assert manifest.repairs == ()
    assert load_league(tmp_path / "nba").manifest == manifest


def test_asks_nothing_twice(server: Server, tmp_path: Path) -> None:
    first = download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    again = download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert again == first
    assert len(server.asked) == 4
    download(SEASONS, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert len(server.asked) == 8


def test_goes_on_where_it_was_stopped(server: Server, tmp_path: Path) -> None:
    server.broken_after = 3
    with pytest.raises(
        NoAnswerError, match=r"2015-16 Playoffs, player rows: no game logs after 3 attempts.*status 500"
    ):
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert len(server.asked) == 6
    with pytest.raises(DataError, match="no league here"):
        load_league(tmp_path / "nba")
    server.broken_after = None
    download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert server.asked[6:] == [(SEASON, "Playoffs", "P")]
    assert load_league(tmp_path / "nba").team_games["season"].unique().to_list() == [SEASON]


FAULTS: dict[str, tuple[Fault, str]] = {
    "too many requests": ((429, "slow down"), "status 429: 'slow down'"),
    "server error": ((500, "<html>"), "status 500: '<html>'"),
    "no answer": (CUT, "Connection aborted"),
    "no JSON": ((200, "<Error>An error has occurred.</Error>"), "is not that of LeagueGameLog .*malformed"),
    "half an answer": ((200, '{"resultSets": [{"name": "LeagueGameLog", "head'), "is not that of LeagueGameLog"),
    "no tables": ((200, '{"Message": "An error has occurred."}'), "missing required field `resultSets`"),
    "another table": ((200, '{"resultSets": [{"name": "X", "headers": [], "rowSet": []}]}'), r"but \['X'\]"),
    "other columns": (
        (200, '{"resultSets": [{"name": "LeagueGameLog", "headers": ["GAME_ID"], "rowSet": []}]}'),
        "lacks the columns SEASON_ID, .*it has GAME_ID",
    ),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_bad_answer_is_asked_for_again(kind: str, server: Server, tmp_path: Path) -> None:
    fault, _ = FAULTS[kind]
    server.faults = [fault, fault]
    said: list[str] = []
    download(SEASON, tmp_path / "nba", said.append, HASTY, server.url)
    assert [line.endswith("; asking again") for line in said] == [True, True, False, False, False, False]
    assert server.asked[:3] == [(SEASON, "Regular Season", "T")] * 3
    assert len(server.asked) == 6


@pytest.mark.parametrize("kind", FAULTS)
def test_bad_answers_alone_are_a_clear_error(kind: str, server: Server, tmp_path: Path) -> None:
    fault, words = FAULTS[kind]
    server.faults = [fault] * 3
    with pytest.raises(UserError, match=words) as error:
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert "The same command goes on from here" in str(error.value)
    assert not [path for path in (tmp_path / "nba").rglob("*") if path.is_file()]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_that_says_when_to_ask_again_is_waited_for(form: str, server: Server, tmp_path: Path) -> None:
    until = datetime.now(UTC) + timedelta(seconds=3)
    wait = "2" if form == "seconds" else format_datetime(until, usegmt=True)
    server.faults = [(429, "slow down", wait)]
    said: list[str] = []
    download(SEASON, tmp_path / "nba", said.append, HASTY, server.url)
    assert server.times[1] - server.times[0] >= (2 if form == "seconds" else 1)
    assert "status 429: 'slow down' (asks to wait " in said[0]


def test_whoever_was_told_to_slow_down_stays_slower(server: Server, tmp_path: Path) -> None:
    manners = replace(HASTY, pause_s=0.2)
    server.faults = [(429, "slow down"), (503, "busy")]
    download(SEASON, tmp_path / "nba", manners=manners, base_url=server.url)
    pauses = [later - earlier for earlier, later in pairwise(server.times[2:])]
    assert len(pauses) == 3
    assert min(pauses) >= 0.8, "doubled by each of the two questions that were asked again"


def test_a_server_that_asks_for_hours_is_left_alone(server: Server, tmp_path: Path) -> None:
    server.faults = [(429, "come back later", "7200")]
    with pytest.raises(DataError, match=r"asks to wait 120 minutes. The same command goes on from here then"):
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_not_asked_again(status: int, server: Server, tmp_path: Path) -> None:
    """The site answers 403 to the addresses of many providers."""
    server.faults = [(status, "<HTML>Access Denied</HTML>")]
    with pytest.raises(
        DataError, match=rf"status {status}: '<HTML>Access Denied.* Download on another machine and copy"
    ):
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert len(server.asked) == 1


def test_time_outs_cost_no_answer_that_is_there(server: Server, tmp_path: Path) -> None:
    """The site lets requests of those who are too fast hang: each is asked again, later and later."""
    server.faults = [HANG, HANG]
    manners = replace(HASTY, timeout_s=0.3, backoff_s=0.2)
    said: list[str] = []
    download(SEASON, tmp_path / "nba", said.append, manners, server.url)
    assert [("Read timed out" in line) for line in said[:3]] == [True, True, False]
    first, second = (later - earlier for earlier, later in pairwise(server.times[:3]))
    assert first >= 0.3 + 0.2
    assert second >= 0.3 + 0.4
    assert len(server.asked) == 6


def test_answers_of_a_season_that_is_over_are_final_whenever_their_files_were_made(
    server: Server, logs: Logs, tmp_path: Path
) -> None:
    """Those of a season that is not are asked for again: a copied folder has newer files, and no newer answers."""
    server.logs = {kind: rows.filter(pl.col("GAME_DATE") <= "2017-01-15") for kind, rows in logs.items()}
    download(SEASONS, tmp_path / "nba", manners=HASTY, base_url=server.url)
    yesterday = time.time() - 24 * 3600
    for path in LeaguePaths(tmp_path / "nba").logs.folder.iterdir():
        os.utime(path, (yesterday, yesterday))
    download(SEASONS, tmp_path / "nba", manners=HASTY, base_url=server.url)
    kinds = [(t, r) for t in ("Regular Season", "Playoffs") for r in ("T", "P")]
    assert server.asked[8:] == [("2016-17", *kind) for kind in kinds]


def test_a_season_in_progress_is_taken_anew_every_day_and_what_is_new_is_said(
    server: Server, logs: Logs, tmp_path: Path
) -> None:
    until = {kind: rows.filter(pl.col("GAME_DATE") <= "2017-01-15") for kind, rows in logs.items()}
    server.logs = until
    download(SEASONS, tmp_path / "nba", manners=HASTY, base_url=server.url)
    paths = LeaguePaths(tmp_path / "nba").logs
    yesterday = time.time() - 24 * 3600
    in_season = datetime(2017, 1, 16, tzinfo=UTC).timestamp()
    for kind in ("Regular Season", "Playoffs"):
        for rows in ("team", "player"):
            os.utime(Question("2016-17", kind, rows).kept_in(paths), (in_season, in_season))
            os.utime(Question("2015-16", kind, rows).kept_in(paths), (yesterday, yesterday))
    server.logs = {kind: rows.filter(pl.col("GAME_DATE") <= "2017-01-20") for kind, rows in logs.items()}
    said: list[str] = []
    download(SEASONS, tmp_path / "nba", said.append, HASTY, server.url)
    assert said[0] == "4 of 8 answers are here already"
    assert {season for season, _, _ in server.asked[8:]} == {"2016-17"}
    lines = said[-1].splitlines()
    assert lines[0] == "New since the last import:"
    assert re.fullmatch(r"  2016-17: \d+ games new \(2017-01-1\d to 2017-01-\d\d\)", lines[1])
    assert lines[2].startswith("The data have another fingerprint now")


def test_a_server_that_is_too_slow(server: Server, tmp_path: Path) -> None:
    server.faults = [HANG] * 2
    with pytest.raises(NoAnswerError, match=r"after 2 attempts; the last time: .*Read timed out"):
        download(SEASON, tmp_path / "nba", manners=replace(HASTY, timeout_s=0.3, attempts=2), base_url=server.url)


def test_rows_of_another_length_are_refused(server: Server, tmp_path: Path) -> None:
    whole = json.loads(server.answer({"Season": SEASON, "SeasonType": "Playoffs", "PlayerOrTeam": "T"}))
    whole["resultSets"][0]["rowSet"][7].pop()
    server.faults = [(200, json.dumps(whole))] * 3
    with pytest.raises(NoAnswerError, match="rows of another length"):
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)


def test_no_server_at_all(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match="Connection refused"):
            download(SEASON, tmp_path / "nba", manners=HASTY, base_url=url)


def test_an_answer_from_a_season_under_way_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    logs = LeaguePaths(tmp_path / "nba").logs
    january, november = (datetime(*day, tzinfo=UTC).timestamp() for day in ((2016, 1, 15), (2016, 11, 15)))
    for kept, when in (("team", january), ("player", november)):
        os.utime(Question(SEASON, "Regular Season", kept).kept_in(logs), (when, when))
    download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert server.asked[4:] == [(SEASON, "Regular Season", "T")]


def test_a_season_before_its_playoffs(server: Server, logs: Logs, tmp_path: Path) -> None:
    server.logs = {kind: rows.filter(pl.col("SEASON_ID") == "22015") for kind, rows in logs.items()}
    manifest = download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    assert manifest.seasons[0].playoff_games == 0
    assert manifest.repairs == ("season 2015-16: no playoffs; it cannot serve the target playoff_outcome",)


def test_a_season_that_the_server_does_not_have(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1950-51 Regular Season, team rows: the server has none"):
        download("1950-51", tmp_path / "nba", manners=HASTY, base_url=server.url)


def test_a_spoilt_file_is_named(server: Server, tmp_path: Path) -> None:
    download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)
    path = Question(SEASON, "Playoffs", "player").kept_in(LeaguePaths(tmp_path / "nba").logs)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=f"{path.name}: .* Delete this file and download again"):
        download(SEASON, tmp_path / "nba", manners=HASTY, base_url=server.url)


def test_nba_api_is_an_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "nba_api.stats.endpoints.leaguegamelog", None)
    with pytest.raises(UserError, match=r"nba_api is not installed.*pip install 'truestrength\[nba\]'"):
        download(SEASON, tmp_path / "nba")


@pytest.mark.parametrize(
    "seasons", ["2015", "2015-17", "2016-17:2015-16", "2015-16:", "last", "2015-16:2016-17:2017-18"]
)
def test_a_range_of_seasons_is_checked(seasons: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"--seasons {seasons}: "):
        download(seasons, tmp_path / "nba")


def test_the_command(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "download", "--seasons", SEASON, "--into", str(tmp_path / "nba"), "--base-url", server.url]
    args = parser().parse_args(words)
    args.handler(args)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "2015-16 Regular Season, team rows: 246"
    assert out[-2] == "  nothing"
    assert out[-1] == f"Fingerprint: {load_league(tmp_path / 'nba').manifest.fingerprint}"
