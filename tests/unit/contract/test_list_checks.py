"""What only workers would find out is refused before anything is started, and what is possible is said."""

import msgspec
import pytest

from tests.support.leagues import stub_league
from tests.support.places import CONFIG
from truestrength.launcher.expansion import Budget, expand_plan, expand_sweep
from truestrength.trainer.contract.config.plans import Words
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.errors import ConfigError
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.paths.league import LeaguePaths
from truestrength.trainer.contract.words import Method, Objective, Phase, Target

WORDS = Words(phase=Phase.PHASE1, objective=Objective.SPEARMAN, listmle_target=Target.FINAL_RANK)


@pytest.fixture
def plan(tmp_path):
    league = stub_league(tmp_path / "league")

    def expand(*overrides, budget=None):
        config = load_config(CONFIG, [f"paths.data={league}", *overrides])
        expand_sweep(config, budget or Budget(), WORDS)
        return expand_plan(config, "phase1", budget or Budget())

    return expand


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluation.first_day=400", "evaluation.first_day: 400: the season 2020-21 needs three game days"),
        ("evaluation.first_day=171", "its last one is 172 days after it; 3 to 170 are possible with this league"),
        (
            "evaluation.first_day=2",
            "evaluation.first_day: 2: in the season 2015-16 some team has no player",
        ),
        ("training.rolling_windows=[10, 83]", "rolling_windows: 83 games are more than any team plays in a season"),
        ("training.max_lists_oof=9", "training.max_lists_oof: 9: 10 lists are needed, a date of 2 lists for each of"),
        ("training.max_final_batches=1", "training.max_final_batches: 1: 2 lists are needed"),
        ("training.n_folds=6", "6 folds of whole seasons need 6 training seasons, found 5"),
        ("evaluation.holdout=[2031-32]", "evaluation.holdout: the league has no season '2031-32'"),
        ("evaluation.validation=8", "evaluation.validation: asks for 8 seasons, but there are only 7"),
        (
            "search_spaces.phase1={rolling_windows: {type: choice, values: [[10], [10, 100]]}}",
            "training.rolling_windows: 100 games are more",
        ),
    ],
)
def test_refusals(plan, override, said):
    base = () if "rolling_windows=" not in override else ("search_spaces.phase1={max_depth: {type: fixed, value: 3}}",)
    with pytest.raises(ConfigError) as caught:
        plan(*base, override)
    assert said in str(caught.value)


def test_what_is_just_possible(plan):
    for override in ("evaluation.first_day=3", "evaluation.first_day=170", "training.max_lists_oof=10"):
        assert plan(override).n_trials == 156


def test_a_value_that_the_search_space_replaces_does_not_matter(plan):
    assert plan("training.rolling_windows=[500]")


def test_the_lowest_rung_of_halving_has_fewer_lists(plan):
    halving = Budget(method=Method.HALVING)
    with pytest.raises(
        ConfigError, match=r"max_lists_oof: 36 \(the lowest rung .* has 0.25 of it\): .* At least 37 is"
    ):
        plan("training.max_lists_oof=36", budget=halving)
    assert plan("training.max_lists_oof=37", budget=halving)


def test_a_season_that_no_first_day_fits_is_named(plan, tmp_path):
    manifest = read_manifest(tmp_path / "league")
    thin = msgspec.structs.replace(manifest.seasons[2], earliest_list=9, last_days=(4, 6))
    seasons = (*manifest.seasons[:2], thin, *manifest.seasons[3:])
    other = msgspec.structs.replace(manifest, seasons=seasons)
    LeaguePaths(tmp_path / "league").manifest.write_bytes(msgspec.json.encode(other))
    with pytest.raises(ConfigError, match="no value is possible with this league: leave the season 2017-18 out"):
        plan()
