"""A study as an SQLite file: the same trials, for tools that know nothing of our database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import optuna
import optuna_dashboard
import pytest
from optuna.trial import TrialState

from tests.support.disks import Disk
from truestrength.launcher.report import study_file
from truestrength.launcher.report.study_file import STILL_RUNNING, write_study_file
from truestrength.trainer.contract import disks

SPACE = {
    "epochs": optuna.distributions.IntDistribution(1, 9),
    "rate": optuna.distributions.FloatDistribution(0.1, 0.5, step=0.1),
    "windows": optuna.distributions.CategoricalDistribution(("[10]", "[10, 30]")),
}


@pytest.fixture
def study() -> optuna.Study:
    """Complete, failed and running trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(study_name="my sweep", direction="minimize")
    for number in range(5):
        trial = made.ask(SPACE)
        trial.set_user_attr("run_id", 25 + number)
        if number < 3:
            made.tell(trial, 0.1 * number)
        elif number == 3:
            made.tell(trial, state=TrialState.FAIL)
    return made


def read(path: Path) -> optuna.Study:
    return optuna.load_study(study_name=None, storage=f"sqlite:///{path}")


def close(study: optuna.Study) -> None:
    study._storage._backend.engine.dispose()


def test_the_same_trials_are_read_back(study: optuna.Study, tmp_path: Path) -> None:
    write_study_file(tmp_path / "study.sqlite3", study)
    copy = read(tmp_path / "study.sqlite3")
    assert (copy.study_name, copy.direction) == (study.study_name, study.direction)
    for trial, wanted in zip(copy.trials[:4], study.trials[:4], strict=True):
        for field in ("number", "state", "values", "params", "distributions", "user_attrs"):
            assert getattr(trial, field) == getattr(wanted, field), field
        assert trial.datetime_start == wanted.datetime_start
        assert trial.datetime_complete == wanted.datetime_complete
    assert [path.name for path in tmp_path.iterdir()] == ["study.sqlite3"]
    close(copy)


def test_a_trial_that_runs_has_not_for_ever_run_in_the_copy(study: optuna.Study, tmp_path: Path) -> None:
    write_study_file(tmp_path / "study.sqlite3", study)
    copy = read(tmp_path / "study.sqlite3")
    assert study.trials[4].state is TrialState.RUNNING
    assert copy.trials[4].state is TrialState.FAIL
    assert copy.trials[4].user_attrs == {"run_id": 29, STILL_RUNNING: True}
    assert copy.trials[4].params == study.trials[4].params
    close(copy)


def test_equal_studies_give_equal_bytes(study: optuna.Study, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_study_file(tmp_path / name, study)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_both_ways_of_writing_leave_the_same_tables(
    study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study_file(tmp_path / "directly", study)
    monkeypatch.setattr(study_file, "WRITTEN_DIRECTLY", "a version to come")
    write_study_file(tmp_path / "by_optuna", study)
    directly, by_optuna = (_rows(tmp_path / name) for name in ("directly", "by_optuna"))
    assert directly == by_optuna
    assert any("trial_user_attributes" in row for row in directly)


def test_the_version_of_the_tables_is_the_one_that_optuna_writes(study: optuna.Study, tmp_path: Path) -> None:
    write_study_file(tmp_path / "directly", study)
    made = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'by_optuna'}")
    made.engine.dispose()
    ours, theirs = (set(_rows(tmp_path / name)) for name in ("directly", "by_optuna"))
    assert [" ".join(row.split()) for row in sorted(theirs) if "version" in row] == [
        " ".join(row.split()) for row in sorted(ours) if "version" in row
    ]


def test_what_no_sweep_leaves_is_written_by_optuna(study: optuna.Study, tmp_path: Path) -> None:
    trial = study.ask(SPACE)
    trial.report(0.5, step=1)
    study.tell(trial, float("inf"))
    write_study_file(tmp_path / "study.sqlite3", study)
    copy = read(tmp_path / "study.sqlite3")
    assert copy.trials[5].value == float("inf")
    assert copy.trials[5].intermediate_values == {1: 0.5}
    close(copy)


def _rows(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_it_is_written_whole_or_not_at_all(study: optuna.Study, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk", 4)
    try:
        path = disk.folder / "study.sqlite3"
        write_study_file(path, study)
        before = path.read_bytes()
        disk.fill()
        study.ask(SPACE)
        with pytest.raises(OSError, match="No space left") as stopped:
            write_study_file(path, study)
        assert disks.fault(stopped.value)
        assert path.read_bytes() == before
        assert {entry.name for entry in disk.folder.iterdir()} == {"study.sqlite3", "ballast"}
    finally:
        disk.close()


def test_optuna_dashboard_opens_the_file(study: optuna.Study, tmp_path: Path) -> None:
    write_study_file(tmp_path / "study.sqlite3", study)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    application = optuna_dashboard.wsgi(storage)
    (listed,) = get(application, "/api/studies")["study_summaries"]
    assert listed["study_name"] == "my sweep"
    shown = get(application, f"/api/studies/{listed['study_id']}")
    assert [trial["state"] for trial in shown["trials"]] == ["Complete"] * 3 + ["Fail"] * 2
    storage.remove_session()
    storage.engine.dispose()


def get(application: Any, path: str) -> dict[str, Any]:
    status: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "t", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http"}
    body = b"".join(application(environ, lambda said, _headers, _error=None: status.append(said)))
    assert status[0].startswith("200"), (status, body)
    found: dict[str, Any] = json.loads(body)
    return found
