"""What the database or a file could not hold is refused where it is read, by every way that it can come."""

import argparse

import pytest

from truestrength.launcher.commands.parser import workers
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.config.yaml_files import LARGEST
from truestrength.trainer.contract.errors import ConfigError, UserError
from truestrength.trainer.contract.ledger import lease_seconds
from truestrength.trainer.contract.paths.user import path
from truestrength.trainer.contract.sweep.grid import grid_values

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 4)}]\n" for i in range(1, 30))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 300))
SIGN = "has a sign that neither a file's name nor the database can hold"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (f"model_a.weight_decay={LARGEST + 1}", f"numbers up to {LARGEST} are kept"),
        ("search_spaces.phase1={model_a.weight_decay: {type: choice, values: [1.0, 1e30]}}", "1e+30 is too large"),
        (f"model_a.epochs={10**30}", "<= 2147483647"),
        (f"training.rolling_windows=[10, {2**63}]", "<= 2147483647"),
        ("search_spaces.phase1.max_depth={type: int, low: 1, high: 99999999999999999999}", "is too large"),
        (
            "search_spaces.phase1.learning_rate={type: float, low: .1, high: .2, step: 1e-300}",
            "more than 100000 values",
        ),
        ("search_spaces.phase1.rolling_windows={type: choice, values: [[[.nan]]]}", "nan is no number"),
        (f"training.seed=0x{'f' * 5000}", "a number of 5002 signs"),
        (f"training.seed={'9' * 5000}", "a number of 5000 signs"),
        ('paths.data="a\\0b"', SIGN),
        ('paths.outputs="\\ud800"', SIGN),
        ('evaluation.holdout=["2019\\0"]', SIGN),
        (f"paths.batch_cache={'x' * 256}", "too long: a path has at most"),
        (f"paths.outputs={'/'.join(['x' * 200] * 30)}", "too long: a path has at most"),
        (f"training.rolling_windows={'[' * 60}{']' * 60}", "nested more than 50 deep"),
        (f"training.rolling_windows={'[' * 3000}{']' * 3000}", "nested more than 50 deep"),
        (f"{'.'.join(['a'] * 5000)}=1", "nested more than 50 deep"),
    ],
)
def test_of_an_override(tmp_path, override, said):
    (tmp_path / "x.yaml").write_text("{}")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml", [override])
    assert said in str(caught.value)
    assert "--set" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "its anchors make more than 100000 values of it"),
        (CHAIN, "nested more than 50 deep"),
        ("a: &a [*a]", "recursive"),
        ("{a: " * 3000 + "1" + "}" * 3000, "nested more than 50 deep"),
        ('extends: ["a\\0.yaml"]', "expected a list of file names"),
        ('paths: {outputs: "a\\0b"}', SIGN),
    ],
)
def test_of_a_file(tmp_path, text, said):
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "x.yaml")
    assert said in str(caught.value)
    assert "x.yaml: " in str(caught.value)


def test_the_largest_number_is_kept_as_it_is(tmp_path):
    (tmp_path / "x.yaml").write_text(f"model_a: {{weight_decay: {LARGEST}}}")
    assert load_config(tmp_path / "x.yaml").model_a.weight_decay == LARGEST


def test_of_a_flag(capsys):
    assert workers("10000") == 10000
    with pytest.raises(argparse.ArgumentTypeError, match="at most 10000"):
        workers("10001")
    with pytest.raises(argparse.ArgumentTypeError, match="too long"):
        path("x" * 256)
    assert path("é" * 127).name == "é" * 127
    with pytest.raises(SystemExit) as ended:
        command_line.main(command_line.Parser(), ["\udcff"])
    assert ended.value.code == 2
    assert "is not UTF-8 text" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "0", "-5", "soon"])
def test_of_a_variable(monkeypatch, text):
    monkeypatch.setenv("TRUESTRENGTH_LEASE_S", text)
    with pytest.raises(UserError, match="expected seconds, from 1 to"):
        lease_seconds()


def test_a_grid_of_a_wide_range_takes_no_memory():
    from truestrength.trainer.contract.config.search_space import IntRange

    assert len(grid_values(IntRange(low=1, high=LARGEST))) == LARGEST
