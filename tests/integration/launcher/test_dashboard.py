"""`truestrength dashboard`: optuna-dashboard on a real database, which it cannot change."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse

import optuna
import pytest

from truestrength.launcher.commands.dashboard import read_only
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.ledger.study import load_study
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.sweep.spec import SweepSpec

COMMAND = [sys.executable, "-m", "launcher", "dashboard", "--port"]


@pytest.fixture
def spec(sweep_spec: Callable[..., SweepSpec], ledger: Ledger, outputs: OutputsRoot) -> SweepSpec:
    """A registered sweep, which has a study."""
    spec = sweep_spec()
    ledger.register(spec, outputs)
    load_study(ledger.connection, spec)
    return spec


@pytest.fixture
def address(spec: SweepSpec, project_database: str) -> Iterator[str]:
    """Where the dashboard is, which ends by Ctrl-C."""
    with subprocess.Popen([*COMMAND, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        assert first.startswith("http://127.0.0.1:"), running.communicate()
        yield first.split("/ shows", maxsplit=1)[0]
        running.send_signal(signal.SIGINT)
        rest, said = running.communicate(timeout=60)
        assert (running.returncode, rest, said) == (0, "", "closed\n")


def ask(url: str, method: str = "GET") -> HTTPResponse:
    response: HTTPResponse = urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60)
    return response


def test_it_shows_the_studies_and_changes_nothing(address: str, spec: SweepSpec, ledger: Ledger) -> None:
    (listed,) = json.load(ask(f"{address}/api/studies"))["study_summaries"]
    assert listed["study_name"] == spec.batch_id
    study = f"{address}/api/studies/{listed['study_id']}"
    assert json.load(ask(study))["name"] == spec.batch_id
    assert b"<html" in ask(f"{address}/dashboard/").read().lower()
    for method, path in (("DELETE", study), ("POST", f"{study}/rename"), ("PUT", f"{study}/note")):
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            ask(path, method)
        assert "this dashboard only shows" in json.load(refused.value)["reason"]
    assert load_study(ledger.connection, spec).study_name == spec.batch_id
    assert json.load(ask(f"{address}/api/studies"))["study_summaries"]


def test_the_server_itself_refuses_to_change_anything(spec: SweepSpec, project_database: str) -> None:
    with read_only(project_database) as storage:
        study = storage.get_study_id_from_name(spec.batch_id)
        with pytest.raises(optuna.exceptions.StorageInternalError) as refused:
            storage.delete_study(study)
        assert "read-only transaction" in str(refused.value.__cause__)
        storage.remove_session()
        assert storage.get_study_name_from_id(study) == spec.batch_id
        storage.remove_session()
    assert storage.engine.pool.checkedin() == 0  # or a server that was started for it would be left running


def test_a_port_that_is_taken_is_said(spec: SweepSpec, project_database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, port], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: --port {port}: is taken. Name another one, or 0 for any that is free\n"


@pytest.mark.parametrize("port", ["-1", "70000"])
def test_a_port_that_is_none_is_said(port: str, spec: SweepSpec, project_database: str) -> None:
    done = subprocess.run([*COMMAND, port], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert f"--port {port}: cannot be used" in done.stderr
