"""A search space as the unit cube sees it, as Optuna sees it, and back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange
from truestrength.trainer.contract.ledger.optuna_parameters import distributions, encode
from truestrength.trainer.search.dimensions import coarsest_first, decode, from_unit, n_free, ranges, to_unit

SPACE = {
    "depth": IntRange(low=3, high=10, step=3),
    "rate": FloatRange(low=0.001, high=0.1, log=True),
    "share": FloatRange(low=0.5, high=0.9),
    "stepped": FloatRange(low=0.06, high=0.1, step=0.005),
    "windows": Choice(values=([10], [10, 30], [15, 30])),
    "flag": Choice(values=(True, None, "off", 3)),
    "trees": Fixed(value=200),
}
STEPS = (0.06, 0.065, 0.07, 0.075, 0.08, 0.085, 0.09, 0.095, 0.1)
units = st.floats(0, 1, exclude_max=True)


@given(st.lists(units, min_size=6, max_size=6))
def test_every_point_is_in_the_space_and_survives_optuna(point):
    parameters = from_unit(SPACE, point)
    assert parameters["depth"] in {3, 6, 9}
    assert 0.001 <= parameters["rate"] <= 0.1
    assert 0.5 <= parameters["share"] <= 0.9
    assert parameters["stepped"] in STEPS
    encoded = encode(SPACE, parameters)
    known = distributions(SPACE)
    assert set(encoded) == set(known) == set(SPACE) - {"trees"}
    assert all(known[name]._contains(known[name].to_internal_repr(value)) for name, value in encoded.items())
    assert decode(SPACE, encoded) == parameters


@given(st.lists(units, min_size=4, max_size=4))
def test_ranges_find_their_way_back_to_the_unit_cube(point):
    space = ranges(SPACE)
    assert list(space) == ["depth", "rate", "share", "stepped"]
    parameters = from_unit(space, point)
    back = to_unit(space, parameters)
    assert all(0 <= share <= 1 for share in back)
    assert back[1:3] == pytest.approx(point[1:3], abs=1e-9)
    assert from_unit(space, back) == pytest.approx(parameters)


def test_a_range_of_one_value_is_none_to_follow():
    single = {"a": IntRange(low=3, high=5, step=3), "b": FloatRange(low=0.1, high=0.1)}
    assert ranges(single) == {}
    assert from_unit(single, [0.9, 0.9]) == {"a": 3, "b": pytest.approx(0.1)}


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, {"depth": 3, "windows": [10]}), (math.nextafter(1, 0), {"depth": 9, "windows": [15, 30]})],
)
def test_both_ends_are_reached(share, expected):
    found = from_unit(SPACE, [share] * n_free(SPACE))
    assert {name: found[name] for name in expected} == expected


def test_optuna_steps_become_the_decimals_of_the_start_design():
    """Else a search that finds the value of another trial would train its model again."""
    space = {"stepped": SPACE["stepped"]}
    known = distributions(space)["stepped"]
    found = [decode(space, {"stepped": known.low + i * known.step})["stepped"] for i in range(9)]
    assert tuple(found) == STEPS
    assert [from_unit(space, [(i + 0.5) / 9])["stepped"] for i in range(9)] == found


def test_last_step_may_lie_below_the_end_of_the_range():
    space = {"a": FloatRange(low=0.0, high=1.0, step=0.3)}
    assert from_unit(space, [0.999]) == {"a": 0.9}
    assert distributions(space)["a"].high == 0.9


def test_a_range_of_one_value_is_no_trouble():
    assert from_unit({"a": FloatRange(low=0.5, high=0.5), "b": IntRange(low=2, high=2)}, [0.9, 0.9]) == {
        "a": 0.5,
        "b": 2,
    }


def test_coordinates_are_dealt_by_the_number_of_values():
    """Choices first, then short ranges, then long ones, each in its own place."""
    space = {"rate": FloatRange(low=0.0, high=1.0), "depth": IntRange(low=3, high=5), "windows": Choice(values=(1, 2))}
    assert coarsest_first(space, [0.1, 0.2, 0.3]) == [0.3, 0.2, 0.1]
    stepped = {"rate": FloatRange(low=0.0, high=1.0, step=0.5), "epochs": IntRange(low=3, high=9)}
    assert coarsest_first(stepped, [0.1, 0.2]) == [0.1, 0.2]
