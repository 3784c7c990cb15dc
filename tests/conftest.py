"""A real PostgreSQL for the tests: one server per session, one template database, cloned for every test.

The tests' databases are owned and used by the role that programs are, as everywhere: it may nothing else. Only
`postgres_server` is the superuser's URL.

`TEST_DATABASE_URL` names a server to use instead; its user must be allowed to create databases.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from psycopg2 import sql
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.places import CONFIG, SUPPORT
from truestrength.launcher.postgres import server as embedded_postgres
from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database import url as url_text
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.ledger import Ledger, optuna_storage
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

# No example has to be quick on a machine that is busy; in CI they are the same every time.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

WORKERS = SUPPORT / "null_workers.py"


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs under test also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Two processes share the tests: one has what waits for clusters and containers, the other the rest.

    Not by `xdist_group`: with pytest 9.2 xdist 3.8.0 says nothing and does not keep its groups together.
    """
    return _Rooms(config, log)


class _Rooms(LoadScopeScheduling):
    """All of `tests/acceptance` goes to one process, of the rest a file at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return "acceptance" if nodeid.startswith("tests/acceptance/") else nodeid.split("::", 1)[0]


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """What a worker or a launcher run in this process does to its signals does not outlive the test."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def server_urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URLs of a server: by the first databases may be created, the second is the programs'."""
    if os.environ.get("TEST_DATABASE_URL"):
        url = url_text.normalise(os.environ["TEST_DATABASE_URL"], "TEST_DATABASE_URL")
        yield url, url
        return
    project = tmp_path_factory.mktemp("postgres")
    programs = embedded_postgres.up(project)
    yield embedded_postgres.superuser_url(project), programs
    embedded_postgres.down(project)


@pytest.fixture(scope="session")
def postgres_server(server_urls: tuple[str, str]) -> str:
    """The URL of a server in which databases may be created."""
    return server_urls[0]


@pytest.fixture(scope="session")
def database_template(server_urls: tuple[str, str]) -> Iterator[str]:
    """The name of a database with the ledger's and Optuna's tables."""
    with _database(server_urls) as name:
        url = url_text.with_database(server_urls[1], name)
        with Ledger(url, patience_s=5) as ledger:
            ledger.prepare()
            ledger.connection.work(optuna_storage.make_tables)
        yield name


@pytest.fixture
def database_url(server_urls: tuple[str, str], database_template: str) -> Iterator[str]:
    """The URL of a database of the test's own."""
    with _database(server_urls, database_template) as name:
        yield url_text.with_database(server_urls[1], name)


@pytest.fixture
def storage(database_url: str) -> Iterator[Any]:
    """Optuna's own storage on the test's database, as optuna-dashboard opens it."""
    from optuna.storages import RDBStorage

    opened = RDBStorage(url_text.sqlalchemy_url(database_url))
    yield opened
    opened.remove_session()
    opened.engine.dispose()


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """The ledger of the test's own database."""
    with Ledger(database_url, patience_s=20) as opened:
        yield opened


@pytest.fixture
def project_database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test's own database, as `DATABASE_URL` for this process and for those that it starts."""
    monkeypatch.delenv(address.FILE_VARIABLE, raising=False)
    monkeypatch.setenv(address.URL_VARIABLE, database_url)
    return database_url


@pytest.fixture
def outputs(tmp_path: Path) -> OutputsRoot:
    """An empty outputs root."""
    return OutputsRoot(tmp_path / "outputs")


@pytest.fixture
def sweep_spec(outputs: OutputsRoot) -> Callable[..., SweepSpec]:
    """Make a small sweep into `outputs`; arguments change its fields, dotted ones its configuration."""

    def make(config: dict[str, Any] | None = None, **fields: Any) -> SweepSpec:
        loaded = configuration.load_config(CONFIG)
        spec = SweepSpec(
            batch_id="phase1_spearman_final_rank",
            objective=Objective.SPEARMAN,
            target=Target.FINAL_RANK,
            phase=Phase.PHASE1,
            method=Method.OPTUNA,
            n_trials=6,
            config=configuration.replace(loaded, {"paths.outputs": str(outputs.root), **(config or {})}),
            data_fingerprint="league-1",
        )
        return msgspec.structs.replace(spec, **fields)

    return make


class Crew:
    """Null workers on one sweep, started by fork and addressed by pid."""

    def __init__(self, url: str, batch_id: str, seconds: float, lease_s: float, log: Path) -> None:
        self._log = log.open("ab")
        self._nursery = subprocess.Popen(
            [sys.executable, str(WORKERS), batch_id, str(seconds), str(lease_s)],
            env={**os.environ, address.URL_VARIABLE: url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.pids: list[int] = []

    def start(self, count: int = 1) -> list[int]:
        """Start workers and return their pids."""
        assert self._nursery.stdin
        assert self._nursery.stdout
        started = []
        for _ in range(count):
            self._nursery.stdin.write("\n")
            self._nursery.stdin.flush()
            started.append(int(self._nursery.stdout.readline()))
        self.pids += started
        return started

    def alive(self) -> list[int]:
        """The pids of the workers that have not ended."""
        return [pid for pid in self.pids if Path(f"/proc/{pid}").exists()]

    def wait(self, seconds: float = 300) -> None:
        """Wait until all workers have ended."""
        deadline = time.monotonic() + seconds
        while self.alive():
            assert time.monotonic() < deadline, "workers do not end"
            time.sleep(0.05)

    def close(self) -> None:
        """Leave no process behind."""
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._nursery.communicate()
        self._log.close()


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Callable[..., Crew]]:
    """Make a crew of null workers for a sweep."""
    crews: list[Crew] = []

    def make(url: str, batch_id: str, seconds: float = 0.1, lease_s: float = 60.0) -> Crew:
        crews.append(Crew(url, batch_id, seconds, lease_s, tmp_path / "workers.log"))
        return crews[-1]

    yield make
    for made in crews:
        made.close()


@contextmanager
def _database(urls: tuple[str, str], template: str = "template1") -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    server, owner = urls[0], url_text.parse(urls[1]).user or ""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    with connected(server) as connection:
        execute(connection, create.format(*map(sql.Identifier, (name, template, owner))))
    yield name
    with connected(server) as connection:
        execute(connection, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
