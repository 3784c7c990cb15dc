"""Runs side by side: which are shown of many, where they meet the axes, and which nobody beats."""

import json
import re

import msgspec
import pytest

from truestrength.launcher.report.figures.contents import Picture, figure_data
from truestrength.launcher.report.figures.process import smaller, svg
from truestrength.launcher.report.figures.together import front, front_plot, parallel_plot, shown_of, thinned
from truestrength.trainer.contract.config.search_space import Choice, FloatRange
from truestrength.trainer.contract.words import Objective, Target

BY_SPEARMAN = Objective.SPEARMAN


@pytest.fixture
def make(build):
    """A sweep of trials with these figures by Spearman and rank RMSE; the other figures are equal."""

    def trials(figures):
        sweep = build.sweep(build.spec(n_trials=len(figures)), [0.5] * len(figures))
        own = []
        for trial, (spearman, rmse) in zip(sweep.trials, figures, strict=True):
            scores = msgspec.structs.replace(trial.metrics.objectives, spearman=spearman, rank_rmse=rmse)
            metrics = msgspec.structs.replace(trial.metrics, models=trial.metrics.models | {"stack": scores})
            own.append(msgspec.structs.replace(trial, metrics=metrics))
        return msgspec.structs.replace(sweep, trials=tuple(own))

    return trials


def test_of_many_the_best_and_every_so_many_of_the_others_are_shown(build):
    sweep = build.sweep(build.spec(n_trials=100), [i / 200 for i in range(100)])
    shown = [trial.slot for trial in thinned(sweep.ranked, 20, BY_SPEARMAN)]
    assert shown == [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, *range(90, 100)]
    assert thinned(sweep.ranked, 100, BY_SPEARMAN) == list(sweep.ranked)
    down = [trial.slot for trial in thinned(sweep.ranked, 20, Objective.RANK_RMSE)]
    assert down[-10:] == list(range(90, 100)), "more skill is a smaller error"


def test_what_small_sweeps_do_not_need_the_large_ones_get(build):
    sweeps = [build.sweep(build.spec(n_trials=n), [0.7] * n, first_run=1000 * n) for n in (5, 100, 100)]
    shown = [sweep.spec.n_trials for sweep, _ in shown_of(sweeps, 60)]
    assert [shown.count(5), shown.count(100)] == [5, 54]


def test_nobody_beats_the_front(make):
    figures = [(0.8, 3.0), (0.9, 3.5), (0.7, 3.2), (0.9, 3.6), (0.6, 2.0), (0.8, 3.0)]
    sweep = make(figures)
    assert [trial.slot for trial in front([sweep], Target.FINAL_RANK)] == [0, 1, 4, 5], "equals stay"
    assert front([sweep], Target.PLAYOFF_OUTCOME) == []
    assert [point.front for point in front_plot([sweep], Target.FINAL_RANK).points] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]


def test_a_run_without_a_figure_is_not_on_the_front(make):
    sweep = make([(0.8, 3.0), (float("nan"), 1.0)])
    assert [trial.slot for trial in front([sweep], Target.FINAL_RANK)] == [0]


def test_runs_meet_the_axes_where_their_values_are(build):
    sweep = build.sweep(build.spec(n_trials=3), [0.7, 0.8, 0.9])
    space = {
        "learning_rate": FloatRange(low=0.001, high=1.0, log=True),
        "rolling_windows": Choice(values=((5,), (10, 30))),
    }
    settings = [{"learning_rate": 0.01, "rolling_windows": [10, 30]}, {"learning_rate": 0.1, "rolling_windows": [5]},
                {"learning_rate": 1.0, "rolling_windows": [5]}]  # fmt: skip
    trials = [msgspec.structs.replace(t, parameters=p) for t, p in zip(sweep.trials, settings, strict=True)]
    config = sweep.spec.config
    spaces = {**config.search_spaces, sweep.spec.phase.value: space}
    spec = msgspec.structs.replace(sweep.spec, config=msgspec.structs.replace(config, search_spaces=spaces))
    plot = parallel_plot([msgspec.structs.replace(sweep, spec=spec, trials=tuple(trials))], Target.FINAL_RANK)
    named = {axis.name: i for i, axis in enumerate(plot.axes)}
    places = {name: [round(line.places[i], 3) for line in plot.lines] for name, i in named.items()}
    assert places["learning_rate"] == [0.0, 0.5, 1.0]
    assert places["rolling_windows"] == [1.0, 0.0, 0.0]
    assert places["spearman"] == [0.0, 0.5, 1.0]
    assert places["rank_rmse"] == [0.0, 0.5, 1.0], "the best stands at the top"


def test_marks_say_which_run_they_are_and_axes_what_they_are(phase1):
    drawing = dict(figure_data(phase1))["parallel_final_rank"]
    drawn = svg(Picture("parallel.svg", "0", drawing))
    marks = [text.replace("&quot;", '"') for text in re.findall(r'data-mark="([^"]*)"', drawn)]
    assert {line.run for line in drawing.lines} <= set(marks)
    assert [json.loads(text)["axis"] for text in marks if text[0] == "{"] == [axis.name for axis in drawing.axes]


def test_a_smaller_picture_has_the_same_text():
    drawn = '<g aria-label="#a&quot;&lt;b" role="x"><path d="M1.23456,-0.04L2,3e-7"/><text>1.23456 role="x"</text></g>'
    found = smaller(drawn)
    assert found == '<g data-mark="a&quot;&lt;b"><path d="M1.2,0L2,3e-7"/><text>1.23456 role="x"</text></g>'
