"""What parameters a slot gets: the same for every objective, whatever the workers do."""

from collections import Counter

import msgspec
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from tests.support.places import CONFIG
from truestrength.trainer.contract.config import settings as configuration
from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange
from truestrength.trainer.contract.digests import digest
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.ledger import Observation
from truestrength.trainer.contract.ledger.optuna_parameters import distributions, encode
from truestrength.trainer.contract.sweep.grid import check_budget, grid_point, grid_size
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Sampler, Target
from truestrength.trainer.search import proposals
from truestrength.trainer.search.dimensions import decode
from truestrength.trainer.search.samplers import learning_sampler, sampled_point

LOADED = configuration.load_config(CONFIG)
SMALL = {"sweep": {"max_depth": [3, 4], "min_samples_leaf": [4, 5, 6]}}


def spec(config=None, **fields):
    made = SweepSpec(
        batch_id="b",
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=12,
        config=configuration.replace(LOADED, config or {}),
        data_fingerprint="league-1",
    )
    return msgspec.structs.replace(made, **fields)


def observed(sweep, count, batch_id="b", first=0, value=float):
    return [
        Observation(batch_id=batch_id, slot=i, parameters=proposals.random_point(sweep, i), value=value(i), rung=0)
        for i in range(first, first + count)
    ]


def test_the_start_design_is_the_same_for_every_objective_and_method():
    starts = [[proposals.start_point(spec(objective=objective), i) for i in range(10)] for objective in Objective]
    assert all(start == starts[0] for start in starts)


def test_phase1_begins_with_the_points_that_it_always_had():
    """Whatever else a search space may hold: sweeps that were begun before go on."""
    cells = [spec(phase=phase, target=target) for phase in (Phase.PHASE1, Phase.ROLLING) for target in Target]
    starts = [proposals.start_point(cell, i) for cell in cells for i in range(12)]
    assert digest(starts) == "a9147a4f0a82b3b9246f339502d5803d1523f28fc00cb96fffff346fd68c9baf"


@pytest.mark.parametrize(
    "other",
    [
        spec(target=Target.PLAYOFF_OUTCOME),
        spec(phase=Phase.BASELINE),
        spec({"training.seed": 8}),
    ],
    ids=["target", "phase", "seed"],
)
def test_the_start_design_depends_on(other):
    assert proposals.start_point(spec(), 0) != proposals.start_point(other, 0)


def test_ten_starts_use_every_window_and_every_depth():
    starts = [proposals.start_point(spec(phase=Phase.ROLLING), i) for i in range(10)]
    windows = Counter(str(start["rolling_windows"]) for start in starts)
    assert sorted(windows.values()) == [2, 2, 3, 3]
    assert min(Counter(start["max_depth"] for start in starts).values()) >= 2


def test_fixed_parameters_are_part_of_a_proposal():
    start = proposals.start_point(spec(), 3)
    assert (start["subsample"], start["colsample_bytree"], start["rolling_windows"]) == (0.8, 0.7, [10, 30])
    assert list(start) == list(spec().space)


def test_random_points_are_a_slots_own_and_differ():
    points = [proposals.random_point(spec(), i) for i in range(20)]
    assert points == [proposals.random_point(spec(objective=Objective.NDCG4), i) for i in range(20)]
    assert len({str(point) for point in points}) == 20


@pytest.mark.parametrize("budget", [6, 4, 1])
def test_a_grid_gives_distinct_points(budget):
    sweep = spec(SMALL, phase=Phase.FULL, method=Method.GRID, n_trials=budget)
    points = [proposals.grid_subset_point(sweep, i) for i in range(budget)]
    assert len({str(point) for point in points}) == budget


def test_a_grid_that_fits_is_run_whole_and_in_order():
    sweep = spec(SMALL, phase=Phase.FULL, method=Method.GRID, n_trials=6)
    assert [proposals.grid_subset_point(sweep, i) for i in range(6)] == [grid_point(sweep.space, i) for i in range(6)]


def test_a_subset_of_a_grid_is_spread_evenly():
    sweep = spec(phase=Phase.FULL, method=Method.GRID, n_trials=44)
    assert grid_size(sweep.space) == 11 * 4 * 4 * 4 * 3 * 3
    check_budget(sweep)
    epochs = Counter(proposals.grid_subset_point(sweep, i)["model_a_epochs"] for i in range(44))
    assert set(epochs.values()) == {4}


def test_a_grid_of_ranges():
    space = {
        "a": IntRange(low=3, high=9, step=3),
        "b": FloatRange(low=0.1, high=100.0, log=True),
        "c": Choice(values=([10], [10, 30])),
        "d": Fixed(value=1),
    }
    assert grid_size(space) == 3 * 4 * 2
    assert grid_point(space, 0) == {"a": 3, "b": pytest.approx(0.1), "c": [10], "d": 1}
    assert grid_point(space, 23) == {"a": 9, "b": pytest.approx(100.0), "c": [10, 30], "d": 1}


def test_the_best_are_promoted_by_the_objectives_direction():
    sweep = spec(method=Method.HALVING, n_trials=7)
    below = observed(sweep, 4, value=lambda i: [0.2, 0.9, 0.9, 0.5][i])
    assert [proposals.promoted(sweep, slot, below) for slot in (4, 5)] == [below[1].parameters, below[2].parameters]
    errors = spec(method=Method.HALVING, n_trials=7, objective=Objective.RANK_RMSE)
    assert proposals.promoted(errors, 4, below) == below[0].parameters


def test_a_rung_without_survivors_takes_new_points():
    sweep = spec(method=Method.HALVING, n_trials=7)
    assert proposals.promoted(sweep, 5, observed(sweep, 1)) == proposals.start_point(sweep, 5)


def test_tpe_is_deterministic_by_slot():
    own = observed(spec(), 10)
    assert proposals.searched(spec(), 10, own) == proposals.searched(spec(), 10, own)
    assert proposals.searched(spec(), 10, own) != proposals.searched(spec(), 11, own)


def test_tpe_goes_where_the_objective_is_better():
    """More epochs are better, or worse: with many trials TPE follows."""
    known = [msgspec.structs.replace(o, value=float(o.parameters["model_a_epochs"])) for o in observed(spec(), 60)]
    error = spec(objective=Objective.RANK_RMSE)
    high = [proposals.searched(spec(), slot, known)["model_a_epochs"] for slot in range(60, 80)]
    low = [proposals.searched(error, slot, known)["model_a_epochs"] for slot in range(60, 80)]
    assert sum(high) / 20 > 22
    assert sum(low) / 20 < 18


def test_tpe_keeps_away_from_what_runs():
    own = observed(spec(), 10)
    next_ = proposals.searched(spec(), 10, own)
    running = [Observation(batch_id="b", slot=10 + i, parameters=next_, value=None, rung=0) for i in range(3)]
    assert proposals.searched(spec(), 10, own + running) != next_


def test_without_results_the_start_design_goes_on():
    running = observed(spec(), 12, value=lambda _: None)
    assert proposals.searched(spec(), 12, running) == proposals.start_point(spec(), 12)


def test_siblings_count_once():
    own = observed(spec(), 10)
    repeated = observed(spec(), 10, batch_id="sibling", value=lambda i: -float(i))
    assert proposals.searched(spec(), 10, own, repeated) == proposals.searched(spec(), 10, own)
    fresh = observed(spec(), 10, batch_id="sibling", first=50)
    assert proposals.searched(spec(), 10, own, fresh) != proposals.searched(spec(), 10, own)
    assert proposals.searched(spec(), 10, own, fresh * 2) == proposals.searched(spec(), 10, own, fresh)


MIXED = {
    "search_spaces": {
        "phase1": {
            "max_depth": {"type": "int", "low": 2, "high": 8, "step": 2},
            "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
            "subsample": {"type": "float", "low": 0.6, "high": 1.0, "step": 0.1},
            "rolling_windows": {"type": "choice", "values": [[5], [10, 30]]},
            "min_samples_leaf": {"type": "fixed", "value": 5},
        }
    }
}


def by_sampler(sampler, slot=20):
    sweep = spec(MIXED, sampler=sampler)
    match sampler:
        case Sampler.QMC:
            return sweep, proposals.quasi_random_point(sweep, slot)
        case Sampler.RANDOM:
            return sweep, proposals.random_point(sweep, slot)
    running = observed(sweep, 2, first=12, value=lambda _: None)
    return sweep, proposals.searched(sweep, slot, observed(sweep, 12) + running)


@pytest.mark.parametrize("sampler", Sampler)
def test_every_sampler_knows_every_kind_of_parameter(sampler):
    sweep, point = by_sampler(sampler)
    assert list(point) == list(sweep.space)
    assert point["max_depth"] in (2, 4, 6, 8)
    assert 0.001 <= point["learning_rate"] <= 0.1
    assert point["subsample"] in (0.6, 0.7, 0.8, 0.9, 1.0)
    assert tuple(map(tuple, sweep.space["rolling_windows"].values)).count(tuple(point["rolling_windows"])) == 1
    assert point["min_samples_leaf"] == 5


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP])
def test_the_sampler_is_asked_as_by_a_study_of_the_same_trials(sampler):
    """Trials are made once and shared by questions; a study that is made anew each time says the same."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sweep = spec(MIXED, sampler=sampler)
    prior = observed(sweep, 3, batch_id="sibling", first=70)
    for count in (12, 14, 13):
        own = [*observed(sweep, count), *observed(sweep, 2, first=40 + count, value=lambda _: None)]
        study = optuna.create_study(direction="maximize", sampler=learning_sampler(sampler, 7))
        for o in (*prior, *own):
            encoded = encode(sweep.space, o.parameters)
            known = {name: distributions(sweep.space)[name] for name in encoded}
            state = TrialState.RUNNING if o.value is None else TrialState.COMPLETE
            study.add_trial(create_trial(state=state, value=o.value, params=encoded, distributions=known))
        asked = study.ask(fixed_distributions=distributions(sweep.space))
        found = sampled_point(learning_sampler(sampler, 7), sweep.space, sweep.objective.direction, own, prior)
        assert found == decode(sweep.space, asked.params)


@pytest.mark.parametrize("sampler", Sampler)
def test_every_sampler_says_the_same_twice_and_something_else_for_another_slot(sampler):
    assert by_sampler(sampler) == by_sampler(sampler)
    assert by_sampler(sampler)[1] != by_sampler(sampler, slot=21)[1]


def test_quasi_random_points_are_spread_and_begin_at_no_bound():
    sweep = spec(MIXED, sampler=Sampler.QMC)
    points = [proposals.quasi_random_point(sweep, i) for i in range(16)]
    assert len({point["learning_rate"] for point in points}) == 16
    assert set(Counter(point["max_depth"] for point in points).values()) == {4}
    assert points[0] != proposals.quasi_random_point(spec({**MIXED, "training.seed": 8}, sampler=Sampler.QMC), 0)
    assert 0.001 < points[0]["learning_rate"] < 0.1


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP, Sampler.CMAES])
def test_two_workers_that_ask_at_once_keep_apart(sampler):
    sweep = spec(MIXED, sampler=sampler)
    own = observed(sweep, 12)
    first = proposals.searched(sweep, 20, own)
    running = Observation(batch_id="b", slot=20, parameters=first, value=None, rung=0)
    assert proposals.searched(sweep, 21, [*own, running]) != first


@pytest.mark.parametrize("sampler", [Sampler.TPE, Sampler.GP, Sampler.CMAES])
def test_a_sampler_that_learns_repeats_no_point_while_there_are_others(sampler):
    few = {
        "max_depth": {"type": "int", "low": 2, "high": 4},
        "rolling_windows": {"type": "choice", "values": [[5], [10, 30]]},
    }
    sweep = spec({"search_spaces": {"phase1": few}}, sampler=sampler)
    own = []
    for slot in range(6):
        point = {"max_depth": 2 + slot, "rolling_windows": [5]} if slot < 3 else proposals.searched(sweep, slot, own)
        own.append(Observation(batch_id="b", slot=slot, parameters=point, value=1.0 + point["max_depth"], rung=0))
    assert len({str(o.parameters) for o in own}) == 6
    assert proposals.searched(sweep, 6, own) in [o.parameters for o in own]


def test_tpe_is_not_named_in_what_a_sweep_is_and_the_others_are():
    assert "sampler" not in spec().identity()
    assert len({spec(sampler=sampler).digest for sampler in Sampler}) == len(Sampler)


def test_a_sampler_goes_with_optuna_only():
    with pytest.raises(ConfigError, match="--sampler gp: goes with --method optuna; the sweep has --method grid"):
        spec(sampler=Sampler.GP, method=Method.GRID)
