"""What the benchmarks compute from what they measured."""

import doctest
import struct

import numpy as np
import pytest

from benchmarks import known_functions, pace, process_tree, samplers, setting, sql_count
from benchmarks.backtest import seasons_won
from benchmarks.ledger import Measured, statement_rows
from benchmarks.phase1 import Run, parts
from benchmarks.siblings import Compared, compare, row
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.records.metrics import RunMetrics, Scores
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target
from truestrength.trainer.search.dimensions import from_unit, n_free


@pytest.mark.parametrize("module", [known_functions, pace, process_tree, samplers, setting, sql_count])
def test_examples_in_docstrings(module):
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize("name", known_functions.FUNCTIONS)
def test_nothing_lies_below_a_known_functions_lowest_value(name):
    known = known_functions.FUNCTIONS[name]
    places = np.random.default_rng(1).random((500, n_free(known.space))).tolist()
    values = [known.above_lowest(from_unit(known.space, place)) for place in places]
    assert 0 <= min(values) < max(values)


def test_a_sampler_is_told_by_pairs_of_searches():
    best, worst = samplers.Found(0.1, twice=0), samplers.Found(0.3, twice=2)
    row = samplers.row("tpe", [best, best], [best, worst], [worst, worst])
    assert row == ["tpe", 0.1, 0.1, pytest.approx(0.2), pytest.approx(0.2), "1.00", "0.75", 0, 1]


def test_marks_of_several_processes_are_read_in_order(tmp_path):
    (tmp_path / "marks").write_bytes(struct.pack("dd", 3.0, 1.0))
    assert pace.read_marks(tmp_path / "marks") == [1.0, 3.0]


def test_growth_sees_a_sweep_that_slows_down():
    steady = [float(i) for i in range(100)]
    slowing = [0.01 * i * i for i in range(100)]
    assert pace.growth(steady, skip=10) == (1000, 1000)
    first, last = pace.growth(slowing, skip=10)
    assert last > 5 * first


def a_run(began, stages, misses=None):
    return Run(stages, misses or {}, began, sum(stages.values()) + 0.5)


def test_the_parts_of_the_wall_time_sum_to_it():
    runs = [a_run(10.0, {"model_a": 3.0, "stack": 0.5}), a_run(12.0, {"model_a": 1.0, "stack": 0.5})]
    found = parts(runs, workers=2, began=8.0, wall_s=9.0)
    assert sum(found.values()) == pytest.approx(9.0)
    assert (found["start"], found["model_a"], found["run folders"]) == (2.0, 2.0, pytest.approx(0.5))
    assert found["end"] == pytest.approx(3.0)


def test_statements_are_listed_by_their_cost_in_the_large_study():
    def measured(statements):
        return Measured(1, 10, 1.0, 1.0, 1.0, 1.0, 1.0, statements)

    small = measured({"a": (1.0, 5.0)})
    large = measured({"a": (1.0, 5.0), "b": (2.0, 9.0)})
    assert statement_rows(small, large) == [["b", 0.0, 2.0, 0.0, 9.0], ["a", 1.0, 1.0, 5.0, 5.0]]


def test_sibling_sweeps_are_compared_with_what_they_find_alone():
    config = load_config(setting.CONFIG)
    sweeps = [
        SweepSpec(
            batch_id=objective,
            objective=objective,
            target=Target.FINAL_RANK,
            phase=Phase.PHASE1,
            method=Method.OPTUNA,
            n_trials=11,
            config=config,
            data_fingerprint="none",
        )
        for objective in (Objective.SPEARMAN, Objective.RANK_RMSE)
    ]

    def evaluate(parameters):
        return dict.fromkeys(Objective, parameters["learning_rate"])

    first, second = compare(sweeps, evaluate)
    assert first.alone == first.shared, "there is nobody before the first one"
    assert second.objective is Objective.RANK_RMSE
    assert second.alone <= 0.065, "an error is minimised"


def test_gain_is_above_0_where_siblings_help():
    assert Compared(Objective.SPEARMAN, 0.5, 0.75).gain == Compared(Objective.RANK_RMSE, 0.75, 0.5).gain == 0.25
    found = [Compared(Objective.NDCG4, 0.5, 0.75), Compared(Objective.NDCG4, 0.5, 0.5)]
    values = [dict.fromkeys(Objective, value) for value in (0.0, 1.0)]
    assert row(Objective.NDCG4, found, values)[-3:] == [1, 0, "0.5000"]


def test_a_season_is_won_on_five_of_six_objectives_against_every_baseline():
    def scores(*values):
        return Scores(*map(float, values))

    def season(stack, true_outlook):
        return RunMetrics(
            target="final_rank",
            seasons=("2021-22",),
            n_dates=1,
            models={"stack": stack},
            baselines={"win_rate": scores(1, 5, 5, 5, 5, 9), "elo": scores(5, 1, 1, 1, 1, 5)},
            by_conference={},
            by_third={},
            stack_weights={},
            ceilings={"true_outlook": true_outlook},
        )

    five, four = scores(6, 6, 6, 6, 0, 4), scores(6, 6, 6, 0, 0, 4)
    five_over_one_of_them = scores(2, 6, 6, 6, 0, 6)
    found = {
        Target.FINAL_RANK: {"a": season(five, five), "b": season(five, four)},
        Target.PLAYOFF_OUTCOME: {"a": season(five_over_one_of_them, five), "b": season(five, five)},
    }
    header, *rows = (line.split("  ") for line in seasons_won(found).splitlines())
    assert [[cell.strip() for cell in row if cell] for row in rows] == [
        ["stack", "2 of 2", "1 of 2", "1 of 2"],
        ["true_outlook", "1 of 2", "2 of 2", "1 of 2"],
    ]
    assert header[-1] == "both"
