"""CMA-ES from the ledger's observations: what the cloud follows, what it leaves alone, and that it never breaks."""

import math
from collections import Counter

import pytest

from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange, Rows
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.words import Direction
from truestrength.trainer.search.evolution import evolved_point

SPACE = {
    "rate": FloatRange(low=0.001, high=1.0, log=True),
    "depth": IntRange(low=0, high=100),
    "kind": Choice(values=("a", "b", "c")),
    "trees": Fixed(value=200),
}


def observation(slot, parameters, value):
    return Observation(batch_id="b", slot=slot, parameters=parameters, value=value, rung=0)


def search(space, function, n, direction=Direction.MINIMIZE, before=()):
    """One worker's trials."""
    own = []
    for slot in range(n):
        parameters = evolved_point(space, direction, before, own, slot)
        own.append(observation(slot, parameters, function(parameters)))
    return own


def distance(parameters):
    return (math.log10(parameters["rate"]) + 1) ** 2 + (parameters["depth"] / 20 - 2) ** 2


@pytest.mark.parametrize("direction", Direction)
def test_the_cloud_moves_to_the_optimum(direction):
    sign = 1 if direction is Direction.MINIMIZE else -1
    trials = search(SPACE, lambda parameters: sign * distance(parameters), 90, direction)
    late = [distance(trial.parameters) for trial in trials[-20:]]
    assert max(late) < 0.2
    assert sum(distance(trial.parameters) for trial in trials[:20]) / 20 > 0.3


def test_choices_are_drawn_evenly_whatever_they_are_worth():
    trials = search(SPACE, lambda parameters: 1e3 * (parameters["kind"] == "a"), 90)
    assert min(Counter(trial.parameters["kind"] for trial in trials).values()) > 20
    assert {trial.parameters["trees"] for trial in trials} == {200}
    assert list(trials[0].parameters) == list(SPACE)


def test_what_is_only_there_sometimes_and_rows_are_drawn_while_the_ranges_are_followed():
    space = {
        "depth": IntRange(low=0, high=100),
        "training.loss": Choice(values=("listmle", "spearman")),
        "hidden": IntRange(low=1, high=4, when={"training.loss": ("spearman",)}),
        "pair": Rows(names=("a", "b"), values=((1, 2), (3, 4))),
    }
    trials = search(space, lambda parameters: abs(parameters["depth"] - 20) + parameters.get("hidden", 0), 60)
    assert all(("hidden" in t.parameters) is (t.parameters["training.loss"] == "spearman") for t in trials)
    assert set(Counter(t.parameters.get("hidden") for t in trials)) == {None, 1, 2, 3, 4}
    assert {(t.parameters["a"], t.parameters["b"]) for t in trials} == {(1, 2), (3, 4)}
    assert sum(abs(t.parameters["depth"] - 20) for t in trials[-20:]) / 20 < 10


def test_the_first_cloud_lies_around_the_best_of_the_trials_before():
    before = [
        observation(0, {"depth": 10}, 2.0),
        observation(1, {"depth": 90}, 1.0),
        observation(2, {"depth": 0}, None),
    ]
    space = {"depth": IntRange(low=0, high=100)}
    first = [evolved_point(space, Direction.MINIMIZE, before, [], seed)["depth"] for seed in range(50)]
    assert sum(first) / 50 == pytest.approx(85, abs=5)


def test_a_generation_counts_when_its_last_trial_has_ended_and_then_every_trial_counts():
    """Optuna's sampler leaves out those that end after their generation."""
    own = search(SPACE, distance, 10)
    size = 4 + int(3 * math.log(2))
    complete, incomplete = own[:size], own[: size - 1]
    none = evolved_point(SPACE, Direction.MINIMIZE, [], [], 99)
    assert evolved_point(SPACE, Direction.MINIMIZE, [], incomplete, 99) == none
    told = evolved_point(SPACE, Direction.MINIMIZE, [], complete, 99)
    assert told != none
    late = [*own[: size - 1], own[size]]
    assert evolved_point(SPACE, Direction.MINIMIZE, [], late, 99) != told
    assert evolved_point(SPACE, Direction.MINIMIZE, [], [*complete, own[size]], 99) == told


def test_no_point_is_proposed_that_runs_or_was_tried_while_there_are_others():
    space = {"depth": IntRange(low=1, high=3), "kind": Choice(values=("a", "b", "c"))}
    own = []
    for slot in range(9):
        own.append(observation(slot, evolved_point(space, Direction.MINIMIZE, [], own, slot), None))
    assert len({str(trial.parameters) for trial in own}) == 9
    assert evolved_point(space, Direction.MINIMIZE, [], own, 9) in [trial.parameters for trial in own]


@pytest.mark.parametrize(
    "space",
    [
        {"depth": IntRange(low=0, high=3), "windows": IntRange(low=0, high=2)},
        {"rate": FloatRange(low=0.001, high=1.0, log=True)},
    ],
    ids=["few points", "one dimension"],
)
@pytest.mark.parametrize(
    "function", [lambda _: 1.0, lambda parameters: min(parameters.values())], ids=["flat", "slope"]
)
def test_a_long_search_starts_again_when_the_cloud_has_shrunk_to_a_point(space, function):
    trials = search(space, function, 250)
    for name, dimension in space.items():
        values = [trial.parameters[name] for trial in trials]
        assert all(dimension.low <= value <= dimension.high for value in values)
        assert len(set(values[-100:])) > 1


def test_choices_alone_are_drawn():
    space = {"kind": Choice(values=("a", "b")), "trees": Fixed(value=200)}
    drawn = Counter(evolved_point(space, Direction.MINIMIZE, [], [], seed)["kind"] for seed in range(100))
    assert min(drawn.values()) > 30
