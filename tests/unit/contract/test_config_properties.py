"""Whatever stands in a configuration: it is valid and means the same when read again, or a ConfigError says why."""

from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.places import REPOSITORY
from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.run.folder import config_text

BASE = REPOSITORY / "config" / "outputs4_phase1.yaml"
KEYS = [key for key, _ in leaves(msgspec.to_builtins(load_config(BASE)))]
SECTIONS = sorted({key.rpartition(".")[0] for key in KEYS} - {""})
few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.integers() | st.floats() | st.sampled_from([0, 1, 2, 5, 0.5, 1e-3, 2**31, 2**63, 10**30, 1e308])
words = st.text(max_size=12) | st.sampled_from(
    ["auto", "off", "cuda", "2023-24", "fixed", "choice", "~", "$HOME/x", "a\0"]
)
plain = st.none() | st.booleans() | numbers | words
dimensions = st.fixed_dictionaries(
    {"type": st.sampled_from(["int", "float", "choice", "fixed", "other"])},
    optional={
        "low": plain, "high": plain, "step": plain, "log": plain, "value": plain, "values": st.lists(plain, max_size=3)
    },
)  # fmt: skip
trees = st.recursive(
    plain | dimensions,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(words | st.sampled_from(["paths", "training", "search_spaces", "phase1"]), below, max_size=3)
    ),
    max_leaves=8,
)
tags = st.sampled_from(
    ["bool", "int", "float", "timestamp", "binary", "null", "set", "omap", "pairs", "seq", "map", "str"]
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("config")


def valid_or_refused(folder: Path, text: str | bytes, overrides: list[str]) -> Config | None:
    """The configuration, when it is one; then it is the same after it was written and read."""
    file = folder / "config.yaml"
    file.write_bytes(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
    try:
        config = load_config(file, overrides)
    except ConfigError:
        return None
    again = folder / "again.yaml"
    again.write_text(config_text(config))
    assert load_config(again) == config
    return config


@few
@given(text=st.text() | st.binary())
def test_any_text(folder, text):
    valid_or_refused(folder, text, [])


@few
@given(tree=st.dictionaries(st.sampled_from([*SECTIONS, "extends", "search_spaces"]), trees, max_size=3))
def test_any_tree(folder, tree):
    valid_or_refused(folder, yaml.safe_dump(tree, allow_unicode=True), [])


@few
@given(key=st.sampled_from(KEYS), value=trees)
def test_any_value_of_any_key(folder, key, value):
    override = f"{key}={yaml.safe_dump(value, default_flow_style=True).strip().removesuffix('...')}"
    valid_or_refused(folder, f"extends: [{BASE}]\n", [override])


@few
@given(key=st.sampled_from([*KEYS, *SECTIONS]) | st.text(max_size=8), value=st.text(max_size=20))
def test_any_override(folder, key, value):
    valid_or_refused(folder, f"extends: [{BASE}]\n", [f"{key}={value}"])


@few
@given(
    key=st.sampled_from([*KEYS, *SECTIONS]), tag=tags, value=st.sampled_from(["x", "1", "{a: 1}", "[1]", "''", "yes"])
)
@example(key="search_spaces.baseline.rolling_windows.value", tag="set", value="{a: 1}")
def test_any_tag(folder, key, tag, value):
    valid_or_refused(folder, f"extends: [{BASE}]\n", [f"{key}=!!{tag} {value}"])


@few
@given(name=st.text(max_size=12))
def test_any_name_of_a_file(folder, name):
    valid_or_refused(folder, yaml.safe_dump({"extends": [name]}), [])
    valid_or_refused(
        folder, f"extends: [{BASE}]\n", [f"paths.data={yaml.safe_dump(name, default_style=chr(34)).strip()}"]
    )


@few
@given(key=st.sampled_from(["model_b.max_depth", "learning_rate", "model_a.epochs", "nonsense"]), space=dimensions)
def test_any_search_space(folder, key, space):
    config = valid_or_refused(folder, yaml.safe_dump({"search_spaces": {"phase1": {key: space}}}), [])
    assert config is None or config.search_spaces
