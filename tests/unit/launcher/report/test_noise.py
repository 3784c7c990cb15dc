"""Whether a sweep found a setting: one that has an optimum to find, and one where there is nothing but chance."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from truestrength.launcher.report.analysis import report
from truestrength.launcher.report.chance import matters
from truestrength.launcher.report.figures.contents import figure_data
from truestrength.launcher.report.sections.noise import noise_said
from truestrength.launcher.report.sections.parameters import importance_section
from truestrength.launcher.report.trials import best_of_target, best_trial
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.words import Objective, Target

SEED_S = 0.0008
"""Standard deviation over seeds of the made-up objectives."""


def figures(effect, n_trials=12, seed=0):
    """Spearman of trials over one parameter with its optimum at 0.3, and of five more seeds of the best one."""
    rng = np.random.default_rng(seed)
    true = 0.9 - effect * (rng.random(n_trials) - 0.3) ** 2
    return (true + SEED_S * rng.standard_normal(n_trials)).tolist(), (
        true.max() + SEED_S * rng.standard_normal(5)
    ).tolist()


def noise_of(build, seeds):
    row = build.metrics(0.9).models["stack"]
    return Noise(
        seeds=tuple(range(8, 8 + len(seeds))),
        objectives=tuple(msgspec.structs.replace(row, spearman=value) for value in seeds),
    )


def measured(build, values, seeds):
    """A sweep whose trials have these values, its best one measured with more seeds."""
    sweep = build.sweep(build.spec(n_trials=len(values)), values)
    trials = []
    for trial, value in zip(sweep.trials, values, strict=True):
        stack = msgspec.structs.replace(trial.metrics.models["stack"], spearman=value)
        metrics = msgspec.structs.replace(trial.metrics, models={**trial.metrics.models, "stack": stack})
        trials.append(msgspec.structs.replace(trial, metrics=metrics))
    best = best_trial(trials, Objective.SPEARMAN)
    known = msgspec.structs.replace(best, noise=noise_of(build, seeds))
    return msgspec.structs.replace(sweep, trials=tuple(known if t is best else t for t in trials))


def test_a_real_optimum_is_told_from_chance(build):
    found = [matters(*_asked(build, *figures(0.05, seed=seed))) for seed in range(40)]
    assert sum(found) >= 38


def test_means_of_seeds_differ_by_so_much_less(build):
    """What is chance for one seed is a setting for the mean of nine, and it is said what means differ by."""
    values, noise = [0.900, 0.9008, 0.9016, 0.9024], noise_of(build, [0.9, 0.901, 0.899, 0.9, 0.901])
    assert [matters(values, noise, Objective.SPEARMAN, repeats) for repeats in (1, 9)] == [False, True]
    sweep = measured(build, values, [0.9, 0.901, 0.899, 0.9, 0.901])
    repeated = msgspec.structs.replace(sweep, spec=msgspec.structs.replace(sweep.spec, repeats=9))
    best = best_of_target([repeated], Target.FINAL_RANK)
    assert "by less than chance" in noise_said(sweep, best, Objective.SPEARMAN)
    assert "by 0.0008 (means of 9 by 0.0003), around" in noise_said(repeated, best, Objective.SPEARMAN)
    assert "**The settings matter**" in noise_said(repeated, best, Objective.SPEARMAN)


def test_chance_is_hardly_ever_taken_for_a_setting(build):
    found = [matters(*_asked(build, *figures(0.0, seed=seed))) for seed in range(400)]
    assert 8 <= sum(found) <= 32  # the level of the test is one in twenty


def _asked(build, values, seeds):
    return values, noise_of(build, seeds), Objective.SPEARMAN


def test_the_first_screen_says_that_the_settings_differ_by_less_than_chance(build):
    sweep = measured(build, *figures(0.0, seed=1))
    text = report([sweep], [sweep.spec.batch_id], {}, OutputsRoot(Path("out")), "")
    top = text.partition("## Objective")[0]
    assert "The 12 trials of `phase1_spearman_final_rank` differ by 0.00" in top
    assert "**The settings differ by less than chance**: take the cheapest, and look for better data or another" in top


def test_the_first_screen_says_that_the_settings_matter(build):
    sweep = measured(build, *figures(0.05, seed=1))
    text = report([sweep], [sweep.spec.batch_id], {}, OutputsRoot(Path("out")), "")
    assert "**The settings matter**: they move the value by more than chance does." in text.partition("## Objective")[0]


def test_what_was_not_measured_is_not_spoken_of(build):
    sweep = build.sweep(build.spec(), [0.80, 0.81, 0.82])
    assert noise_said(sweep, best_of_target([sweep], Target.FINAL_RANK), Objective.SPEARMAN) == ""
    two = measured(build, [0.8, 0.9], [0.8, 0.9])
    assert noise_said(two, best_of_target([two], Target.FINAL_RANK), Objective.SPEARMAN) == ""


@pytest.mark.parametrize(("values", "said"), [([0.8, 0.8, 0.8], False), ([0.8, 0.8, 0.81], True)])
def test_seeds_that_change_nothing_leave_every_difference_to_the_settings(build, values, said):
    assert matters(values, noise_of(build, [0.9] * 5), Objective.SPEARMAN) is said


def test_importances_are_only_told_of_where_trials_differ_by_more_than_seeds(build):
    chance, setting = (measured(build, *figures(effect, seed=1)) for effect in (0.0, 0.05))
    text = importance_section([chance], {})
    assert "| sweep" not in text
    assert (
        "`phase1_spearman_final_rank`: its trials differ by no more than other seeds of the best configuration do"
        in text
    )
    assert "| phase1_spearman_final_rank |" in importance_section([setting], {})
    assert "importances" not in dict(figure_data([chance]))
    assert "importances" in dict(figure_data([setting]))
