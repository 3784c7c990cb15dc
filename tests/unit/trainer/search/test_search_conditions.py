"""Rows and conditions as every way to search meets them: whole rows, and nothing that is not there."""

from collections import Counter

import msgspec
import pytest

from tests.support.places import CONFIG
from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.config.fitting import fitted
from truestrength.trainer.contract.config.search_space import config_key, singles
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.ledger.optuna_parameters import distributions, encode
from truestrength.trainer.contract.sweep.grid import grid_size
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Sampler, Target
from truestrength.trainer.search import proposals
from truestrength.trainer.search.dimensions import decode

ROWS = [[3, 0.10], [4, 0.08], [5, 0.06]]
SPACE = {
    "trees": {"type": "rows", "names": ["max_depth", "learning_rate"], "values": ROWS},
    "training.loss": {"type": "choice", "values": ["listmle", "spearman"]},
    "model_a.hidden": {"type": "int", "low": 8, "high": 16, "step": 4, "when": {"training.loss": ["spearman"]}},
    "subsample": {"type": "float", "low": 0.5, "high": 1.0, "when": {"max_depth": [4, 5]}},
    "min_samples_leaf": {"type": "fixed", "value": 5},
}


def spec(**fields):
    made = SweepSpec(
        batch_id="b",
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=12,
        config=configuration.replace(configuration.load_config(CONFIG), {"search_spaces": {"phase1": SPACE}}),
        data_fingerprint="league-1",
    )
    return msgspec.structs.replace(made, **fields)


def is_whole(point):
    """Every parameter that is there, whole rows, and no other."""
    names = {"max_depth", "learning_rate", "training.loss", "min_samples_leaf"}
    names |= {"model_a.hidden"} if point["training.loss"] == "spearman" else set()
    names |= {"subsample"} if point["max_depth"] >= 4 else set()
    return set(point) == names and [point["max_depth"], point["learning_rate"]] in ROWS


def observed(sweep, count, first=0, value=float):
    return [
        Observation(batch_id="b", slot=i, parameters=proposals.random_point(sweep, i), value=value(i), rung=0)
        for i in range(first, first + count)
    ]


def points(sampler, count=12):
    sweep = spec(sampler=sampler)
    match sampler:
        case Sampler.QMC:
            return [proposals.quasi_random_point(sweep, i) for i in range(count)]
        case Sampler.RANDOM:
            return [proposals.random_point(sweep, i) for i in range(count)]
    known = observed(sweep, 12) + observed(sweep, 2, first=12, value=lambda _: None)
    return [proposals.searched(sweep, 20 + i, known) for i in range(count)]


@pytest.mark.parametrize("sampler", Sampler)
def test_every_sampler_proposes_what_is_there(sampler):
    found = points(sampler)
    assert all(map(is_whole, found))
    assert found == points(sampler)
    assert len({str(point) for point in found}) > 3


def test_the_start_design_meets_every_row_and_both_kinds_of_points():
    found = [proposals.start_point(spec(), i) for i in range(12)]
    assert all(map(is_whole, found))
    assert set(Counter(point["max_depth"] for point in found).values()) == {4}
    assert {("subsample" in point, "model_a.hidden" in point) for point in found} == {
        (a, b) for a in (True, False) for b in (True, False)
    }


def test_a_grid_counts_what_is_there_only():
    without = {name: {k: v for k, v in one.items() if k != "when"} for name, one in SPACE.items()}
    config = configuration.replace(spec().config, {"search_spaces": {"phase1": without}})
    assert grid_size(spec(config=config).space) == 3 * 2 * 3 * 4
    assert grid_size(spec().space) == (1 + 2 * 4) * (1 + 3)


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP])
def test_a_search_finds_the_row_and_the_branch_that_are_better(sampler):
    sweep = spec(sampler=sampler)

    def value(parameters):
        return (parameters["learning_rate"] == 0.06) + (parameters.get("model_a.hidden", 0) == 16)

    known = [msgspec.structs.replace(o, value=float(value(o.parameters))) for o in observed(sweep, 60)]
    found = [proposals.searched(sweep, slot, known) for slot in range(60, 72)]
    assert sum(point["max_depth"] == 5 for point in found) >= 6
    assert sum(point["training.loss"] == "spearman" for point in found) >= 7


def test_halving_promotes_a_point_as_it_is():
    sweep = spec(method=Method.HALVING, n_trials=7)
    below = observed(sweep, 4)
    assert proposals.promoted(sweep, 4, below) == below[3].parameters


def test_a_sampler_sees_one_choice_and_the_study_single_parameters():
    space = spec().space
    parameters = {"max_depth": 4, "learning_rate": 0.08, "training.loss": "listmle", "subsample": 0.7}
    parameters["min_samples_leaf"] = 5
    assert encode(space, parameters) == {"trees": "[4, 0.08]", "training.loss": "listmle", "subsample": 0.7}
    asked = distributions(space)
    assert asked["trees"].choices == ("[3, 0.1]", "[4, 0.08]", "[5, 0.06]")
    suggested = {**encode(space, parameters), "model_a.hidden": 16}
    assert decode(space, suggested) == parameters
    shown, known = encode(singles(space), parameters), distributions(singles(space))
    assert shown == {"max_depth": 4, "learning_rate": 0.08, "training.loss": "listmle", "subsample": 0.7}
    assert set(known) == {*shown, "model_a.hidden"}
    assert known["learning_rate"].choices == (0.10, 0.08, 0.06)


def test_every_point_of_a_space_fits_it_and_no_other_does():
    space = spec().space
    points = [proposals.random_point(spec(), i) for i in range(40)]
    assert all(fitted(space, point) == point for point in points)
    by_key = [{config_key(name): value for name, value in point.items()} for point in points]
    assert [fitted(space, point) for point in by_key] == points, "by dotted keys as well"
    for point in points:
        for name in point:
            assert fitted(space, {**point, name: "nothing"}) is None
            assert fitted(space, {other: value for other, value in point.items() if other != name}) is None
        assert fitted(space, {**point, "n_estimators_rf": 200}) is None
        assert fitted(space, {**point, "max_depth": 3, "learning_rate": 0.06}) is None
        assert fitted(space, {"model_a.hidden": 8, **point, "training.loss": "listmle"}) is None
