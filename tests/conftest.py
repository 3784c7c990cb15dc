"""A real PostgreSQL for the tests: one server per session, one template database, cloned for every test.

`TEST_DATABASE_URL` names a server to use instead; its user must be allowed to create databases.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from launcher import embedded_postgres
from trainer.contract import database, study
from trainer.contract.ledger import Ledger


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server in which databases may be created."""
    if os.environ.get("TEST_DATABASE_URL"):
        yield database.normalise(os.environ["TEST_DATABASE_URL"], "TEST_DATABASE_URL")
        return
    project = tmp_path_factory.mktemp("postgres")
    yield embedded_postgres.up(project)
    embedded_postgres.down(project)


@pytest.fixture(scope="session")
def database_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with the ledger's and Optuna's tables."""
    with _database(postgres_server) as name:
        url = database.with_database(postgres_server, name)
        with Ledger(url, patience_s=5) as ledger:
            ledger.prepare()
        study.storage(url, new=True)
        yield name


@pytest.fixture
def database_url(postgres_server: str, database_template: str) -> Iterator[str]:
    """The URL of a database of the test's own."""
    with _database(postgres_server, database_template) as name:
        yield database.with_database(postgres_server, name)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """The ledger of the test's own database."""
    with Ledger(database_url, patience_s=20) as opened:
        yield opened


@pytest.fixture
def project_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's own database, as `DATABASE_URL` for this process and for those that it starts."""
    monkeypatch.delenv(database.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(database.URL_VARIABLE, database_url)
    return database_url


@contextmanager
def _database(server: str, template: str = "template1") -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    yield name
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
