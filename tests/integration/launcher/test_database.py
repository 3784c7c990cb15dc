"""The database of a command: the configured one, or the embedded server for as long as it is needed."""

import os
from contextlib import ExitStack
from pathlib import Path

import psycopg2
import pytest

from truestrength.launcher.database import database_for_command, database_for_jobs, database_with_sweeps
from truestrength.launcher.postgres import server
from truestrength.trainer.contract.database import patience
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.outputs import OutputsRoot

ROOT = OutputsRoot(Path("out"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    yield tmp_path
    server.down(tmp_path)


def test_a_configured_database_is_used_and_nothing_is_started(tmp_path, monkeypatch, project_database):
    monkeypatch.chdir(tmp_path)
    said = []
    with database_for_command(ROOT, said.append) as url, database_for_jobs(ROOT) as for_jobs:
        assert url == for_jobs == project_database
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_a_configured_database_that_is_not_there_is_an_error_and_no_reason_to_start_one(project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@127.0.0.1:1/none")
    monkeypatch.setattr(patience, "PATIENCE_S", 0.3)
    with pytest.raises(DatabaseError, match="Is the server up") as caught, database_for_command(ROOT, print):
        pass
    assert "sesame" not in str(caught.value)
    assert list(project.iterdir()) == []


def test_the_embedded_server_is_started_stopped_and_left_to_others(project, capsys):
    said = []
    with pytest.raises(DatabaseError, match="no database here yet"), database_with_sweeps():
        pass
    with pytest.raises(DatabaseError, match="db up --listen"), database_for_jobs(ROOT):
        pass
    assert list(project.iterdir()) == []
    with database_for_command(ROOT, said.append) as url:
        psycopg2.connect(url).close()
        named = Path(os.environ.pop("DATABASE_URL_FILE"))  # as for a second command
        with database_for_command(ROOT, said.append) as same:
            assert same == url
            assert os.environ["DATABASE_URL_FILE"] == str(named)
        os.environ["DATABASE_URL_FILE"] = str(named)
        assert server.status(project).running
    assert "DATABASE_URL_FILE" not in os.environ
    assert not server.status(project).running
    assert [line.partition(" (")[0] for line in said] == [
        "database: started the embedded PostgreSQL",
        "database: stopped; its data stays in .postgres/",
    ]

    with database_with_sweeps() as same:
        assert same == url, "of the root that was used last"
        other = psycopg2.connect(same)
    with other:
        assert server.status(project).running
    said = capsys.readouterr()
    assert said.out == ""
    assert "left running, 1 other connections use it" in said.err


def test_a_server_stays_for_a_command_that_has_not_connected_yet(project):
    """The one that started it ends while another has only just begun."""
    first, second = ExitStack(), ExitStack()
    said = []
    with first, second:
        first.enter_context(database_for_command(ROOT, said.append))
        os.environ.pop("DATABASE_URL_FILE")
        second.enter_context(database_for_command(OutputsRoot(Path("other")), said.append))
        named = os.environ["DATABASE_URL_FILE"]
        first.close()
        assert said[-1].startswith("database: left running, another command uses it")
        assert server.status(project).running
        os.environ["DATABASE_URL_FILE"] = named
