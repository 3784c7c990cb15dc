"""Every file under config/ loads, and Phase I's search spaces are those of the original system."""

import msgspec
import pytest

from tests.support.places import REPOSITORY
from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange
from truestrength.trainer.contract.config.settings import Config, load_config
from truestrength.trainer.contract.config.yaml_files import read_merged
from truestrength.trainer.contract.sweep.grid import grid_values
from truestrength.trainer.contract.words import Phase

CONFIG = REPOSITORY / "config"
FILES = sorted(CONFIG.rglob("*.yaml"))


def test_there_are_files():
    assert {"defaults.yaml", "baseline_max_features.yaml", "outputs4_phase1.yaml", "phase2.yaml"} <= {
        f.name for f in FILES
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_file_loads(path):
    load_config(path)


def test_defaults_yaml_says_every_default():
    """The file is documentation: it must hold every key, with the very default of the code."""
    tree, _ = read_merged(CONFIG / "defaults.yaml")
    code = msgspec.to_builtins(Config())
    del code["search_spaces"], code["sweep"], code["first"], code["plans"]
    assert msgspec.convert(tree, Config) == Config()
    assert {s: set(tree[s]) for s in tree} == {s: set(code[s]) for s in code}


def test_merge_order_is_defaults_then_baseline_then_phase1():
    config = load_config(CONFIG / "outputs4_phase1.yaml")
    assert config.paths.outputs == "outputs4"
    assert config.inference.run_id is None
    assert config.inference.run_id_base == 25
    assert (config.training.max_lists_oof, config.training.max_final_batches) == (100, 100)
    assert (config.training.n_folds, config.training.roster_size, config.training.rolling_windows) == (5, 15, (10, 30))
    assert set(config.search_spaces) == {Phase.BASELINE, Phase.PHASE1, Phase.ROLLING}
    assert config.sweep["model_a_epochs"] == tuple(range(8, 29, 2))


BASELINE = {
    "model_a_epochs": IntRange(8, 28),
    "max_depth": IntRange(3, 6),
    "learning_rate": FloatRange(0.05, 0.12, step=0.005),
    "n_estimators_xgb": IntRange(200, 350),
    "n_estimators_rf": IntRange(150, 250),
    "min_samples_leaf": IntRange(4, 6),
    "rolling_windows": Fixed([10, 30]),
    "subsample": Fixed(0.8),
    "colsample_bytree": Fixed(0.7),
}
PHASE1 = BASELINE | {
    "model_a_epochs": IntRange(14, 26),
    "max_depth": IntRange(3, 5),
    "learning_rate": FloatRange(0.06, 0.10, step=0.005),
    "n_estimators_xgb": IntRange(200, 300),
    "n_estimators_rf": IntRange(150, 230),
}
ROLLING = PHASE1 | {"rolling_windows": Choice(([10], [10, 30], [15, 30], [20, 30]))}


@pytest.mark.parametrize(
    ("phase", "space"), [(Phase.BASELINE, BASELINE), (Phase.PHASE1, PHASE1), (Phase.ROLLING, ROLLING)]
)
def test_search_spaces_are_those_of_the_original_system(phase, space):
    assert load_config(CONFIG / "outputs4_phase1.yaml").search_spaces[phase] == space


def test_phase2_searches_a_part_of_phase1_and_names_no_place():
    config, wide = load_config(CONFIG / "phase2.yaml"), load_config(CONFIG / "outputs4_phase1.yaml")
    [entry] = config.plans["phase2"]
    space, before = config.search_spaces["phase2"], wide.search_spaces[Phase.PHASE1]
    assert entry.phase == "phase2"
    assert config.paths == Config().paths
    assert space.keys() == before.keys()
    values = {name: {str(value) for value in grid_values(dimension)} for name, dimension in space.items()}
    assert all(values[name] <= {str(value) for value in grid_values(before[name])} for name in space)
    assert any(len(found) > 1 for found in values.values())
