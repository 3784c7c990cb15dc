"""A wrong file is refused by a sentence that names file, key, value and what is allowed."""

from pathlib import Path

import pytest

from truestrength.trainer.contract.config.search_space import Choice
from truestrength.trainer.contract.config.settings import Config, load_config, replace
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.words import Target

SPACE = "search_spaces: {phase1: {max_depth: {%s}}}"


def write(folder: Path, text: str, name: str = "x.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trainin: {}", "unknown key 'trainin': did you mean 'training'?"),
        ("training: {n_fold: 3}", "unknown key 'training.n_fold': did you mean 'n_folds'?"),
        ("training: {listmle_target: final_rnk}", "'final_rnk' is not allowed: did you mean 'final_rank'? Allowed:"),
        ("training: {loss: mse}", "training.loss: 'mse' is not allowed: Allowed: listmle, position_listmle, spearman"),
        ("training: {n_folds: 1}", "training.n_folds: Expected `int` >= 2, found 1"),
        ("training: {n_folds: five}", "training.n_folds: Expected `int`, got `str`, found 'five'"),
        ("training: {rolling_windows: [10, 0]}", "training.rolling_windows[1]: Expected `int` >= 1, found 0"),
        ("training:", "training: Expected a mapping, got `null`"),
        ("model_b: {learning_rate: .nan}", "model_b.learning_rate: Expected `float` > 0.0, found nan"),
        ("search_spaces: {2nd: {}}", "search_spaces: '2nd': the name of a phase has letters, digits, '_' and '-'"),
        (SPACE % "type: integer, low: 1, high: 2", "max_depth.type: 'integer' is not allowed: did you mean 'int'?"),
        (
            SPACE % "low: 1, high: 2",
            "'search_spaces.phase1.max_depth.type' is required and has no default. Allowed: int",
        ),
        (SPACE % "type: int, lo: 1, high: 2", "unknown key 'search_spaces.phase1.max_depth.lo': did you mean 'low'?"),
        (SPACE % "type: int, high: 2", "'search_spaces.phase1.max_depth.low' is required"),
        (SPACE % "type: int, low: 5, high: 3", "search_spaces.phase1.max_depth: low (5) is above high (3)"),
        (SPACE % "type: float, low: 1, high: 3, step: 1, log: true", "a range has either log or a step"),
        (SPACE % "type: float, low: 1, high: 3, step: 0", "step"),
        (
            SPACE % "type: int, low: 0, high: 3",
            "search_spaces.phase1.max_depth: model_b.max_depth: Expected `int` >= 1",
        ),
        (SPACE % "type: choice, values: []", "max_depth.values: Expected a list of length >= 1, found []"),
        (SPACE % "type: choice, values: [3, 3]", "search_spaces.phase1.max_depth: the value 3 is written twice"),
        ("search_spaces: {phase1: {max_depth: 3}}", "search_spaces.phase1.max_depth: Expected a mapping, got `int`"),
        ("search_spaces: {phase1: {max_dept: {type: fixed, value: 3}}}", "phase1.max_dept: unknown parameter: did you"),
        ("search_spaces: {phase1: {model_a.hiden: {type: fixed, value: 3}}}", "model_a.hiden: unknown parameter"),
        ("search_spaces: {full: {}}", "search_spaces.full: the phase `full` is made of the `sweep` lists"),
        ("sweep: {max_depth: 3}", "sweep.max_depth: Expected a list, got `int`, found 3"),
        ("sweep: {max_dept: [3]}", "sweep.max_dept: unknown parameter: did you mean 'max_depth'?"),
        ("model_a: {weight_decay: .inf}", "model_a.weight_decay: inf is no number to calculate with"),
        (SPACE % "type: float, low: .nan, high: 3", "search_spaces.phase1.max_depth.low: nan is no number"),
        ("sweep: {learning_rate: [0.05, .inf]}", "sweep.learning_rate: inf is no number"),
        ("training: {n_folds: 3, n_folds: 4}", "key 'n_folds' is written twice"),
        ("training: {n_folds: 3", "is not valid YAML"),
        ("- a", "expected a mapping of keys to values, found list"),
        ("extends: 3", "extends: expected a list of file names, found 3"),
    ],
)
def test_refusals_name_file_key_and_what_is_allowed(tmp_path, text, expected):
    path = write(tmp_path, text)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_a_refusal_names_the_file_that_the_value_came_from(tmp_path):
    below = write(tmp_path, "training: {n_folds: 0}", "below.yaml")
    spaces = write(tmp_path, SPACE % "type: int, low: 0, high: 1", "spaces.yaml")
    assert refusal(write(tmp_path, "extends: below.yaml")).startswith(f"{below}: training.n_folds")
    assert refusal(write(tmp_path, "extends: [spaces.yaml]")).startswith(f"{spaces}: search_spaces.phase1.max_depth")


def test_files_that_cannot_be_read(tmp_path):
    other = write(tmp_path, "", "other.yaml")
    missing = refusal(tmp_path / "mising.yaml")
    assert "No such file" in missing
    assert str(other) in missing
    (tmp_path / "latin.yaml").write_bytes(b"paths: {data: \xe9}")
    assert "is not UTF-8" in refusal(tmp_path / "latin.yaml")
    assert "Is a directory" in refusal(tmp_path)


def test_a_cycle_of_extends_is_shown(tmp_path):
    write(tmp_path, "extends: b.yaml", "a.yaml")
    write(tmp_path, "extends: a.yaml", "b.yaml")
    assert "extends itself" in refusal(tmp_path / "a.yaml")


def test_one_file_may_be_extended_twice_without_being_a_cycle(tmp_path):
    write(tmp_path, "training: {n_folds: 3}", "base.yaml")
    write(tmp_path, "extends: base.yaml", "left.yaml")
    write(tmp_path, "extends: base.yaml\ntraining: {seed: 1}", "right.yaml")
    config = load_config(write(tmp_path, "extends: [left.yaml, right.yaml]"))
    assert (config.training.n_folds, config.training.seed) == (3, 1)


def test_later_files_win_key_by_key_and_lists_and_dimensions_are_replaced_whole(tmp_path):
    write(
        tmp_path,
        "training: {n_folds: 3, rolling_windows: [10, 30]}\n" + SPACE % "type: int, low: 1, high: 2, step: 1",
        "a.yaml",
    )
    write(tmp_path, "training: {n_folds: 4}", "b.yaml")
    above = "training: {rolling_windows: [5]}\n" + SPACE % "type: choice, values: [2, 3]"
    config = load_config(write(tmp_path, "extends: [a.yaml, b.yaml]\n" + above))
    assert (config.training.n_folds, config.training.rolling_windows) == (4, (5,))
    assert list(config.search_spaces.values()) == [{"max_depth": Choice((2, 3))}]


def test_set_is_yaml_and_wins_over_every_file(tmp_path):
    path = write(tmp_path, "training: {n_folds: 3}")
    config = load_config(
        path, ["training.n_folds=4", "training.n_folds=6", "training.rolling_windows=[5]", "model_a.learning_rate=1e-3"]
    )
    assert (config.training.n_folds, config.training.rolling_windows) == (6, (5,))
    assert config.model_a.learning_rate == 1e-3
    assert load_config(path, ["inference.run_id=null"]).inference.run_id is None
    assert (
        load_config(path, ["training.listmle_target=playoff_outcome"]).training.listmle_target is Target.PLAYOFF_OUTCOME
    )


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.n_folds", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("training.n_folds=[", "--set training.n_folds: the value '[' is not valid YAML"),
        ("training.n_fold=3", "--set training.n_fold=3: unknown key 'training.n_fold': did you mean 'n_folds'?"),
        ("training.n_folds=1", "--set training.n_folds=1: training.n_folds: Expected `int` >= 2"),
        ("training.seed.x=1", "'seed' is a value (7), not a section"),
    ],
)
def test_a_wrong_set_is_refused(tmp_path, override, expected):
    assert expected in refusal(write(tmp_path, "training: {seed: 7}"), override)


def test_set_on_one_of_two_aliased_sections_leaves_the_other_alone(tmp_path):
    text = "search_spaces:\n  phase1: &p\n    max_depth: {type: int, low: 3, high: 5}\n  rolling: *p\n"
    config = load_config(write(tmp_path, text), ["search_spaces.rolling.max_depth.low=4"])
    lows = {phase: space["max_depth"].low for phase, space in config.search_spaces.items()}
    assert lows == {"phase1": 3, "rolling": 4}


def test_replace_validates_and_leaves_the_original_alone():
    config = Config()
    assert replace(config, {"model_a.epochs": 9, "training.rolling_windows": [5]}).model_a.epochs == 9
    assert config.model_a.epochs == 20
    with pytest.raises(ConfigError, match=r"model_a\.epochs: Expected `int` >= 1, found 0"):
        replace(config, {"model_a.epochs": 0})
