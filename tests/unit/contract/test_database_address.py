"""Where the database is, and that its password stays where it belongs."""

import psycopg2
import pytest

from truestrength.trainer.contract.database import address, faults
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.errors import DatabaseError
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)


def secret(path, text="postgresql://me:pw@file/db\n", mode=0o600):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_environment_then_file_then_embedded_server(tmp_path, monkeypatch):
    secret(EmbeddedServerPaths.of(tmp_path).url, "postgresql://me:pw@embedded/db")
    assert address.database_url(tmp_path) == "postgresql://me:pw@embedded/db"
    monkeypatch.setenv("DATABASE_URL_FILE", str(secret(tmp_path / "url")))
    assert address.database_url(tmp_path) == "postgresql://me:pw@file/db"
    monkeypatch.setenv("DATABASE_URL", "postgres://me:pw@environment/db")
    assert address.database_url(tmp_path) == "postgresql://me:pw@environment/db"


def test_no_database_says_what_to_do(tmp_path):
    with pytest.raises(DatabaseError, match="truestrength db up"):
        address.database_url(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path, monkeypatch, mode):
    monkeypatch.setenv("DATABASE_URL_FILE", str(secret(tmp_path / "url", mode=mode)))
    with pytest.raises(DatabaseError, match=f"has mode {mode:o}: run `chmod 600"):
        address.database_url(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "nothing"))
    with pytest.raises(DatabaseError, match="nothing: cannot be read"):
        address.database_url(tmp_path)


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg", "postgres+pg8000"]
)
def test_every_usual_spelling_is_understood(scheme):
    assert url_text.normalise(f" {scheme}://me:p%40ss@db:5433/x?sslmode=require\n") == (
        "postgresql://me:p%40ss@db:5433/x?sslmode=require"
    )


@pytest.mark.parametrize(
    "url", ["sqlite:///me:secret.db", "mysql://me:secret@db/x", "host=db password=secret", "", "secret"]
)
def test_anything_else_is_refused_without_repeating_it(url):
    with pytest.raises(DatabaseError) as refused:
        url_text.normalise(url, "DATABASE_URL")
    assert str(refused.value).startswith("DATABASE_URL: expected postgresql://")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:secret@db/x",
        "postgresql+psycopg2://me:secret@db/x and postgresql://you:secret@db",
        "postgresql://db/x?user=me&password=secret&sslmode=require",
        "connection to postgresql://:secret@db failed",
    ],
)
def test_passwords_are_redacted(text):
    assert "secret" not in url_text.redact(text)
    assert "db" in url_text.redact(text)


def test_the_same_database_for_sqlalchemy():
    assert url_text.sqlalchemy_url("postgres://me@db/x") == "postgresql+psycopg2://me@db/x"


def test_drivers_error_is_found_in_the_wrapping_ones():
    wrapped = RuntimeError("storage")
    wrapped.__cause__ = psycopg2.OperationalError("server closed the connection")
    assert faults.is_passing(faults.driver_error(wrapped))
    assert not faults.is_passing(faults.driver_error(ValueError("x")))
    assert not faults.is_passing(psycopg2.errors.UniqueViolation("x"))
