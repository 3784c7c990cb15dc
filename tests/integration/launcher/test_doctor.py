"""`doctor` on this machine: what is well, and each thing that is broken by hand."""

import json
from pathlib import Path

import pytest

from truestrength.launcher.commands.parser import parser
from truestrength.launcher.postgres.host import free_port
from truestrength.trainer.contract.command_line import main

CONFIG = "paths: {outputs: out, batch_cache: store}\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("DATABASE_URL_FILE", raising=False)
    Path("mine.yaml").write_text(CONFIG)
    return tmp_path


def asked(capsys, *more):
    """The exit code and the findings, by check."""
    code = main(parser(), ["doctor", "-c", "mine.yaml", "--json", *more])
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == code
    return code, {one["check"]: one for one in said["checks"]}


def test_a_machine_that_can_run_a_plan(capsys, here):
    code, found = asked(capsys)
    assert code == 0, found
    assert found["postgresql"]["found"] == "a server was made, started and stopped"
    assert all(one["state"] == "ok" for check, one in found.items() if check != "gpu"), found
    assert [path.name for path in here.iterdir()] == ["mine.yaml"]


def test_a_database_that_is_away_may_come_back(capsys, monkeypatch):
    closed = free_port("127.0.0.1")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:secret@127.0.0.1:{closed}/none")
    code, found = asked(capsys)
    assert (code, found["postgresql"]["state"], found["postgresql"]["away"]) == (75, "fail", True)
    assert "secret" not in str(found)
    assert found["postgresql"]["next"]


def test_an_outputs_folder_that_is_a_file_is_a_failure(capsys):
    Path("out").write_text("")
    code, found = asked(capsys)
    assert (code, found["outputs"]["state"]) == (1, "fail")
    assert "is a file" in found["outputs"]["found"]


def test_an_image_that_is_not_there_is_a_failure_also_in_the_table(capsys):
    code = main(parser(), ["doctor", "-c", "mine.yaml", "--container", "apptainer:none.sif"])
    said = capsys.readouterr().out
    assert code == 1
    assert "\ncontainer   fail   " in said
    assert "\ncontainer: docs/gpu_box.md" in said


def test_a_mistake_is_answered_as_one(capsys):
    assert main(parser(), ["doctor", "-c", "absent.yaml"]) == 2
    assert "absent.yaml" in capsys.readouterr().err


def test_an_outputs_folder_that_cannot_be_is_a_failure_of_the_cluster_too(capsys):
    Path("out").write_text("")
    Path("cluster.yaml").write_text("timeout_min: 5\n")
    code, found = asked(capsys, "--cluster", "cluster.yaml")
    assert (code, found["shared folder"]["state"]) == (1, "fail")
