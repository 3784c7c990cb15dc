"""Parameters that go together, and those that are only there sometimes: what is a search space, and what is none."""

import msgspec
import pytest
import yaml

from tests.support.places import CONFIG
from truestrength.trainer.contract.config.conditions import gathered, reached, spread
from truestrength.trainer.contract.config.search_space import Choice, IntRange, Rows, singles
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.sweep.grid import grid_point, grid_size
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target
from truestrength.trainer.models.settings import Depths, deepest

TREES = {"type": "rows", "names": ["max_depth", "learning_rate"], "values": [[3, 0.10], [5, 0.06]]}
LOSS = {"type": "choice", "values": ["listmle", "spearman"]}


def hidden(**when):
    return {"type": "choice", "values": [8, 16], "when": when.pop("when", when)}


def load(tmp_path, space, *overrides, rest=None):
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump({"search_spaces": {"phase1": space}, **(rest or {})}, sort_keys=False))
    return load_config(path, overrides)


def spec(config):
    return SweepSpec(
        batch_id="a",
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=2,
        config=config,
        data_fingerprint="f",
    )


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"trees": {**TREES, "names": ["max_depth", "learning_rat"]}}, "trees.names: unknown parameter 'learning_rat'"),
        ({"trees": {**TREES, "values": [[3, 0.1], [5]]}}, "trees.values[1]: [5] has 1 values for 2 names"),
        ({"trees": {**TREES, "values": []}}, "trees.values: Expected a list of length >= 1"),
        ({"trees": {**TREES, "values": [[3, 0.1], [3, 0.1]]}}, "trees: the value (3, 0.1) is written twice"),
        (
            {"trees": {**TREES, "values": [[3, 0.1], [0, 0.1]]}},
            "trees: model_b.max_depth: Expected `int` >= 1, found 0",
        ),
        ({"trees": {**TREES, "names": ["max_depth", "max_depth"]}}, "model_b.max_depth is searched twice"),
        ({"trees": {**TREES, "values": 3}}, "trees.values: Expected a list, got `int`, found 3"),
        ({"max_depth": TREES}, "max_depth: is the name of a parameter: rows have one of their own"),
        ({"trees": TREES, "model_b.max_depth": {"type": "fixed", "value": 3}}, "model_b.max_depth is searched twice"),
        ({"model_a.hidden": hidden(when=3)}, "model_a.hidden.when: Expected a mapping, got `int`, found 3"),
        (
            {"model_a.hidden": hidden(when={"training.loss": "listmle"})},
            "when.training.loss: Expected a list, got `str`",
        ),
        ({"model_a.hidden": hidden(when={"training.loss": []})}, "when.training.loss: Expected a list of length >= 1"),
        (
            {"model_a.hidden": hidden(when={"training.los": ["a"]})},
            "when: nothing is called 'training.los': did you mean",
        ),
        ({"model_a.hidden": hidden(when={"training.loss": ["mse"]})}, "when: training.loss: 'mse' is not allowed"),
        (
            {"training.loss": LOSS, "model_a.hidden": hidden(when={"training.loss": ["position_listmle"]})},
            "when: training.loss: is never position_listmle: it is one of listmle, spearman",
        ),
        (
            {"trees": TREES, "model_a.hidden": hidden(when={"max_depth": [4]})},
            "when: model_b.max_depth: is never 4: it is one of 3, 5",
        ),
        (
            {"max_depth": {"type": "int", "low": 2, "high": 8, "step": 2}, "model_a.hidden": hidden(max_depth=[3])},
            "when: model_b.max_depth: is never 3: it is a whole number from 2 to 8 in steps of 2",
        ),
        (
            {"subsample": {"type": "float", "low": 0.5, "high": 1.0}, "model_a.hidden": hidden(subsample=[0.5])},
            "model_b.subsample: is searched in a range without a step, so no trial ever meets 0.5",
        ),
        (
            {"trees": TREES, "model_a.hidden": hidden(max_depth=[True])},
            "when: model_b.max_depth: is never True: it is one of 3, 5",
        ),
        (
            {"max_depth": {"type": "fixed", "value": 3}, "model_a.hidden": hidden(max_depth=[4])},
            "when: model_b.max_depth: is never 4: it is 3 and nothing else",
        ),
        (
            {"model_a.hidden": hidden(**{"model_a.hidden": [8]})},
            "when: depends on itself: model_a.hidden -> model_a.hidden",
        ),
        (
            {
                "model_a.hidden": hidden(max_depth=[3]),
                "trees": {**TREES, "when": {"model_a.epochs": [9]}},
                "model_a.epochs": {"type": "int", "low": 8, "high": 9, "when": {"model_a.hidden": [8]}},
            },
            "when: depends on itself: model_a.hidden -> trees -> model_a.epochs -> model_a.hidden",
        ),
        (
            {"trees": TREES, "model_a.hidden": hidden(max_depth=[3], learning_rate=[0.06])},
            "model_a.hidden.when: contradicts itself: the parameter would never be there",
        ),
        (
            {
                "model_a.hidden": hidden(**{"training.loss": ["listmle"]}),
                "model_a.dropout": {
                    "type": "choice",
                    "values": [0.1],
                    "when": {"model_a.hidden": [8], "training.loss": ["spearman"]},
                },
            },
            "model_a.dropout.when: contradicts itself",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, space, said):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, space)
    assert str(caught.value).startswith(f"{tmp_path / 'x.yaml'}: search_spaces.phase1.") or "unknown" in said
    assert said in str(caught.value)


SPACE = {
    "model_a.dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.1, "when": {"model_a.hidden": [16]}},
    "model_a.hidden": hidden(**{"training.loss": ["spearman"]}),
    "training.loss": LOSS,
    "trees": TREES,
    "min_samples_leaf": {"type": "int", "low": 4, "high": 6, "when": {"max_depth": [5]}},
}


def test_a_point_has_the_parameters_that_are_there(tmp_path):
    space = load(tmp_path, SPACE).search_spaces[Phase.PHASE1]
    point = {
        "model_a.dropout": 0.1,
        "model_a.hidden": 16,
        "training.loss": "spearman",
        "trees": (5, 0.06),
        "min_samples_leaf": 4,
    }
    whole = spread(space, point)
    assert list(whole) == [
        "model_a.dropout", "model_a.hidden", "training.loss", "max_depth", "learning_rate", "min_samples_leaf",
    ]  # fmt: skip
    assert gathered(space, whole) == {**point, "trees": [5, 0.06]}
    small = spread(space, {**point, "model_a.hidden": 8, "trees": (3, 0.1)})
    assert small == {"model_a.hidden": 8, "training.loss": "spearman", "max_depth": 3, "learning_rate": 0.1}
    # What depends on an absent one is absent as well, whatever the configuration has in its place.
    assert "model_a.dropout" not in spread(space, {**point, "training.loss": "listmle"})
    assert reached(space, "model_a.dropout") == {"model_a.hidden": 16, "training.loss": "spearman"}


def test_the_grid_has_no_point_twice(tmp_path):
    space = load(tmp_path, SPACE).search_spaces[Phase.PHASE1]
    size = grid_size(space)
    assert size == (1 + 1 + 5) * (1 + 3)
    points = [grid_point(space, i) for i in range(size)]
    assert len({str(point) for point in points}) == size
    assert all(("model_a.dropout" in p) == (p.get("model_a.hidden") == 16) for p in points)
    with pytest.raises(IndexError):
        grid_point(space, size)


def test_a_fixed_key_decides_for_a_whole_sweep(tmp_path):
    space = {"model_a.hidden": hidden(**{"training.loss": ["spearman"]}), "trees": TREES}
    space["model_a.dropout"] = {"type": "choice", "values": [0.1, 0.2], "when": {"model_a.hidden": [8]}}
    without = spec(load(tmp_path, space))
    assert list(without.space) == ["trees"]
    assert set(without.searched_keys()) == {"model_b.max_depth", "model_b.learning_rate"}
    with_it = spec(load(tmp_path, space, "training.loss=spearman"))
    assert list(with_it.space) == ["model_a.hidden", "trees", "model_a.dropout"]
    assert with_it.space["model_a.hidden"] == Choice((8, 16))
    assert with_it.space["model_a.dropout"].when == {"model_a.hidden": (8,)}
    assert msgspec.json.decode(msgspec.json.encode(with_it), type=SweepSpec).digest == with_it.digest


def test_every_extreme_is_looked_at_beforehand_and_no_row_that_is_none(tmp_path):
    rest = {"model_b": {"max_depth": 7}}
    corners = list(spec(load(tmp_path, SPACE, rest=rest)).corners())
    seen = [(c.training.loss, c.model_a.hidden, c.model_a.dropout, c.model_b.max_depth) for c in corners]
    assert ("spearman", 16, 0.4, 3) in seen
    assert {(c.model_b.max_depth, c.model_b.learning_rate) for c in corners} == {(3, 0.1), (5, 0.06)}
    assert {c.model_c.min_samples_leaf for c in corners} >= {4, 6}


def test_a_space_without_conditions_is_the_same_plain_data_as_ever():
    config = load_config(CONFIG)
    plain = msgspec.to_builtins(config.search_spaces[Phase.PHASE1])
    assert plain["max_depth"] == {"type": "int", "low": 3, "high": 5, "step": 1}
    assert spec(config).space is config.search_spaces[Phase.PHASE1]


def test_models_are_trained_to_the_deepest_row():
    rows = Rows(names=("model_a_epochs", "max_depth"), values=((8, 3), (20, 5)))
    assert deepest({"rows": rows, "n_estimators_rf": IntRange(low=9, high=11)}) == Depths(epochs=20, rounds=0, trees=11)
    assert singles({"rows": rows})["max_depth"] == Choice((3, 5))
