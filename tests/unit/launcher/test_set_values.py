"""A value that the command line names counts, also where the phase would search the parameter."""

import json

import pytest

from launcher.commands.parser import parser
from launcher.expansion import Budget, expand_plan
from launcher.set_values import searched_no_more
from tests.support.leagues import stub_league
from tests.support.places import CONFIG
from trainer.contract.command_line import main
from trainer.contract.config.search_space import Choice, Fixed
from trainer.contract.config.settings import load_with_origin
from trainer.contract.errors import ConfigError


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


def read_file(folder, space, *overrides):
    """Like `read`, of a configuration whose phase1 searches this."""
    file = folder / "config.yaml"
    file.write_text(f"extends: {CONFIG}\nsearch_spaces: {{phase1: {{{space}}}}}\n")
    return searched_no_more(*load_with_origin(file, overrides)).search_spaces["phase1"]


def test_a_part_of_a_row_cannot_be_set(tmp_path):
    rows = "max_depth: null, learning_rate: null, "
    rows += "trees: {type: rows, names: [max_depth, learning_rate], values: [[3, 0.1], [5, 0.06]]}"
    with pytest.raises(ConfigError, match=r"--set model_b.max_depth=4: search_spaces.phase1.trees searches max_depth"):
        read_file(tmp_path, rows, "model_b.max_depth=4")


def test_a_condition_stays_with_a_value_that_is_set(tmp_path):
    hidden = "model_a.hidden: {type: choice, values: [8, 16], when: {max_depth: [3]}}"
    space = read_file(tmp_path, hidden, "model_a.hidden=32")
    assert space["model_a.hidden"] == Fixed(32, when={"max_depth": (3,)})


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
