"""The database of a command: the configured one, or the embedded server for as long as it is needed."""

import psycopg
import pytest

from launcher import embedded_postgres
from launcher.server import database_for_command, database_with_sweeps
from trainer.contract.errors import DatabaseError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    yield tmp_path
    embedded_postgres.down(tmp_path)


def test_a_configured_database_is_used_and_nothing_is_started(tmp_path, monkeypatch, project_database):
    monkeypatch.chdir(tmp_path)
    said = []
    with database_for_command(said.append) as url:
        assert url == project_database
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_a_configured_database_that_is_not_there_is_an_error_and_no_reason_to_start_one(project, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:sesame@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match="Is the server up") as caught, database_for_command(print):
        pass
    assert "sesame" not in str(caught.value)
    assert list(project.iterdir()) == []


def test_the_embedded_server_is_started_stopped_and_left_to_others(project, capsys):
    said = []
    with database_for_command(said.append) as url:
        psycopg.connect(url).close()
        with database_for_command(said.append) as same:
            assert same == url
        assert embedded_postgres.status(project).running
    assert not embedded_postgres.status(project).running
    assert [line.partition(" (")[0] for line in said] == [
        "database: started the embedded PostgreSQL",
        "database: stopped; its data stays in .postgres/",
    ]

    with database_with_sweeps() as url:
        other = psycopg.connect(url)
    with other:
        assert embedded_postgres.status(project).running
    said = capsys.readouterr()
    assert said.out == ""
    assert "left running, 1 other connections use it" in said.err
