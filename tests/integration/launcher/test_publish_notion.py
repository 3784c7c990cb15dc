"""`publish --notion` against a local server that answers as Notion does, on its bad days too."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.notion_server import DATABASE, PAGE, SOURCE, TOKEN, Server, block, columns, error
from tests.support.places import CONFIG
from tests.support.published import BATCH, git, make_clone, make_sweep
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.publishing import notion_session
from truestrength.trainer.contract import command_line

TITLE = "Outputs4 Phase I sweeps (run_025+)"
OTHER = "0f2e9f1c-3a80-4b1e-9d63-6e6cf0a4a001"
CREATE, UPDATE = "POST /v1/pages", "PATCH /v1/pages/"
QUERY, FIND = f"POST /v1/data_sources/{SOURCE}/query", f"GET /v1/databases/{DATABASE}"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_clone(tmp_path, monkeypatch)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as found:
        monkeypatch.setattr(notion_session, "URL", found.url)
        monkeypatch.setenv("NOTION_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def publish(page: str, *words: str) -> int:
    given = ["publish", BATCH, "--notion", page, *words, "--config", str(CONFIG), "--outputs", "outputs4"]
    return command_line.main(parser(), given)


def text(server: Server, column: str, kind: str = "rich_text") -> str:
    return "".join(piece["text"]["content"] for piece in server.pages[0]["properties"][column][kind])


def test_an_entry_is_added_and_then_updated(clone: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    git(clone, "remote", "set-url", "origin", "https://ann:hunter2@git.example.org/ann/sweeps.git")
    assert publish(DATABASE) == 0
    assert capsys.readouterr().out.endswith(f"added to Notion: {server.pages[0]['url']}\n")
    assert server.pages[0]["parent"] == {"type": "data_source_id", "data_source_id": SOURCE}
    assert server.pages[0]["icon"] == {"type": "emoji", "emoji": "🤖"}
    assert text(server, "Name", "title") == TITLE
    assert text(server, "Summary") == f"{BATCH}: 12/12 trials, best spearman 0.9100, run_025"
    assert (
        server.pages[0]["properties"]["Link"]["url"] == "https://git.example.org/ann/sweeps/tree/main/outputs4/sweeps"
    )
    make_sweep(clone, BATCH, complete=11)
    make_sweep(clone, "mine")
    assert publish(DATABASE) == 0
    assert capsys.readouterr().out.endswith(f"updated in Notion: {server.pages[0]['url']}\n")
    assert len(server.pages) == 1
    assert text(server, "Summary").splitlines()[1] == f"{BATCH}: 11/12 trials, best spearman 0.9100, run_025"


@pytest.mark.parametrize(
    "page",
    [
        DATABASE.replace("-", "").upper(),
        f"https://www.notion.so/team/{DATABASE.replace('-', '')}?v=0123456789abcdef0123456789abcdef",
        SOURCE,
        PAGE,
        f"https://www.notion.so/Our-sweeps-{PAGE.replace('-', '')}",
    ],
)
def test_a_page_may_be_a_database_a_data_source_or_a_page_with_one(clone: Path, server: Server, page: str) -> None:
    assert publish(page) == 0
    assert [one["parent"]["data_source_id"] for one in server.pages] == [SOURCE]


def test_a_database_in_a_column_of_a_page(clone: Path, server: Server) -> None:
    server.blocks = {PAGE: [block("column_list", OTHER, has_children=True)], OTHER: [block("child_database", DATABASE)]}
    assert publish(PAGE) == 0
    assert len(server.pages) == 1


def test_a_long_summary_comes_in_pieces_and_without_a_remote_there_is_no_link(
    clone: Path, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(60):
        make_sweep(clone, f"sweep_{i:02}")
    assert publish(DATABASE) == 0
    assert len(text(server, "Summary").splitlines()) == 61
    assert server.pages[0]["properties"]["Link"] == {"url": None}
    assert "without a link: main belongs to no remote that a browser can open" in capsys.readouterr().err


def _no_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTION_TOKEN")


def _odd_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTION_TOKEN", "ntn_1\nntn_2")


def _wrong_token(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTION_TOKEN", "ntn_9")


def _gone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.databases, server.sources, server.blocks = {}, {}, {}


def _bare_page(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.databases, server.sources, server.blocks = {}, {}, {DATABASE: [block("paragraph", OTHER)]}


def _two(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.databases[DATABASE].append(OTHER)


def _other_type(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.sources[SOURCE] |= columns(Link="rich_text")


def _forbidden(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.faults.append((FIND, 403, error(403, "Insufficient permissions.", "restricted_resource")))


REFUSED = {
    "no token": (_no_token, "NOTION_TOKEN is not set"),
    "a token of two lines": (_odd_token, "NOTION_TOKEN: is no token of Notion"),
    "a wrong token": (_wrong_token, "Notion does not know the token in NOTION_TOKEN: API token is invalid."),
    "nothing of that id": (_gone, f"Could not find block with ID: {DATABASE}."),
    "a page without a database": (_bare_page, "no database is there: make one on the page"),
    "two data sources": (_two, f"there are 2 data sources: name one by its id: Table c174 ({SOURCE}), Table 0f2e"),
    "a column of another type": (_other_type, "its column Link is of the type rich_text, not url: rename it"),
    "a right that is missing": (_forbidden, "Notion forbids it (Insufficient permissions.)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mistake_is_said_before_anything_is_committed(
    clone: Path, server: Server, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = REFUSED[name]
    spoil(server, monkeypatch)
    before = git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain")
    assert publish(DATABASE) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "ntn_" not in told
    assert (git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain")) == before
    assert server.pages == []


@pytest.mark.parametrize("page", ["", "Our sweeps", f"{DATABASE}0", "https://www.notion.so/team"])
def test_what_is_no_page_is_said(clone: Path, server: Server, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(page) == 2
    assert "is neither an id of Notion (32 digits 0-9a-f) nor an address" in capsys.readouterr().err
    assert server.asked == []


LIMITED = error(429, "You have been rate limited. Please try again in a few minutes.")
PASSING = {
    "a rate limit, of a question": (FIND, 429, LIMITED, "0"),
    "a rate limit, of the creation": (CREATE, 429, LIMITED, "0"),
    "an overload": (CREATE, 529, error(529, "Overloaded", "service_overload"), "0"),
    "a query that failed": (QUERY, 503, error(503, "Notion is unavailable.", "service_unavailable"), "0"),
    "a proxy's page": (QUERY, 502, "<html>Bad gateway</html>", "0"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_asked_again(clone: Path, server: Server, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    server.faults.append(PASSING[name])
    assert publish(DATABASE) == 0
    assert len(server.pages) == 1
    assert "asking again in 0 s" in capsys.readouterr().err


def test_the_wait_that_notion_wants_is_kept(clone: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.faults.append((CREATE, 429, LIMITED, "2"))
    assert publish(DATABASE) == 0
    assert "and wants 2 s of rest: asking again in 2 s" in capsys.readouterr().err


AWAY = {
    "a limit that is longer than anybody waits": ((FIND, 429, LIMITED, "900"), "wants 900 s of rest"),
    "a creation that failed": ((CREATE, 500, error(500, "Unexpected error", "internal_server_error")), "is not ready"),
    "a creation that a gateway gave up": ((CREATE, 504, "<html>"), "is not ready (status 504"),
    "a conflict": ((CREATE, 409, error(409, "Conflict occurred while saving.", "conflict_error")), "Conflict occurred"),
    "an answer that is no JSON": ((CREATE, 200, "<html>Please log in"), "answered with no JSON"),
    "an answer of another shape": ((CREATE, 200, "[]"), "answered with something unknown"),
}


@pytest.mark.parametrize("name", AWAY)
def test_where_notion_is_away_the_same_command_goes_on(
    clone: Path, server: Server, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fault, said = AWAY[name]
    server.faults.append(fault)
    assert publish(DATABASE) == 75
    told = capsys.readouterr().err
    assert said in told
    assert "The same command again goes on" in told
    assert server.asked.count(CREATE) <= 1  # twice could be two entries
    assert publish(DATABASE) == 0
    assert len(server.pages) == 1


def test_faults_that_do_not_end(
    clone: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults += [(FIND, 429, LIMITED, "0")] * 20
    assert publish(DATABASE) == 75
    assert len(server.asked) == notion_session.ATTEMPTS
    monkeypatch.setattr(notion_session, "PATIENCE_S", 0.1)
    monkeypatch.setattr(notion_session, "URL", "http://127.0.0.1:1")
    assert publish(DATABASE) == 75
    assert "Notion cannot be reached" in capsys.readouterr().err
    assert git(clone, "log", "--oneline").count("\n") == 1
