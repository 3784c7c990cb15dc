"""The verdict in one sentence: what won, whether that is more than chance, and what is incomplete or failed."""

import msgspec
import pytest

from truestrength.launcher.report.sections.first_sentence import plain, said_first
from truestrength.trainer.contract.records.metrics import BASELINES, Gain, Repeat
from truestrength.trainer.contract.words import Method, Objective, Target


def said(sweeps, planned=None):
    return plain(said_first(sweeps, planned or [sweep.spec.batch_id for sweep in sweeps]))


def changed(sweep, **changes):
    return msgspec.structs.replace(sweep, **changes)


def with_metrics(sweep, slot, **changes):
    """The sweep with one trial's metrics (or what else the trial has) changed."""
    trials = list(sweep.trials)
    own = {name: changes.pop(name) for name in ("holdout",) if name in changes}
    metrics = msgspec.structs.replace(trials[slot].metrics, **changes)
    trials[slot] = msgspec.structs.replace(trials[slot], metrics=metrics, **own)
    return changed(sweep, trials=tuple(trials))


def gains(low, high):
    return {name: dict.fromkeys(map(str, Objective), Gain((low + high) / 2, low, high)) for name in BASELINES}


def test_a_victory_says_by_how_much_and_that_it_is_more_than_chance(build):
    sweep = with_metrics(build.sweep(build.spec(), [0.80, 0.85, 0.81]), 1, gains=gains(0.01, 0.03))
    assert said([sweep]) == (
        "The sweep is complete, nothing failed: for final_rank, run_026 won (sweep phase1_spearman_final_rank) with "
        "spearman 0.8500, better than the best baseline (blend) by more than chance (+0.0200; 95 % interval +0.0100 to "
        "+0.0300), better than the ranking without training by more than chance (+0.0600; +0.0100 to +0.0300)."
    )


@pytest.mark.parametrize(
    ("skill", "low", "high", "found"),
    [
        (0.85, -0.001, 0.03, "ahead of the best baseline (blend) by no more than chance (+0.0200; "),
        (0.82, -0.03, 0.001, "behind the best baseline (blend) by no more than chance (-0.0100; "),
        (0.82, -0.03, -0.001, "WORSE than the best baseline (blend) by more than chance (-0.0100; "),
        (0.83, -0.01, 0.01, "as good as the best baseline (blend)"),
    ],
)
def test_chance_and_defeat_are_told_apart(build, skill, low, high, found):
    sweep = with_metrics(build.sweep(build.spec(n_trials=1), [skill]), 0, gains=gains(low, high))
    assert found in said([sweep])


def test_a_gain_without_an_interval_claims_nothing_of_chance(build):
    text = said([build.sweep(build.spec(n_trials=1), [0.85])])
    assert "better than the best baseline (blend) by 0.0200," in text
    assert "chance" not in text


def test_the_ranking_without_training_is_named_once_where_it_is_the_best_baseline(build):
    sweep = build.sweep(build.spec(n_trials=1), [0.85])
    only = {"expected": sweep.trials[0].metrics.baselines["expected"]}
    text = said([with_metrics(sweep, 0, baselines=only)])
    assert text.count("the ranking without training") == 1
    assert "the best baseline (the ranking without training)" in text
    assert "with no baseline to compare with" in said([with_metrics(sweep, 0, baselines={})])


def test_before_anything_has_finished_nothing_has_won(build):
    waiting = build.sweep(build.spec(), [])
    assert said([waiting], ["phase1_spearman_final_rank", "later"]) == (
        "0 of 2 sweeps are complete (1 not begun, 1 waiting), nothing failed: no trial has completed, so nothing "
        "has won."
    )


def test_a_plan_in_which_everything_failed_says_so(build):
    spec = build.spec()
    lost = (
        build.failed(spec, 0, 25, "NaN"),
        build.failed(spec, 1, 26, "NaN"),
        build.failed(spec, 2, None, "x", "dead"),
    )
    sweep = changed(build.sweep(spec, []), trials=lost, standing="failed", given_up=3)
    assert said([sweep]) == (
        "The sweep is not complete (failed), 2 attempts failed, 1 attempt died, 3 trials were given up: no trial has "
        "completed, so nothing has won."
    )


def test_while_it_runs_a_winner_is_one_so_far(build):
    running = changed(build.sweep(build.spec(), [0.85]), standing="running", running=2)
    done = build.sweep(build.spec(Objective.NDCG4, n_trials=1), [0.8], first_run=40)
    text = said([running, done])
    assert text.startswith("1 of 2 sweeps is complete (1 running), nothing failed: so far, for final_rank, run_025 won")


def test_equal_runs_and_both_targets_are_named(build):
    one = build.sweep(build.spec(n_trials=2), [0.85, 0.85])
    other = build.sweep(build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME, n_trials=1), [0.7], first_run=40)
    text = said([one, other])
    assert "run_025 won (sweep phase1_spearman_final_rank) with spearman 0.8500 (as 1 other run has), " in text
    assert "; for playoff_outcome, run_040 won" in text


def test_a_single_objective_decides_by_itself(build):
    sweep = build.sweep(build.spec(Objective.RANK_RMSE, n_trials=2), [0.80, 0.85])
    assert "run_026 won (sweep phase1_rank_rmse_final_rank) with rank_rmse 1.8000, better" in said([sweep])


def test_only_the_last_rung_can_win(build):
    sweep = build.sweep(build.spec(n_trials=9, method=Method.HALVING), [0.95, 0.8])
    last = build.trial(sweep.spec, 8, 0.84, 40, rung=2)
    assert "run_040 won" in said([changed(sweep, trials=(*sweep.trials, last))])


def test_the_mean_of_seeds_is_called_one_and_the_held_out_season_is_told(build):
    sweep = build.sweep(build.spec(n_trials=1), [0.85])
    seeds = tuple(Repeat(seed, build.scores(skill)) for seed, skill in enumerate((0.84, 0.88)))
    read = build.metrics(0.8, seasons=("2023-24",))
    text = said([with_metrics(sweep, 0, repeats=seeds, holdout=read)])
    assert "with spearman 0.8600, the mean of 2 seeds, better than" in text
    assert "and on the held-out season WORSE than the best there (blend) by 0.0300." in text


def test_a_run_that_cannot_be_read_has_won_all_the_same(build):
    sweep = build.sweep(build.spec(n_trials=1), [])
    trial = build.trial(sweep.spec, 0, 0.9, 25, metrics=None)
    assert "run_025 won" in said([changed(sweep, trials=(trial,))])
    assert "its metrics.json cannot be read" in said([changed(sweep, trials=(trial,))])
