"""The settings that a user has for all commands, and where `plan` says that each value came from."""

import json
from pathlib import Path

import pytest

from tests.support.leagues import stub_league
from truestrength.launcher.commands.parser import parser
from truestrength.trainer.commands.parser import parser as trainer_parser
from truestrength.trainer.contract.command_line import main

SPACES = "search_spaces: {phase1: {max_depth: {type: int, low: 3, high: 5}}}\nplans: {phase1: [{phase: phase1}]}\n"


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The user's settings file, which is not there yet, beside a project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    stub_league(tmp_path / "league")
    (tmp_path / "c.yaml").write_text(f"paths: {{data: league, outputs: by_file}}\nmodel_a: {{hidden: 4}}\n{SPACES}")
    (tmp_path / "xdg" / "truestrength").mkdir(parents=True)
    return tmp_path / "xdg" / "truestrength" / "config.yaml"


def values(capsys, *words):
    assert main(parser(), ["plan", "--json", *words]) == 0
    return {key: (one["value"], one["source"]) for key, one in json.loads(capsys.readouterr().out)["values"].items()}


def test_each_layer_lies_above_the_one_before(settings, monkeypatch, capsys):
    assert values(capsys, "-c", "c.yaml")["model_a.epochs"] == (20, "default")
    settings.write_text("model_a: {epochs: 9, hidden: 64}\npaths: {outputs: by_settings, batch_cache: mine}\n")
    monkeypatch.setenv("TRUESTRENGTH_CONFIG", "c.yaml")
    found = values(capsys)
    assert found["config"] == ("c.yaml", "TRUESTRENGTH_CONFIG")
    assert found["model_a.epochs"] == (9, f"settings ({settings})")
    assert found["paths.batch_cache"] == ("mine", f"settings ({settings})")
    assert found["model_a.hidden"] == (4, "c.yaml")
    assert found["paths.outputs"] == ("by_file", "c.yaml")
    monkeypatch.setenv("TRUESTRENGTH_OUTPUTS", "123")  # a text, as no YAML is read there
    assert values(capsys)["paths.outputs"] == ("123", "TRUESTRENGTH_OUTPUTS")
    found = values(capsys, "--set", "paths.outputs=last", "--set", "model_a.epochs=3", "-n", "5", "-c", "./c.yaml")
    assert found["paths.outputs"] == ("last", "--set paths.outputs")
    assert found["model_a.epochs"] == (3, "--set model_a.epochs")
    assert found["n_trials"] == (5, "--n-trials")


def test_the_table_says_what_is_not_the_default(settings, capsys):
    settings.write_text("cache: {max_gb: 3}\n")
    assert main(parser(), ["plan", "-c", "c.yaml", "--method", "random"]) == 0
    rows = {tuple(line.split(maxsplit=2)) for line in capsys.readouterr().out.splitlines()}
    assert {
        ("config", '"c.yaml"', "--config"),
        ("cache.max_gb", "3.0", f"settings ({settings})"),
        ("model_a.hidden", "4", "c.yaml"),
        ("method", '"random"', "--method"),
    } <= rows
    assert not any(row[:1] == ("model_a.epochs",) for row in rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model_a: {epoch: 9}\n", "unknown key 'model_a.epoch': did you mean 'epochs'?"),
        ("modle_a: {epochs: 9}\n", "unknown key 'modle_a': did you mean 'model_a'?"),
        ("model_a: {epochs: many}\n", "model_a.epochs: "),
        ("model_a: [\n", "is not valid YAML"),
        ("paths: {batch_cache: $NOWHERE_AT_ALL}\n", "paths.batch_cache: $NOWHERE_AT_ALL: the variable NOWHERE_AT_ALL"),
    ],
)
def test_a_mistake_in_the_settings_file_is_named_with_it(settings, capsys, text, expected):
    settings.write_text(text)
    assert main(parser(), ["plan", "-c", "c.yaml"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {settings}: ")
    assert expected in said


def test_a_variable_names_a_profile_for_slurm_only(settings, monkeypatch, capsys):
    monkeypatch.setenv("TRUESTRENGTH_CLUSTER", "no_such.yaml")
    words = ["sweep", "-c", "c.yaml", "--dry-run"]
    assert main(parser(), words) == 0
    capsys.readouterr()
    assert main(parser(), [*words, "--executor", "slurm"]) == 2
    assert "no_such.yaml: cannot be read" in capsys.readouterr().err


def test_a_variable_names_the_root_that_commands_look_at(settings, monkeypatch, capsys):
    for variable in ("DATABASE_URL", "DATABASE_URL_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TRUESTRENGTH_OUTPUTS", "100%mine")
    assert parser().parse_args(["status"]).outputs == Path("100%mine")
    assert parser().parse_args(["status", "-o", "other"]).outputs == Path("other")
    assert trainer_parser().parse_args(["predict", "--run", "34"]).outputs == Path("100%mine")
    with pytest.raises(SystemExit):
        parser().parse_args(["status", "--help"])
    assert "100%mine" in capsys.readouterr().out
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@there/one")
    assert parser().parse_args(["status"]).outputs is None
