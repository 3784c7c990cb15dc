"""What a sweep's best trials leave of its search space, and the configuration that is written of it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.leagues import stub_league
from truestrength.launcher.expansion import Budget, expand_plan
from truestrength.launcher.narrowing.space import narrowed
from truestrength.launcher.narrowing.text import configuration, next_phase, run_command
from truestrength.launcher.report.trials import Importances, Sweep, Trial
from truestrength.trainer.contract.config.fitting import fitted
from truestrength.trainer.contract.config.search_space import Choice, Fixed, FloatRange, IntRange, Rows, singles
from truestrength.trainer.contract.config.settings import Config, identity, load_config
from truestrength.trainer.contract.config.settings import replace as replaced
from truestrength.trainer.contract.config.yaml_files import leaves
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.records.metrics import Scores
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.sweep.grid import grid_values
from truestrength.trainer.contract.sweep.rungs import rung_of_slots
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Target
from truestrength.trainer.search.dimensions import from_unit, n_free

SPACE = {
    "max_depth": IntRange(3, 9),
    "model_a.learning_rate": FloatRange(1e-4, 1e-1, log=True),
    "learning_rate": FloatRange(0.05, 0.12, step=0.005),
    "rolling_windows": Choice(((10,), (10, 30), (20, 30))),
    "subsample": Fixed(0.8),
}


def make_sweep(points, values, space=SPACE, objective=Objective.SPEARMAN, **fields):
    """A complete sweep: the parameters and the value of each trial."""
    spec = SweepSpec(
        batch_id="wide",
        objective=objective,
        target=Target.FINAL_RANK,
        phase=fields.pop("phase", "phase1"),
        method=fields.pop("method", Method.OPTUNA),
        n_trials=len(points),
        config=fields.pop("config", Config(search_spaces={"phase1": space})),
        data_fingerprint="f" * 64,
    )
    rungs = rung_of_slots(spec.method, spec.n_trials)
    trials = tuple(
        Trial(
            batch_id="wide", slot=i, attempt=1, state="complete", run_id=25 + i, trial_number=i, rung=rungs[i],
            value=value, parameters=json.loads(json.dumps(point)), objectives={objective: value, "spearman": value},
        )
        for i, (point, value) in enumerate(zip(points, values, strict=True))
    )  # fmt: skip
    return Sweep(spec=spec, standing="complete", trials=trials, **fields)


def with_noise(sweep, *seeds):
    """The sweep whose best run has been repeated; `seeds` are the values that it had."""
    best = max(sweep.trials, key=lambda trial: trial.value)
    same = [Scores(**dict.fromkeys(map(str, Objective), value)) for value in seeds]
    noise = Noise(seeds=tuple(range(len(seeds))), objectives=tuple(same))
    return replace(sweep, trials=tuple(replace(t, noise=noise) if t is best else t for t in sweep.trials))


def known(**shares):
    return Importances(batch_id="wide", n_trials=12, importances=shares)


POINTS = [
    {
        "max_depth": 3 + i % 7,
        "model_a.learning_rate": 1e-4 * 10 ** (i / 4),
        "learning_rate": round(0.05 + 0.005 * i, 3),
        "rolling_windows": [[10], [10, 30], [20, 30]][i % 3],
        "subsample": 0.8,
    }
    for i in range(12)
]
VALUES = [0.5 + i / 100 for i in range(12)]
"""The last three trials are the best: depths 5, 6, 7, learning rates 0.095 to 0.105."""
SHARES = {"max_depth": 0.5, "learning_rate": 0.3, "model_a.learning_rate": 0.1, "rolling_windows": 0.1}


def space_of(found):
    return {name: each.dimension for name, each in found.space.items()}


def test_a_range_becomes_that_of_the_best_quartile_and_keeps_what_it_is():
    sweep = make_sweep(POINTS, VALUES)
    found = narrowed(sweep, [sweep])
    assert [trial.run for trial in found.best] == ["run_036", "run_035", "run_034"]
    assert space_of(found) == {
        "max_depth": IntRange(5, 7),
        "learning_rate": FloatRange(0.095, 0.105, step=0.005),
        "model_a.learning_rate": FloatRange(POINTS[9]["model_a.learning_rate"], 1e-4 * 10 ** (11 / 4), log=True),
        "rolling_windows": Choice(((10,), (10, 30), (20, 30))),
        "subsample": Fixed(0.8),
    }
    assert found.space["max_depth"].why == "before: 3 to 9"
    assert found.space["rolling_windows"].why == "as before"


def test_the_best_of_an_error_are_those_with_the_least():
    sweep = make_sweep(POINTS, VALUES, objective=Objective.RANK_RMSE)
    assert [trial.run for trial in narrowed(sweep, [sweep]).best] == ["run_025", "run_026", "run_027"]


def test_what_all_of_the_best_had_is_fixed():
    points = [point | {"max_depth": 4, "rolling_windows": [20, 30]} for point in POINTS]
    sweep = make_sweep(points, VALUES)
    found = narrowed(sweep, [sweep])
    assert found.space["max_depth"] == (Fixed(4), "all of the best have it, before: 3 to 9")
    assert found.space["rolling_windows"].dimension == Fixed([20, 30])


def test_what_mattered_little_is_fixed_at_the_best():
    sweep = with_noise(make_sweep(POINTS, VALUES, importances=known(**SHARES)), 0.61, 0.6101, 0.6102)
    found = narrowed(sweep, [sweep])
    assert found.space["model_a.learning_rate"] == (
        Fixed(POINTS[11]["model_a.learning_rate"]),
        "mattered little, share 0.10; before: 0.0001 to 0.1",
    )
    assert found.space["rolling_windows"].dimension == Fixed([20, 30])
    assert found.space["max_depth"] == (IntRange(5, 7), "share 0.50; before: 3 to 9")
    assert found.known.startswith("Its trials differ by more than other seeds")


def test_where_chance_is_not_measured_importances_count_and_that_is_said():
    sweep = make_sweep(POINTS, VALUES, importances=known(**SHARES))
    found = narrowed(sweep, [sweep])
    assert found.known.startswith("How far chance alone moves the value was not measured.")
    assert isinstance(found.space["rolling_windows"].dimension, Fixed)


def test_where_trials_differ_by_chance_nothing_is_fixed_for_having_mattered_little():
    sweep = with_noise(make_sweep(POINTS, VALUES, importances=known(**SHARES)), 0.5, 0.6, 0.7)
    found = narrowed(sweep, [sweep])
    assert found.known.startswith("Its trials differ by no more than other seeds of the best configuration do")
    assert found.space["model_a.learning_rate"].dimension.high == POINTS[11]["model_a.learning_rate"]
    assert "share" not in found.space["max_depth"].why
    assert "# Around the best 3 of the 12" in configuration(found, Path("x.yaml"))
    assert "no more than other seeds" in " ".join(configuration(found, Path("x.yaml")).replace("#", "").split())


TREES = Rows(names=("max_depth", "learning_rate"), values=((3, 0.1), (4, 0.08), (5, 0.06)))


def test_rows_keep_those_of_the_best_and_are_taken_apart_where_one_is_left():
    space = {"trees": TREES, "subsample": Choice((0.5, 0.8))}
    points = [{"max_depth": 3 + i % 3, "learning_rate": (0.1, 0.08, 0.06)[i % 3], "subsample": 0.8} for i in range(12)]
    sweep = make_sweep(
        points, [0.5 + i % 3 / 10 - i / 100 for i in range(12)], space | {"training.seed": Choice((1, 2))}
    )
    with pytest.raises(UserError, match="max_depth: all of the best have it, before: "):
        narrowed(sweep, [sweep])
    sweep = make_sweep([point | {"subsample": (0.5, 0.8)[i % 2]} for i, point in enumerate(points)], VALUES, space)
    assert narrowed(sweep, [sweep]).space["trees"] == (TREES, "as before")
    sweep = make_sweep(points, [-value for value in VALUES], space, importances=known(max_depth=0.9, learning_rate=0.1))
    assert narrowed(sweep, [sweep]).space["trees"].why.startswith("share 1.00; as before")


def test_a_condition_names_what_is_left_and_what_cannot_be_there_is_left_out(tmp_path):
    space = {
        "training.loss": Choice(("listmle", "position_listmle", "spearman")),
        "model_a.hidden": Choice((4, 8, 16), when={"training.loss": ("listmle", "spearman")}),
        "model_a.dropout": Choice((0.1, 0.2), when={"model_a.hidden": (16,)}),
        "max_depth": IntRange(3, 9),
    }
    losses = ["spearman"] * 9 + ["position_listmle", "listmle", "listmle"]
    points = [{"training.loss": loss, "max_depth": 3 + i % 7} for i, loss in enumerate(losses)]
    points = [point if i == 9 else point | {"model_a.hidden": (4, 8)[i % 2]} for i, point in enumerate(points)]
    sweep = make_sweep(points, VALUES, space)
    found = narrowed(sweep, [sweep])
    assert list(found.space) == ["max_depth", "model_a.hidden", "training.loss"]
    assert found.space["training.loss"].dimension == Choice(("listmle", "position_listmle"))
    assert found.space["model_a.hidden"].dimension == Choice((4, 8), when={"training.loss": ("listmle",)})
    file = tmp_path / "phase2.yaml"
    file.write_text(configuration(found, file))
    assert load_config(file).search_spaces["phase2"]["model_a.hidden"].when == {"training.loss": ("listmle",)}


def test_why_importances_are_not_known_is_said():
    unknown = Importances(batch_id="wide", n_trials=12, reason="all trials have the same value")
    sweep = make_sweep(POINTS, VALUES, importances=unknown)
    assert "not known (all trials have the same value): none is fixed" in narrowed(sweep, [sweep]).known


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        (make_sweep(POINTS[:7], VALUES[:7]), "wide: has 7 complete trials, and a quartile needs at least 8"),
        (make_sweep(POINTS, VALUES, method=Method.HALVING), "has 2 complete trials of its last rung, and"),
        (make_sweep(POINTS, VALUES, method=Method.GRID), "wide: has tried the points of a grid"),
        (
            make_sweep([POINTS[0]] * 12, VALUES),
            "nothing is left to search, every parameter would be fixed: max_depth: all of the best have it, before: 3",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_narrowed_is_refused(sweep, said):
    with pytest.raises(UserError) as caught:
        narrowed(sweep, [sweep])
    assert said in str(caught.value)


def test_the_configuration_holds_what_changes_a_result_and_the_command_where_things_lie(tmp_path):
    config = replaced(
        Config(search_spaces={"phase1": SPACE}),
        {
            "training.seed": 3, "training.amp": "off", "training.listmle_target": "final_rank", "model_a.hidden": 16,
            "evaluation.validation": ["2021-22"], "model_b.max_depth": 6, "paths.data": "d\n\x07", "cache.max_gb": 1.0,
            "training.device": "cpu",
        },
    )  # fmt: skip
    sweep = make_sweep(POINTS, VALUES, config=config)
    found = narrowed(sweep, [sweep])
    file = tmp_path / "phase2.yaml"
    file.write_text(configuration(found, file))
    again = load_config(file)
    differing = dict(set(_hashable(identity(config))) ^ set(_hashable(identity(again))))
    assert differing.keys() == {"model_b.max_depth"}, "the phase searches it"
    assert (again.paths, again.training.device) == (Config().paths, "auto")
    told = run_command(found, Path("x.yaml"))
    assert told.startswith("truestrength run phase2 --config x.yaml --set 'paths.data=")
    assert told.endswith("--set cache.max_gb=1.0 --set training.device=cpu")


def _hashable(tree):
    return [(key, json.dumps(value)) for key, value in leaves(tree)]


def test_its_plan_is_the_sweep_again_in_the_narrowed_space(tmp_path):
    sweep = make_sweep(POINTS, VALUES, objective=Objective.NDCG4)
    sweep = replace(sweep, spec=replace(sweep.spec, repeats=3))
    file = tmp_path / "phase2.yaml"
    file.write_text(configuration(narrowed(sweep, [sweep]), file))
    league = stub_league(tmp_path / "league")
    plan = expand_plan(load_config(file, [f"paths.data={league}"]), "phase2", Budget())
    [spec] = plan.sweeps
    assert (spec.batch_id, spec.n_trials, spec.method) == ("phase2_ndcg4_final_rank", 12, Method.OPTUNA)
    assert spec.repeats == 3
    assert spec.space["learning_rate"] == FloatRange(0.095, 0.105, step=0.005)


def test_lists_of_the_full_grid_are_narrowed_to_choices(tmp_path):
    lists = {"max_depth": tuple(range(3, 10)), "rolling_windows": ([10], [10, 30], [20, 30])}
    points = [{name: point[name] for name in lists} for point in POINTS]
    sweep = make_sweep(points, VALUES, phase="full", config=Config(sweep=lists), method=Method.RANDOM)
    file = tmp_path / "full2.yaml"
    file.write_text(configuration(narrowed(sweep, [sweep]), file))
    config = load_config(file)
    assert config.search_spaces["full2"]["max_depth"] == Choice((5, 6, 7))
    assert (config.plans["full2"][0].method, config.plans["full2"][0].sampler) == (Method.RANDOM, None)


@pytest.mark.parametrize(
    ("phase", "after"),
    [("phase1", "phase2"), ("phase99", "phase100"), ("rolling", "rolling2"), ("a" * 40, "a" * 39 + "2")],
)
def test_phases_count_on(phase, after):
    assert next_phase(phase) == after


whole = st.integers(1, 30)
steps = st.integers(1, 4)


@st.composite
def ranges(draw, low, high):
    """A float range with ends of two digits: plain, in steps, or over magnitudes."""
    one, other = draw(st.integers(low, high)) / 100, draw(st.integers(low, high)) / 100
    more = draw(st.sampled_from([{}, {"log": True}, {"step": 0.01}, {"step": 0.03}]))
    return FloatRange(min(one, other), max(one, other), **more)


def choices(values):
    return st.lists(st.sampled_from(values), min_size=1, unique_by=str).map(lambda some: Choice(tuple(some)))


spaces = st.fixed_dictionaries(
    {},
    optional={
        "model_a_epochs": st.builds(lambda a, b, s: IntRange(min(a, b), max(a, b), s), whole, whole, steps),
        "learning_rate": ranges(1, 90),
        "model_a.dropout": ranges(1, 90),
        "rolling_windows": choices([(5,), (10, 30), (20,), (1, 2, 3)]),
        "training.amp": choices(["off", "auto", "bf16"]),
        "training.seed": choices([0, 1, 2]),
        "max_depth": st.builds(Fixed, st.integers(1, 9)),
        "subsample": choices([0.5, 0.8]).map(lambda one: replace(one, when={"training.seed": (0,)})),
        "forest": st.lists(st.sampled_from([(100, 3), (100, 5), (200, 3), (300, 4)]), min_size=1, unique=True).map(
            lambda rows: Rows(names=("n_estimators_rf", "min_samples_leaf"), values=tuple(rows))
        ),
    },
)


def lies_within(new, old):
    """Whether a dimension has no value that another has not."""
    if isinstance(old, FloatRange) and isinstance(new, FloatRange):
        assert (new.log, new.step) == (old.log, old.step)
        if new.step is None:
            return old.low <= new.low < new.high <= old.high
    if isinstance(old, FloatRange) and old.step is None:
        return old.low <= new.value <= old.high
    plain = {json.dumps(value) for value in grid_values(old)}
    return plain >= {json.dumps(value) for value in grid_values(new)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much])
@given(space=spaces, data=st.data())
def test_whatever_was_searched_what_is_written_loads_and_lies_within(space, data, tmp_path):
    assume(n_free(space))
    if "subsample" in space:
        space["training.seed"] = Choice((0, 1, 2))
    n_trials = data.draw(st.integers(8, 13))
    units = st.lists(st.floats(0, 1, exclude_max=True), min_size=n_free(space), max_size=n_free(space))
    points = [from_unit(space, data.draw(units)) for _ in range(n_trials)]
    values = data.draw(st.lists(st.floats(0, 1), min_size=n_trials, max_size=n_trials))
    shares = data.draw(st.none() | st.fixed_dictionaries(dict.fromkeys(singles(space), st.floats(0, 1))))
    objective = data.draw(st.sampled_from(Objective))
    importances = known(**shares) if shares else None
    sweep = make_sweep(points, values, space, objective, importances=importances)
    if data.draw(st.booleans()):
        sweep = with_noise(sweep, *data.draw(st.lists(st.floats(0, 1), min_size=5, max_size=5)))
    try:
        found = narrowed(sweep, [sweep])
    except UserError as error:
        if "nothing is left to search" not in str(error):
            raise
        return
    file = tmp_path / "phase2.yaml"
    file.write_text(configuration(found, file))
    new = load_config(file).search_spaces["phase2"]
    before = singles(space)
    assert all(lies_within(dimension, before[name]) for name, dimension in singles(new).items())
    assert all(point.keys() >= singles(new).keys() or "subsample" in space for point in points)
    for trial in found.best:
        whole = fitted(new, {name: value for name, value in trial.parameters.items() if name in singles(new)})
        assert whole or any("mattered little" in each.why for each in found.space.values())
