"""A value that the command line names counts, also where the phase would search the parameter."""

import json

import pytest

from tests.support.leagues import stub_league
from tests.support.places import CONFIG
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.expansion import Budget, expand_plan
from truestrength.launcher.set_values import searched_no_more
from truestrength.trainer.contract.command_line import main
from truestrength.trainer.contract.config.search_space import Choice, Fixed
from truestrength.trainer.contract.config.settings import load_with_origin
from truestrength.trainer.contract.errors import ConfigError


def read(*overrides):
    return searched_no_more(*load_with_origin(CONFIG, overrides))


def test_a_value_that_is_set_is_fixed_in_every_space_and_list():
    config, before = read("model_b.max_depth=9", "training.rolling_windows=[5, 20]"), read()
    for phase, space in config.search_spaces.items():
        assert space["max_depth"] == Fixed(9)
        assert space["rolling_windows"] == Fixed([5, 20])
        others = space.keys() - {"max_depth", "rolling_windows"}
        assert all(space[name] == before.search_spaces[phase][name] for name in others)
    assert config.sweep == before.sweep | {"max_depth": (9,)}
    assert isinstance(before.search_spaces["rolling"]["rolling_windows"], Choice)


def test_a_section_that_is_set_sets_its_keys():
    space = read("model_b={max_depth: 5}").search_spaces["phase1"]
    assert space["max_depth"] == Fixed(5)
    assert space["learning_rate"] == read().search_spaces["phase1"]["learning_rate"]


def test_of_rows_those_are_left_that_have_the_value(tmp_path):
    rows = "{type: rows, names: [max_depth, subsample], values: [[3, 1.0], [5, 0.5], [3, 0.5]]}"
    file = tmp_path / "c.yaml"
    file.write_text(f"search_spaces: {{phase1: {{trees: {rows}}}}}\n")
    config = searched_no_more(*load_with_origin(file, ["model_b.max_depth=3"]))
    assert config.search_spaces["phase1"]["trees"].values == ((3, 1.0), (3, 0.5))
    with pytest.raises(ConfigError, match=r"^--set model_b.max_depth=4: no row of search_spaces.phase1.trees has it"):
        searched_no_more(*load_with_origin(file, ["model_b.max_depth=4"]))


def test_keys_that_nothing_searches_change_no_space():
    assert read("training.seed=3", "paths.outputs=x").search_spaces == read().search_spaces


@pytest.mark.parametrize(
    "searched",
    [
        "search_spaces.phase1.max_depth={type: int, low: 2, high: 9}",
        "search_spaces.phase1={max_depth: {type: fixed, value: 4}}",
        "search_spaces.phase1.max_depth.low=2",
        "sweep.max_depth=[3, 4]",
    ],
)
def test_a_value_and_a_search_of_it_contradict_each_other(searched):
    with pytest.raises(ConfigError, match=r"^--set model_b.max_depth=9: --set .* searches it \(max_depth\): leave one"):
        read("model_b.max_depth=9", searched)


def test_the_plan_of_a_command_has_it(tmp_path, capsys):
    overrides = [f"paths.data={stub_league(tmp_path / 'league')}", "model_b.max_depth=4"]
    config, origin = load_with_origin(CONFIG, overrides)
    expected = expand_plan(searched_no_more(config, origin), "phase1", Budget(), origin)
    assert expected.sweeps[0].space["max_depth"] == Fixed(4)
    words = [word for override in overrides for word in ("--set", override)]
    assert main(parser(), ["plan", "--json", "--config", str(CONFIG), *words]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == expected.digest
    assert expected.digest != expand_plan(config, "phase1", Budget(), origin).digest
