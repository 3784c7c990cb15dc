"""Points to try first: of a plan's entry, or of the whole configuration; and what is no such point."""

import json

import pytest
import yaml

from tests.support.leagues import stub_league
from tests.support.places import CONFIG
from truestrength.launcher.expansion import Budget, expand_plan, expand_sweep
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import load_with_origin
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.ledger import Claim
from truestrength.trainer.contract.words import Method
from truestrength.trainer.search import proposals

PHASE1 = yaml.safe_load(CONFIG.read_text())["search_spaces"]["phase1"]
SPACE = {
    "trees": {"type": "rows", "names": ["max_depth", "learning_rate"], "values": [[3, 0.10], [5, 0.06], [5, 0.08]]},
    "training.loss": {"type": "choice", "values": ["listmle", "spearman"]},
    "model_a.hidden": {"type": "choice", "values": [8, 16], "when": {"training.loss": ["spearman"]}},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0, "step": 0.1},
    "min_samples_leaf": {"type": "int", "low": 4, "high": 6},
    "colsample_bytree": {"type": "fixed", "value": 0.7},
}


@pytest.fixture
def expand(tmp_path):
    league = stub_league(tmp_path / "league")

    def expanded(entry, *overrides, first=(), budget=None):
        text = {"extends": str(CONFIG), "paths": {"data": str(league)}, "plans": {"mine": [entry]}}
        # `null` takes out what the file below has.
        text |= {"search_spaces": {"phase1": {**dict.fromkeys(PHASE1), **SPACE}}, "first": list(first)}
        (tmp_path / "mine.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
        config, origin = load_with_origin(tmp_path / "mine.yaml", overrides)
        return expand_plan(config, "mine", budget or Budget(), origin).sweeps[0]

    return expanded


def proposed(spec, slot):
    claim = Claim(batch_id="a", slot=slot, attempt=1, rung=0, worker_id=1, parameters=None)
    return proposals.propose(None, spec, claim)


def test_what_is_said_is_tried_first_and_the_rest_is_the_start_designs(expand):
    points = [{"max_depth": 3, "min_samples_leaf": 6}, {"model_b.subsample": 0.8, "training.loss": "listmle"}]
    spec = expand({"first": points})
    plain = expand({})
    assert spec.first == ({"max_depth": 3, "min_samples_leaf": 6}, {"subsample": 0.8, "training.loss": "listmle"})
    for slot, said in enumerate(spec.first):
        found, start = proposed(spec, slot), proposals.start_point(plain, slot)
        assert found.items() >= said.items()
        assert all(found[name] == start[name] for name in ("colsample_bytree", "subsample") if name not in said)
    assert proposed(spec, 0)["learning_rate"] == 0.10
    assert proposed(spec, 2) == proposals.start_point(plain, 2)
    assert "model_a.hidden" not in proposed(spec, 1)


def test_a_row_of_which_some_is_said_is_the_start_designs_where_that_agrees(expand):
    spec = expand({"first": [{"max_depth": 5}] + [{"max_depth": 5, "min_samples_leaf": n} for n in (4, 5, 6)]})
    starts = [proposals.start_point(spec, slot) for slot in range(4)]
    found = [proposed(spec, slot)["learning_rate"] for slot in range(4)]
    assert found == [start["learning_rate"] if start["max_depth"] == 5 else 0.06 for start in starts]


def test_they_are_part_of_what_the_sweep_is_and_of_nothing_else(expand):
    first = {"first": [{"min_samples_leaf": 5}]}
    assert expand({"first": []}).digest == expand({}).digest != expand(first).digest
    assert expand(first).config.first == ()
    assert proposals.start_point(expand(first), 3) == proposals.start_point(expand({}), 3)


def test_the_entry_goes_before_the_configuration_and_the_command_line_before_both(expand):
    whole = [{"min_samples_leaf": 4}]
    assert expand({}, first=whole).first == ({"min_samples_leaf": 4},)
    assert expand({"first": []}, first=whole).first == ()
    assert expand({"first": [{"min_samples_leaf": 5}]}, first=whole).first == ({"min_samples_leaf": 5},)
    asked = f"first={json.dumps([{'min_samples_leaf': 6}])}"
    assert expand({"first": [{"min_samples_leaf": 5}]}, asked).first == ({"min_samples_leaf": 6},)


def test_a_sweep_by_itself_has_those_of_the_configuration(tmp_path):
    league = stub_league(tmp_path / "league")
    config, _ = load_with_origin(CONFIG, [f"paths.data={league}", "first=[{max_depth: 4, learning_rate: 0.065}]"])
    assert expand_sweep(config, Budget(), Words()).sweeps[0].first == ({"max_depth": 4, "learning_rate": 0.065},)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ({"max_dept": 3}, "first[0]: no parameter of the search space is called 'max_dept': did you mean 'max_depth'?"),
        ({"trees": [3, 0.1]}, "no parameter of the search space is called 'trees'"),
        ({"max_depth": 4}, "first[0]: max_depth: is never 4: it is one of 3, 5"),
        ({"max_depth": 3, "learning_rate": 0.06}, "first[0]: no row of trees has max_depth 3, learning_rate 0.06"),
        ({"subsample": 0.85}, "subsample: is never 0.85: it is a number from 0.5 to 1.0 in steps of 0.1"),
        ({"subsample": "much"}, "subsample: is never much"),
        ({"min_samples_leaf": 4.5}, "min_samples_leaf: is never 4.5: it is a whole number from 4 to 6"),
        ({"min_samples_leaf": True}, "min_samples_leaf: is never True"),
        ({"colsample_bytree": 0.8}, "colsample_bytree: is never 0.8: it is 0.7 and nothing else"),
        ({"max_depth": 3, "model_b.max_depth": 3}, "first[0]: model_b.max_depth is written twice"),
        ({"model_a.hidden": 8}, "model_a.hidden is only there where training.loss is one of spearman: say that, too"),
        (
            {"model_a.hidden": 8, "training.loss": "listmle"},
            "model_a.hidden is only there where training.loss is one of",
        ),
        ({}, "first[0]: Expected a mapping of length >= 1"),
        (3, "first[0]: Expected a mapping"),
    ],
)
def test_what_is_no_point_is_refused(expand, point, said):
    with pytest.raises(ConfigError) as caught:
        expand({"first": [point]})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"first": [{"max_depth": 3}, {"max_depth": 3}]}, r"first\[1\]: {'max_depth': 3} is written twice"),
        (
            {"first": [{"max_depth": 3}, {"max_depth": 5}], "n_trials": 1},
            "first: 2 points, but only 1 trials begin anew",
        ),
        ({"first": [{"min_samples_leaf": n} for n in (4, 5, 6)], "n_trials": 3, "method": "halving"}, "but only 2"),
        ({"first": [{"max_depth": 3}], "method": "grid"}, "--method grid tries its own points"),
    ],
)
def test_points_that_no_trial_would_try_are_refused(expand, entry, said):
    with pytest.raises(ConfigError, match=said):
        expand(entry)


@pytest.mark.parametrize("method", [Method.RANDOM, Method.OPTUNA, Method.HALVING])
def test_every_method_without_points_of_its_own_tries_them(expand, method):
    spec = expand({"first": [{"max_depth": 5, "learning_rate": 0.08}], "method": method.value})
    assert (proposed(spec, 0)["max_depth"], proposed(spec, 0)["learning_rate"]) == (5, 0.08)
