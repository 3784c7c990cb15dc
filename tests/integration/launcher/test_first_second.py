"""A command begins while its server is away: it is waited for, and a mistake in the URL is not."""

import subprocess
import sys
import threading
import time

import pytest

from tests.support.leagues import stub_league
from tests.support.places import SUPPORT
from truestrength.launcher import database
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.postgres import server
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.database import patience
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.ledger import Ledger

CONFIG = "paths: {data: league, outputs: out}\nsearch_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    stub_league(tmp_path / "league")
    (tmp_path / "config.yaml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def away(project, monkeypatch):
    """The URL of a server of the user's own that has just been stopped, as DATABASE_URL."""
    url = server.up(project)
    with Ledger(url) as ledger:
        ledger.prepare()
    server.down(project)
    monkeypatch.setenv("DATABASE_URL", url)
    yield url
    server.down(project)


def test_every_command_waits_for_a_server_that_is_about_to_come(away, project, monkeypatch, capsys):
    waits = []

    def come(text):
        waits.append((text, threading.Timer(0.5, server.up, [project])))
        waits[-1][1].start()

    monkeypatch.setattr(database, "_aside", come)
    answers = {
        "status": "no sweeps yet",
        "cancel --all": "nothing to cancel",
        "forget --all": "nothing to forget",
        "retry x": "no such sweep",
        "logs x": "no such sweep",
        "report": "knows no outputs root",
    }
    for words, answer in answers.items():
        server.down(project)
        command_line.main(parser(), words.split())
        said = capsys.readouterr()
        assert answer in said.out + said.err
        text, timer = waits.pop()
        timer.join()
        assert "is away (Connection refused" in text
        assert "waiting for it, at most" in text
    assert waits == []


def test_a_plan_begins_when_the_server_comes(away, project):
    command = [sys.executable, str(SUPPORT / "launcher_stub_main.py"), "config.yaml", "2", "1", "a"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as launcher:
        assert "waiting for it, at most 600 s" in launcher.stdout.readline()
        time.sleep(3)
        server.up(project)
        said, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, said
    with Ledger(away) as ledger:
        assert ledger.progress("a").done == 2


def wrong(url, **changes):
    return str(url_text.parse(url)._replace(**changes))


@pytest.mark.parametrize(
    "mistake",
    [
        ({"name": "nothing_there"}, 'database "nothing_there" does not exist'),
        ({"password": "wrong"}, "password authentication failed"),
        ({"user": "nobody_here"}, "password authentication failed"),
        ({"query": "sslmode=require"}, "does not support SSL"),
        ({"hosts": "nothing..here:5432"}, "could not translate host name"),
    ],
)
def test_a_mistake_in_the_url_is_said_at_once(project, postgres_server, monkeypatch, capsys, mistake):
    changes, said = mistake
    monkeypatch.setenv("DATABASE_URL", wrong(postgres_server, **changes))
    assert command_line.main(parser(), ["status"]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "waiting for it" not in told


def test_looking_is_impatient_and_steering_is_not(project, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@127.0.0.1:1/none")
    monkeypatch.setattr(database, "LOOK_PATIENCE_S", 0.5)
    assert command_line.main(parser(), ["status"]) == 2
    said = capsys.readouterr().err
    assert "at most 0 s" in said
    assert "Is the server up" in said
    assert "sesame" not in said
    monkeypatch.setattr(patience, "PATIENCE_S", 1.0)
    assert command_line.main(parser(), ["cancel", "--all"]) == 2
    assert "at most 1 s" in capsys.readouterr().err


def test_right_after_the_server_came_up_there_are_no_sweeps_yet(project, capsys):
    try:
        server.up(project)
        for words, said in {"status": "no sweeps yet", "cancel --all": "nothing to cancel"}.items():
            assert command_line.main(parser(), words.split()) == 0
            assert said in capsys.readouterr().out
    finally:
        server.down(project)
