"""What plain words in YAML mean: YAML 1.2's core schema, and the text as it was written where a text is wanted."""

import pytest
import yaml

from truestrength.launcher.slurm.profile import load_profile
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.config.yaml_files import read_merged
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.words import Phase


def config(tmp_path, text="{}", *overrides):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(path, overrides)


def test_amp_off(tmp_path):
    assert config(tmp_path, "training: {amp: off}").training.amp == "off"
    assert config(tmp_path, "{}", "training.amp=off").training.amp == "off"
    space = "search_spaces: {phase1: {training.amp: {type: choice, values: [off, bf16]}}}"
    assert config(tmp_path, space).search_spaces[Phase.PHASE1]["training.amp"].values == ("off", "bf16")


WORDS = [
    "on",
    "off",
    "yes",
    "no",
    "y",
    "n",
    "Off",
    "NO",
    "null",
    "Null",
    "None",
    "true",
    "False",
    "010",
    "0o17",
    "0x1f",
    "1_000",
    "1e-3",
    "1.50",
    ".5",
    "-0",
    "12:30",
    "1:30:00",
    "2024-01-02",
    "2024-01-02T10:00:00Z",
    ".inf",
    ".nan",
    "=",
    "<<",
    "0b11",
    "190_000.5",
]


@pytest.mark.parametrize("word", WORDS)
def test_a_text_is_what_was_written(tmp_path, word):
    assert config(tmp_path, f"paths: {{outputs: {word}}}").paths.outputs == word
    assert config(tmp_path, "{}", f"paths.outputs={word}").paths.outputs == word
    assert config(tmp_path, f"evaluation: {{holdout: [{word}]}}").evaluation.holdout == (word,)
    (tmp_path / "p.yaml").write_text(f"timeout_min: 10\npartition: '{word}'\nsbatch: {{begin: '{word}'}}\n")
    profile = load_profile(tmp_path / "p.yaml")
    assert (profile.partition, profile.sbatch["begin"]) == (word, word)


def test_a_resolved_configuration_is_read_as_it_was_written(tmp_path):
    for word in ("off", "1e-3", "010", "null", "12:30", "on", "0o17"):
        text = yaml.safe_dump({"paths": {"outputs": word}, "model_a": {"learning_rate": 1e-05}})
        again = config(tmp_path, text)
        assert (again.paths.outputs, again.model_a.learning_rate) == (word, 1e-05)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E-3", 0.001), ("1.e-3", 0.001), ("+1e-3", 0.001), (".001", 0.001), ("001", 1), ("1e+0", 1)],
)
def test_numbers(tmp_path, text, value):
    assert config(tmp_path, f"model_a: {{learning_rate: {text}}}").model_a.learning_rate == value
    assert config(tmp_path, "{}", f"model_a.learning_rate={text}").model_a.learning_rate == value


def test_a_number_with_a_zero_before_it_is_no_octal_number(tmp_path):
    assert config(tmp_path, "training: {seed: 010}").training.seed == 10


def test_null_and_true_are_what_they_are_where_no_text_is_wanted(tmp_path):
    for nothing in ("null", "~", ""):
        assert config(tmp_path, f"inference: {{run_id: {nothing}}}").inference.run_id is None
    (tmp_path / "p.yaml").write_text(
        "timeout_min: 10\npartition: null\nsbatch: {exclusive: true, nice: 5, begin: 16:00}\n"
    )
    profile = load_profile(tmp_path / "p.yaml")
    assert (profile.partition, profile.sbatch) == (None, {"exclusive": True, "nice": 5, "begin": "16:00"})


def test_keys_are_as_they_are_written_and_merges_work(tmp_path):
    (tmp_path / "p.yaml").write_text("timeout_min: 10\nsbatch: {on: 1, 010: x, null: y, <<: {yes: 3}}\n")
    assert read_merged(tmp_path / "p.yaml")[0]["sbatch"] == {"on": 1, "010": "x", "null": "y", "yes": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: {amp: true}", "training.amp: True is not allowed: Allowed: auto, off, bf16, fp16"),
        ("training: {amp: of}", "'of' is not allowed: did you mean 'off'?"),
        ("training: {seed: 1_000}", "training.seed: Expected `int`, got `str`, found '1_000'"),
        ("training: {seed: 12:30}", "training.seed: Expected `int`, got `str`, found '12:30'"),
        ("training: {seed: off}", "training.seed: Expected `int`, got `str`, found 'off'"),
        ("inference: {run_id: None}", "inference.run_id: Expected `int | null`, got `str`, found 'None'"),
        ("paths: {outputs: }", "paths.outputs: Expected `str`, got `null`"),
        (f"training: {{seed: {'9' * 5000}}}", "is not valid YAML"),
        (f"training: {'[' * 5000}", "is not valid YAML"),
        ("training: {? [a, b] : 3}", "a key must be a plain word"),
        ("training: {seed: !!int abc}", "is not valid YAML"),
        ("training: {seed: !!python/name:os.system x}", "is not valid YAML"),
    ],
)
def test_refusals(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, text)
    assert said in str(caught.value)
