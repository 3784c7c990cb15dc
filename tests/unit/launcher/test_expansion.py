"""Plans of the user's own: grids as in job matrices, names, budgets, what waits for what, and what is refused."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.leagues import stub_league
from tests.support.places import CONFIG, REPOSITORY
from truestrength.launcher.cells import cells
from truestrength.launcher.expansion import Budget, expand_plan
from truestrength.trainer.contract.config.plans import Entry
from truestrength.trainer.contract.config.settings import load_with_origin
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.words import Method, Objective, Sampler, Target

PHASE1 = "30f67079331eb952bf2597537a0dd4c8efd5480a692c367aa5b3639a624a0726"
"""Of the plan as code expanded it before it stood in the YAML, for a league with the fingerprint of the stub."""


@pytest.fixture
def expand(tmp_path):
    """Expand a plan that is written into a file of its own, below Phase I's."""
    league = stub_league(tmp_path / "league")

    def expanded(entries, *overrides, budget=None, name="mine"):
        file = tmp_path / "mine.yaml"
        text = {"extends": str(CONFIG), "paths": {"data": str(league)}, "plans": {"mine": entries}}
        file.write_text(yaml.safe_dump(text, sort_keys=False) if not isinstance(entries, str) else entries)
        config, origin = load_with_origin(file, overrides)
        return expand_plan(config, name, budget or Budget(), origin)

    return expanded


def test_phase1_is_the_plan_that_it_was_in_code(expand):
    assert expand([{}], name="phase1").digest == PHASE1


def test_three_axes_are_every_combination_in_order(expand):
    axes = {"training.loss": ["listmle", "spearman"], "training.seed": [1, 2], "objective": ["spearman", "ndcg4"]}
    plan = expand([{"grid": axes, "n_trials": 2, "batch_id": "x_{objective}.{training.loss}.{training.seed}"}])
    assert plan.batch_ids == [
        "x_spearman.listmle.1", "x_ndcg4.listmle.1", "x_spearman.listmle.2", "x_ndcg4.listmle.2",
        "x_spearman.spearman.1", "x_ndcg4.spearman.1", "x_spearman.spearman.2", "x_ndcg4.spearman.2",
    ]  # fmt: skip
    last = plan.sweeps[-1]
    assert (last.config.training.loss, last.config.training.seed, last.objective) == ("spearman", 2, Objective.NDCG4)
    assert {spec.n_trials for spec in plan.sweeps} == {2}
    header, first = plan.table().splitlines()[:2]
    assert header.split()[-3:] == ["training.loss", "training.seed", "trials"]
    assert first.split()[-3:] == ["listmle", "1", "2"]


def test_seeds_and_limits_are_of_an_entry_of_cells_or_of_the_command_line(expand):
    entry = {
        "grid": {"objective": ["spearman", "rank_rmse"]},
        "include": [{"objective": "rank_rmse", "goal": 2.5, "repeats": 2}],
        "max_minutes": 30,
        "goal": 0.9,
        "repeats": 3,
    }
    plan = expand([entry])
    assert [(one.limits.max_minutes, one.limits.goal, one.spec.repeats) for one in plan.planned] == [
        (30, 0.9, 3), (30, 2.5, 2)
    ]  # fmt: skip
    header, first, second = plan.table().splitlines()[:3]
    assert header.endswith("trials  seeds  max minutes  goal")
    assert (first.split()[-3:], second.split()[-3:]) == (["3", "30.0", "0.9"], ["2", "30.0", "2.5"])
    assert [(s["max_minutes"], s["goal"], s["repeats"]) for s in plan.as_json()["sweeps"]] == [
        (30, 0.9, 3), (30, 2.5, 2)
    ]  # fmt: skip
    asked = expand([entry], budget=Budget(max_minutes=60, goal=0.95, repeats=1))
    assert {(one.limits.max_minutes, one.limits.goal, one.spec.repeats) for one in asked.planned} == {(60, 0.95, 1)}


def test_limits_change_no_digest_and_seeds_do(expand):
    plain = expand([{}])
    assert expand([{"max_minutes": 1, "goal": 0.5}]).digest == plain.digest
    assert expand([{"repeats": 1}]).digest == plain.digest
    assert expand([{"repeats": 2}]).digest != plain.digest


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"max_minutes": 0}, r"plans\.mine\[0\]\.max_minutes: Expected `float` > 0"),
        ({"max_minutes": -5}, r"max_minutes: Expected `float` > 0"),
        ({"max_minutes": float("nan")}, r"max_minutes: Expected `float` > 0.0, found nan"),
        ({"max_minutes": float("inf")}, "inf is no number"),
        ({"max_minutes": "soon"}, "max_minutes: Expected `float . null`, got `str`"),
        ({"goal": 0}, r"goal: Expected `float` > 0"),
        ({"goal": 1.5}, r"phase1_spearman_final_rank: goal 1\.5: spearman is at most 1"),
        ({"repeats": 0}, r"repeats: Expected `int` >= 1"),
        ({"repeats": 1001}, r"repeats: Expected `int` <= 1000"),
        ({"repeats": 1.5}, r"repeats: Expected `int"),
        ({"grid": {"goal": [0.8, 0.9]}}, r"grid\.goal: is no axis"),
        ({"grid": {"repeats": [1, 2]}}, r"grid\.repeats: is no axis"),
    ],
)
def test_seeds_and_limits_that_cannot_be(expand, entry, said):
    with pytest.raises(ConfigError, match=said):
        expand([entry])


def test_sweeps_know_nothing_of_the_plans_of_their_file(expand):
    assert expand([{}]).sweeps[0].config.plans == {}


def test_a_phase_is_any_search_space_by_its_name(expand):
    space = "search_spaces.wide={max_depth: {type: int, low: 2, high: 9}}"
    plan = expand([{"grid": {"phase": ["phase1", "wide"]}}], space)
    assert plan.batch_ids == ["phase1_spearman_final_rank", "wide_spearman_final_rank"]
    assert list(plan.sweeps[1].space) == ["max_depth"]


def test_without_a_template_the_axes_are_in_the_name(expand):
    axes = {"objective": ["ndcg4"], "training.rolling_windows": [[10], [10, 30]]}
    space = {"max_depth": {"type": "int", "low": 3, "high": 5}}
    plan = expand([{"grid": axes, "phase": "rolling"}], f"search_spaces.rolling={json.dumps(space)}")
    assert [name.removeprefix("rolling_ndcg4_final_rank_") for name in plan.batch_ids] == ["10", "10-30"]


def test_exclude_and_include_are_those_of_job_matrices():
    """The example of GitHub's documentation, with other words."""
    entry = Entry(
        grid={"fruit": ("apple", "pear"), "animal": ("cat", "dog")},
        include=(
            {"color": "green"},
            {"color": "pink", "animal": "cat"},
            {"fruit": "apple", "shape": "circle"},
            {"fruit": "banana"},
            {"fruit": "banana", "animal": "cat"},
        ),
    )
    assert cells(entry, "x") == [
        {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
        {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
        {"fruit": "pear", "animal": "cat", "color": "pink"},
        {"fruit": "pear", "animal": "dog", "color": "green"},
        {"fruit": "banana"},
        {"fruit": "banana", "animal": "cat"},
    ]


def test_what_is_excluded_is_left_out_and_may_be_included_again(expand):
    grid = {"objective": ["spearman", "ndcg4", "rank_rmse"], "listmle_target": ["final_rank", "playoff_outcome"]}
    rules = {
        "exclude": [{"objective": "ndcg4"}, {"objective": "rank_rmse", "listmle_target": "final_rank"}],
        "include": [{"objective": "rank_rmse", "n_trials": 24, "model_a.hidden": 4}],
    }
    plan = expand([{"grid": grid, **rules}])
    assert [(s.objective, s.target, s.n_trials, s.config.model_a.hidden) for s in plan.sweeps] == [
        (Objective.SPEARMAN, Target.FINAL_RANK, 12, 8),
        (Objective.SPEARMAN, Target.PLAYOFF_OUTCOME, 12, 8),
        (Objective.RANK_RMSE, Target.PLAYOFF_OUTCOME, 24, 4),
    ]


def test_the_command_line_counts_for_the_whole_plan(expand):
    entries = [{"n_trials": 3, "n_jobs": 2, "method": "random", "set": {"training.seed": 1, "model_a.hidden": 4}}]
    [spec] = expand(entries).sweeps
    assert (spec.n_trials, spec.method, spec.config.training.seed) == (3, Method.RANDOM, 1)
    plan = expand(entries, "training.seed=9", budget=Budget(n_trials=5, n_jobs=7, method=Method.GRID))
    [spec] = plan.sweeps
    assert (spec.n_trials, plan.n_jobs, spec.method) == (5, 7, Method.GRID)
    assert (spec.config.training.seed, spec.config.model_a.hidden) == (9, 4)


def test_a_method_can_be_an_axis(expand):
    plan = expand([{"grid": {"method": ["optuna", "random"]}}])
    assert plan.batch_ids == ["phase1_spearman_final_rank_optuna", "phase1_spearman_final_rank_random"]


def test_a_sampler_can_be_an_axis_or_an_entrys_or_the_command_lines(expand):
    grid = [{"grid": {"sampler": ["tpe", "gp"]}}]
    plan = expand(grid)
    assert plan.batch_ids == ["phase1_spearman_final_rank_tpe", "phase1_spearman_final_rank_gp"]
    assert [spec.sampler for spec in plan.sweeps] == ["tpe", "gp"]
    assert [spec.sampler for spec in expand([{"sampler": "qmc"}]).sweeps] == ["qmc"]
    assert [spec.sampler for spec in expand([{"sampler": "qmc"}], budget=Budget(sampler=Sampler.GP)).sweeps] == ["gp"]
    with pytest.raises(ConfigError, match=r"--sampler gp: .* says itself what it is in each sweep"):
        expand(grid, budget=Budget(sampler=Sampler.GP))


def test_what_waits_for_what(expand):
    first = {"name": "first", "grid": {"objective": ["spearman", "ndcg4"]}, "batch_id": "a_{objective}"}
    plan = expand(
        [
            first,
            {"batch_id": "next"},
            {"batch_id": "named", "after": "first"},
            {"batch_id": "free", "after": "none"},
            {"batch_id": "last", "after": "all"},
        ]
    )
    after = {one.spec.batch_id: one.after for one in plan.planned}
    assert after == {
        "a_spearman": None,
        "a_ndcg4": None,
        "next": None,
        "named": ("a_spearman", "a_ndcg4"),
        "free": (),
        "last": ("a_spearman", "a_ndcg4", "next", "named", "free"),
    }


def test_each_entry_has_its_own_number_of_workers(expand):
    plan = expand([{"n_jobs": 2, "batch_id": "a"}, {"batch_id": "b"}])
    assert [one.n_jobs for one in plan.planned] == [2, 4]
    assert "up to 4 workers a sweep" in plan.table()
    assert expand([{"batch_id": "a", "n_jobs": 9}]).digest == expand([{"batch_id": "a"}]).digest


SEEDS = list(range(101))


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"grid": {}}, "mine[0].grid: is empty: name at least one axis"),
        ({"grid": {"objective": []}}, "plans.mine[0].grid.objective: Expected a list of length >= 1"),
        ({"grid": {"objectiv": ["spearman"]}}, "unknown key 'objectiv': did you mean 'objective'?"),
        ({"grid": {"target": ["final_rank"]}}, "unknown key 'target': did you mean 'listmle_target'?"),
        ({"grid": {"objective": ["spearmn"]}}, "objective: 'spearmn' is not allowed: did you mean 'spearman'?"),
        ({"grid": {"objective": ["ndcg4", "ndcg4"]}}, "mine[0].grid.objective: the value ndcg4 is written twice"),
        ({"grid": {"n_trials": [1, 2]}}, "mine[0].grid.n_trials: is no axis; give it to an entry, or to cells"),
        ({"grid": {"training.sed": [1]}}, "unknown key 'training.sed': did you mean 'training.seed'?"),
        ({"grid": {"training.seed": ["x"]}}, "phase1_spearman_final_rank_x: training.seed: Expected `int`"),
        ({"grid": {"paths.data": ["a", "b"]}}, "unknown key 'paths.data'"),
        ({"grid": {"model_b.max_depth": [3, 4]}}, "model_b.max_depth: the phase phase1 searches it (max_depth)"),
        ({"set": {"model_c.min_samples_leaf": 3}}, "the phase phase1 searches it (min_samples_leaf)"),
        ({"set": {"training.listmle_target": "final_rank"}}, "unknown key 'training.listmle_target'"),
        ({"exclude": [{"objective": "ndcg4"}]}, "mine[0]: `include` and `exclude` need a `grid`"),
        (
            {"grid": {"objective": ["ndcg4"]}, "exclude": [{"objctive": "ndcg4"}]},
            "no axis of the grid is called",
        ),
        ({"grid": {"objective": ["ndcg4"]}, "exclude": [{"objective": "x"}]}, "no cell of the grid has {'objective'"),
        ({"grid": {"objective": ["ndcg4"]}, "exclude": [{"objective": "ndcg4"}]}, "leaves no cell of the grid"),
        ({"batch_id": "{objectiv}"}, "mine[0].batch_id: '{objectiv}': {objectiv}: did you mean 'objective'?"),
        ({"batch_id": "a/{objective}"}, "'a/{objective}': 'a/spearman': letters, digits"),
        ({"batch_id": "a{"}, "'a{': letters, digits"),
        ({"batch_id": ""}, "mine[0].batch_id: '': '': letters, digits"),
        ({"batch_id": "figures"}, "choose another name"),
        ({"grid": {"training.seed": [1, 2]}, "batch_id": "same"}, "two sweeps would be called 'same': name the axes"),
        ({"grid": {"training.seed": SEEDS, "model_a.hidden": SEEDS}}, "10,201 sweeps; at most 10,000 are possible"),
        ({"after": "frist"}, "mine[0].after: no earlier entry is called 'frist': Allowed: all, none"),
        ({"name": "all"}, "mine[0].name: 'all' is taken"),
        ({"n_trials": 0}, "n_trials: Expected `int` >= 1"),
        ({"n_trials": 100_001}, "100001: 1 to 100000 are possible"),
        ({"phase": "phase9"}, "phase 'phase9': the config has no search_spaces.phase9: did you mean 'phase1'?"),
        ({"phase": ""}, "mine[0]: phase '': the config has no search_spaces.: Allowed: baseline, phase1"),
        ({"grid": {"phase": ["phase1", 2]}}, "mine[0]: phase: Expected `str | null`, got"),
        ({"colour": 1}, "unknown key 'plans.mine[0].colour'"),
    ],
)
def test_a_mistake_in_a_plan_is_named(entry, said, expand):
    with pytest.raises(ConfigError) as caught:
        expand([entry])
    assert said in str(caught.value)


def test_the_file_of_a_plan_is_named(expand, tmp_path):
    with pytest.raises(ConfigError, match=rf"^{tmp_path / 'mine.yaml'}: plans\.mine\[1\]\.grid: is empty"):
        expand([{}, {"grid": {}}])


@pytest.mark.parametrize(
    ("entries", "overrides", "method", "said"),
    [
        ([{"grid": {"training.seed": [1, 2]}}], ["training.seed=5"], None, "--set training.seed=5: "),
        ([{"listmle_target": "final_rank"}], ["training.listmle_target=final_rank"], None, "--set training.listmle_t"),
        ([{"grid": {"method": ["grid", "random"]}}], [], Method.OPTUNA, "--method optuna: "),
    ],
)
def test_a_flag_that_contradicts_an_axis_is_refused(entries, overrides, method, said, expand):
    with pytest.raises(ConfigError, match=rf"^{said}.*plans\.mine\[0\] says itself what it is in each sweep"):
        expand(entries, *overrides, budget=Budget(method=method))


def test_an_unknown_plan_is_answered_by_those_that_there_are(expand, tmp_path):
    with pytest.raises(ConfigError, match=r"no plan is called 'phase2': did you mean 'phase1'\? Allowed: phase1, mine"):
        expand([{}], name="phase2")
    Path(tmp_path / "bare.yaml").write_text("paths: {data: x}\n")
    with pytest.raises(ConfigError, match=r"no plan is called 'phase1': the configuration has no `plans`"):
        expand("paths: {data: x}\n", name="phase1")


def test_the_plan_in_the_readme(expand):
    text = (REPOSITORY / "README.md").read_text().partition("## Plans of your own")[2].split("```")[1]
    plan = expand(yaml.safe_load(text.removeprefix("yaml"))["plans"]["losses"])
    assert len(plan.sweeps) == 10
    assert [(spec.batch_id, spec.n_trials) for spec in plan.sweeps][::9] == [
        ("losses_listmle_spearman_1", 24),
        ("losses_rolling", 12),
    ]
    assert plan.planned[-1].after == tuple(plan.batch_ids[:-1])
