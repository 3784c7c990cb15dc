"""Phase I's plan: order, names, budgets; a plan is data and making one touches nothing."""

from functools import partial

import msgspec
import pytest

from tests.support.leagues import stub_league
from tests.support.places import CONFIG
from truestrength.launcher.expansion import Budget, expand_plan, expand_sweep
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import ConfigError, DataError
from truestrength.trainer.contract.text_table import text_table
from truestrength.trainer.contract.words import Objective, Phase, Target

IN_ORDER = [
    "phase1_spearman_final_rank",
    "phase1_spearman_playoff_outcome",
    "phase1_ndcg4_final_rank",
    "phase1_ndcg4_playoff_outcome",
    "phase1_ndcg16_final_rank",
    "phase1_ndcg16_playoff_outcome",
    "phase1_ndcg20_final_rank",
    "phase1_ndcg20_playoff_outcome",
    "phase1_playoff_spearman_final_rank",
    "phase1_playoff_spearman_playoff_outcome",
    "phase1_rank_rmse_final_rank",
    "phase1_rank_rmse_playoff_outcome",
    "phase1_rolling_spearman_playoff_outcome",
]


@pytest.fixture
def config(tmp_path):
    league = stub_league(tmp_path / "league")
    return load_config(CONFIG, [f"paths.data={league}", f"paths.outputs={tmp_path / 'out'}"])


def test_phase1_is_twelve_sweeps_and_then_the_rolling_sweep(config):
    plan = expand_plan(config, "phase1", Budget())
    assert [spec.batch_id for spec in plan.sweeps] == IN_ORDER
    assert [spec.phase for spec in plan.sweeps] == [Phase.PHASE1] * 12 + [Phase.ROLLING]
    assert {spec.n_trials for spec in plan.sweeps} == {12}
    assert plan.n_trials == 156
    assert all(spec.config.training.listmle_target is spec.target for spec in plan.sweeps)
    assert {spec.data_fingerprint for spec in plan.sweeps} == {"f00d"}


def test_the_same_question_gives_the_same_plan_and_another_one_another(config, tmp_path):
    plan = expand_plan(config, "phase1", Budget())
    assert expand_plan(config, "phase1", Budget()).digest == plan.digest
    assert expand_plan(config, "phase1", Budget(n_jobs=9)).digest == plan.digest
    assert expand_plan(config, "phase1", Budget(n_trials=13)).digest != plan.digest
    stub_league(tmp_path / "league", "beef")
    assert expand_plan(config, "phase1", Budget()).digest != plan.digest


def test_a_plan_is_printable_for_people_and_programs(config):
    plan = expand_plan(config, "phase1", Budget(n_trials=3, n_jobs=2))
    table = plan.table().splitlines()
    assert [line.split()[1] for line in table[1:14]] == IN_ORDER
    assert "13 sweeps, 39 trials, 2 workers a sweep" in plan.table()
    data = msgspec.json.decode(msgspec.json.encode(plan.as_json()))
    assert [sweep["batch_id"] for sweep in data["sweeps"]] == IN_ORDER
    assert data["sweeps"][10]["direction"] == "minimize"
    assert data["digest"] == plan.digest


def test_making_a_plan_touches_nothing(config, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    expand_plan(config, "phase1", Budget()).table()
    assert sorted(tmp_path.rglob("*")) == before


def test_one_sweep_has_the_name_it_is_given_or_that_of_its_cell(config):
    words = Words(phase=Phase.BASELINE, objective=Objective.NDCG4, listmle_target=Target.PLAYOFF_OUTCOME)
    named = expand_sweep(config, Budget(), words, "mine").sweeps
    assert [spec.batch_id for spec in named] == ["mine"]
    assert expand_sweep(config, Budget(), words).sweeps[0].batch_id == "baseline_ndcg4_playoff_outcome"


def test_without_a_league_the_error_names_the_commands_that_make_one(config, tmp_path):
    (tmp_path / "league" / "league.json").unlink()
    with pytest.raises(DataError, match=r"(?s)trainer data demo --into .*trainer data import --team-logs"):
        expand_plan(config, "phase1", Budget())


def test_a_demo_league_to_come_can_be_planned(tmp_path, monkeypatch):
    """On a fresh clone, where running the plan makes it."""
    monkeypatch.chdir(tmp_path)
    plan = expand_plan(load_config(CONFIG), "phase1", Budget())
    assert "data data/demo (not there yet" in plan.table()
    assert not list(tmp_path.iterdir())


def test_seasons_that_the_league_lacks_are_refused(config):
    asked = load_config(CONFIG, [f"paths.data={config.paths.data}", "evaluation.validation=[2030-31]"])
    with pytest.raises(ConfigError, match=r"evaluation\.validation: the league has no season '2030-31'"):
        expand_plan(asked, "phase1", Budget())


def test_a_season_that_is_not_over_is_refused_before_anything_runs(config, tmp_path):
    """By every cell of the plan, also one that ranks by the final rank alone."""
    changes = {"champion": None, "playoff_games": 0, "last_date": "2023-01-15"}
    stub_league(tmp_path / "league", last=changes)
    words = Words(phase=Phase.PHASE1, objective=Objective.SPEARMAN, listmle_target=Target.FINAL_RANK)
    refused = partial(pytest.raises, ConfigError, match=r'2022-23 is not over.*--set "evaluation.holdout=\[2021-22\]"')
    with refused():
        expand_plan(config, "phase1", Budget())
    with refused():
        expand_sweep(config, Budget(), words)
    other = load_config(
        CONFIG, [f"paths.data={tmp_path / 'league'}", "evaluation.holdout=[2021-22]", "training.n_folds=4"]
    )
    assert expand_plan(other, "phase1", Budget()).n_trials == 156


def test_more_folds_than_training_seasons_are_refused(config):
    asked = load_config(CONFIG, [f"paths.data={config.paths.data}", "training.n_folds=6"])
    with pytest.raises(ConfigError, match=r"training\.n_folds: 6 folds .* found 5 .*Set training\.n_folds=5"):
        expand_plan(asked, "phase1", Budget())


def test_a_phase_that_the_config_does_not_have_is_refused(config):
    bare = msgspec.structs.replace(config, search_spaces={Phase.PHASE1: config.search_spaces[Phase.PHASE1]})
    with pytest.raises(ConfigError, match=r"plans.phase1\[1\]: phase .rolling.: the config has no"):
        expand_plan(bare, "phase1", Budget())


def test_tables_align_numbers_to_the_right_and_leave_none_empty():
    assert text_table(["name", "n"], [["a", 5], ["bcd", 12], ["e", None]]).splitlines() == [
        "name   n",
        "a      5",
        "bcd   12",
        "e",
    ]
