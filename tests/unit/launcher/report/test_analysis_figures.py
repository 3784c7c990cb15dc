"""Plots: what they show, that they are images, and that an unchanged one is not drawn again."""

import math
import os
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import altair as alt
import jsonschema
import msgspec
import pytest

from truestrength.launcher.report.figures import contents
from truestrength.launcher.report.figures.contents import ParameterPlot, RankerPlot, TrialPlot, figure_data
from truestrength.launcher.report.figures.drawing import draw
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.figures.style import axis_label
from truestrength.launcher.report.trials import Sweep
from truestrength.trainer.contract.words import Method, Objective, Phase, Target


def make_pair(build):
    """Two small sweeps, one minimised and one over windows."""
    rolling = build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME, Phase.ROLLING)
    return [
        build.sweep(build.spec(Objective.RANK_RMSE), [0.80, 0.85, 0.82]),
        build.sweep(rolling, [0.7, 0.8], first_run=40),
    ]


def test_there_is_a_plot_for_everything(phase1):
    assert set(dict(figure_data(phase1))) == {
        *(f"{kind}_{objective}" for kind in ("trials", "parameters") for objective in Objective),
        "trials_phase1_rolling_spearman_playoff_outcome",
        "rankers_final_rank", "rankers_playoff_outcome", "thirds", "title_odds", "importances", "gains",
        "parallel_final_rank", "parallel_playoff_outcome", "front_final_rank", "front_playoff_outcome",
        "timeline",
    }  # fmt: skip


def test_every_description_is_valid_vega_lite(phase1):
    """The renderer itself passes over what it does not know."""
    for drawing in dict(figure_data(phase1)).values():
        alt.Chart.from_dict(draw(drawing))


def test_an_unknown_word_would_be_found():
    with pytest.raises(jsonschema.ValidationError):
        alt.Chart.from_dict({"mark": "point", "encoding": {"x": {"field": "a", "typo": 1}}})


def test_there_is_none_without_trials(build):
    assert dict(figure_data([build.sweep(build.spec(), [])])) == {}
    assert dict(figure_data([])) == {}


def test_a_minimised_objective_goes_down(build):
    panel = dict(figure_data(make_pair(build)))["trials_rank_rmse"].panels[0]
    values = [12 * (1 - skill) for skill in (0.80, 0.85, 0.82)]
    assert panel.values == tuple(values)
    assert panel.best_so_far == (values[0], values[1], values[1])
    assert panel.best_run == "run_026"
    assert panel.levels == {"best baseline (blend)": 12 * (1 - 0.83), "without training (expected)": 12 * (1 - 0.79)}


def test_rmse_says_that_lower_is_better():
    assert axis_label(Objective.RANK_RMSE) == "rank RMSE, places (lower is better)"
    assert axis_label(Objective.NDCG4) == "NDCG@4"


def test_a_rolling_plot_is_told_apart_by_windows(build):
    panel = dict(figure_data(make_pair(build)))["trials_phase1_rolling_spearman_playoff_outcome"].panels[0]
    assert panel.groups is not None
    assert all(group.startswith("windows [") for group in panel.groups)


def layers(chart):
    """The rows of each layer of a drawn panel, by the kind of its mark."""
    return [(layer["mark"]["type"], layer["data"]["values"]) for layer in chart["layer"]]


def test_the_drawn_points_are_the_trials(build):
    plot = dict(figure_data(make_pair(build)))["trials_rank_rmse"]
    [panel] = draw(plot)["hconcat"]
    [(line, best), (hollow, designed), (point, searched), *levels] = layers(panel)
    assert (line, hollow, point) == ("line", "point", "point")
    assert [row["value"] for row in (*designed, *searched)] == list(plot.panels[0].values)
    assert [row["mark"] for row in (*designed, *searched)] == ["#run_025", "#run_026", "#run_027"]
    assert [row["value"] for row in best] == list(plot.panels[0].best_so_far)
    assert [(kind, rows[0]["value"]) for kind, rows in levels] == [("rule", v) for v in plot.panels[0].levels.values()]
    assert "(lower is better), validation" in panel["layer"][0]["encoding"]["y"]["title"]


def test_the_start_design_is_hollow(build):
    sweep = build.sweep(build.spec(n_trials=12), [0.7 + i / 100 for i in range(12)])
    [panel] = draw(dict(figure_data([sweep]))["trials_spearman"])["hconcat"]
    _, hollow, filled, *_ = panel["layer"]
    assert [(layer["mark"]["filled"], len(layer["data"]["values"])) for layer in (hollow, filled)] == [
        (False, 10), (True, 2)
    ]  # fmt: skip
    random = build.sweep(build.spec(n_trials=12, method=Method.RANDOM), [0.7] * 12)
    [panel] = draw(dict(figure_data([random]))["trials_spearman"])["hconcat"]
    assert not panel["layer"][1]["data"]["values"]


def test_of_a_long_sweep_some_points_are_drawn_and_the_best_ones_are(build, monkeypatch):
    skills = [0.70, 0.71, 0.60, 0.61, 0.62, 0.80, 0.63, 0.64, 0.65, 0.66, 0.67, 0.68]
    sweep = build.sweep(build.spec(Objective.SPEARMAN, n_trials=12), skills)
    whole = dict(figure_data([sweep]))
    for name, most in {"MOST_TRIALS": 8, "MOST_SETTINGS": 8, "FEWEST_SHOWN": 1}.items():
        monkeypatch.setattr(contents, name, most)
    some = dict(figure_data([sweep]))
    [panel], [row] = some["trials_spearman"].panels, some["parameters_spearman"].rows
    [all_of_it] = whole["trials_spearman"].panels
    assert panel.slots == (0, 1, 2, 4, 5, 7, 9, 11)
    assert panel.values == tuple(all_of_it.values[slot] for slot in panel.slots)
    assert panel.best_so_far == tuple(all_of_it.best_so_far[slot] for slot in panel.slots)
    assert panel.best_run == all_of_it.best_run == "run_030"
    assert (row.best, row.values) == (4, panel.values)
    assert panel.title == row.title == f"{sweep.spec.batch_id} (8 of 12 trials)"
    assert all_of_it.title == sweep.spec.batch_id


def test_the_drawn_rankers_are_the_runs(build):
    held_out = build.metrics(0.75)
    plot = RankerPlot("run_025, final_rank", build.metrics(0.9).models, held_out.models)
    panels = draw(plot)["concat"]
    assert [panel["layer"][0]["encoding"]["x"]["title"] for panel in panels] == list(map(axis_label, Objective))
    for objective, panel in zip(Objective, panels, strict=True):
        shown = {row["ranker"]: row["value"] for row in layers(panel)[0][1] if row["series"] == "held-out season"}
        assert shown == {name: scores.of(objective) for name, scores in held_out.models.items()}


def test_a_far_off_baseline_is_written_down_and_a_far_off_model_is_drawn(build):
    metrics = build.metrics(0.9)
    everyone = metrics.models | metrics.baselines
    panel = draw(RankerPlot("run_025", everyone, None))["concat"][0]
    assert [row["text"] for kind, rows in layers(panel) if kind == "text" for row in rows] == ["< 0.550"]
    assert panel["layer"][0]["encoding"]["x"]["scale"]["domain"][0] > 0.55
    assert "last_season_rank" not in [row["ranker"] for row in layers(panel)[0][1]]
    bad = draw(RankerPlot("run_025", everyone | {"stack": build.scores(-0.5)}, None))["concat"][0]
    assert "text" not in dict(layers(bad))
    assert "domain" not in bad["layer"][0]["encoding"]["x"]["scale"]


@pytest.mark.parametrize("names", [["stack"], ["stack", "elo"], ["stack", "model_a", "model_b"]])
def test_few_rankers_are_drawn_as_they_are(build, names):
    metrics = build.metrics(0.9)
    chosen = {name: (metrics.models | metrics.baselines)[name] for name in names}
    panel = draw(RankerPlot("run_025", chosen, None))["concat"][0]
    assert [row["ranker"] for row in layers(panel)[0][1]] == names
    assert "text" not in dict(layers(panel))


def test_files_are_images_and_written_once(build, tmp_path):
    folder = tmp_path / "figures"
    sweeps = [msgspec.structs.replace(make_pair(build)[0], importances=None)]
    paths = draw_figures({folder: sweeps}, pytest.fail)[folder]
    assert paths["trials_rank_rmse"] == "figures/trials_rank_rmse.svg"
    assert sorted(f"figures/{path.name}" for path in folder.iterdir()) == sorted(paths.values())
    for path in paths.values():
        image = ElementTree.parse(tmp_path / path).getroot()
        assert image.tag == "{http://www.w3.org/2000/svg}svg"
        assert (image.get("role"), image.get("aria-label")) == ("img", Path(path).stem)
        assert min(float(image.get("width")), float(image.get("height"))) > 100
    before = {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    (folder / "trials_rank_rmse.svg").write_bytes(b"torn")
    draw_figures({folder: sweeps}, pytest.fail)
    after = {path.name: (path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    changed = {name for name in before if before[name][0] != after[name][0]}
    assert changed <= {"trials_rank_rmse.svg"}
    assert {name: content for name, (_, content) in before.items()} == {n: content for n, (_, content) in after.items()}


def test_a_plot_that_was_just_drawn_rests_and_a_missing_one_is_not_shown(build, tmp_path):
    folder = tmp_path / "figures"
    first, second = make_pair(build)
    assert draw_figures({folder: [just_begun(first)]}, pytest.fail, rest_s=3600)[folder] == {}
    paths = draw_figures({folder: [first]}, pytest.fail)[folder]
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}
    better = build.sweep(first.spec, [0.80, 0.85, 0.99])
    assert draw_figures({folder: [better, second]}, pytest.fail, rest_s=3600)[folder] == paths
    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    assert len(draw_figures({folder: [better, second]}, pytest.fail, rest_s=3600)[folder]) > len(paths)
    assert (folder / "trials_rank_rmse.svg").stat().st_ino != before["trials_rank_rmse.svg"]


def just_begun(sweep):
    trials = [msgspec.structs.replace(trial, started_at=datetime.now(UTC)) for trial in sweep.trials]
    return msgspec.structs.replace(sweep, trials=tuple(trials))


def test_another_value_is_another_file(build, tmp_path):
    def draw_and_read(skill):
        spec = build.spec(Objective.RANK_RMSE)
        lost = build.trial(spec, 0, skill, 25, metrics=None)
        draw_figures({tmp_path: [Sweep(spec=spec, standing="stopped", trials=(lost,))]}, pytest.fail)
        return (tmp_path / "trials_rank_rmse.svg").read_bytes()

    assert draw_and_read(0.80) != draw_and_read(0.81)


@pytest.mark.parametrize("values", [(math.nan,), (None, 0.5)])
def test_values_that_are_missing_leave_a_gap(build, values):
    panel = dict(figure_data(make_pair(build)))["trials_rank_rmse"].panels[0]
    gaps = msgspec.structs.replace(
        panel,
        runs=("run_025", "run_026")[: len(values)],
        slots=tuple(range(len(values))),
        values=values,
        best_so_far=values,
        levels={},
    )
    [panel] = draw(TrialPlot(Objective.RANK_RMSE, (gaps,)))["hconcat"]
    assert layers(panel)[1][1][0]["value"] is None


def test_categories_and_numbers_are_both_axes(build):
    spec = build.spec(Objective.SPEARMAN, Target.PLAYOFF_OUTCOME, Phase.ROLLING)
    row = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))["parameters_spearman"].rows[0]
    assert "subsample" not in row.parameters
    assert all(isinstance(value, float) for value in row.parameters["max_depth"])
    windows = {"rolling_windows": ("[10]", "[10, 30]"), **row.parameters}
    chart = draw(ParameterPlot(spec.objective, (msgspec.structs.replace(row, parameters=windows),)))
    axes = [panel["layer"][0]["encoding"]["x"] for panel in chart["vconcat"][0]["hconcat"]]
    assert [axis["title"] for axis in axes] == list(windows)
    assert [axis["type"] for axis in axes][:2] == ["nominal", "quantitative"]


def test_a_trial_without_a_parameter_is_not_drawn_for_it(build):
    row = dict(figure_data([build.sweep(build.spec(), [0.7, 0.8])]))["parameters_spearman"].rows[0]
    parameters = {"max_depth": (3.0, 4.0), "dropout": (0.1, None), "windows": (None, None)}
    there = msgspec.structs.replace(row, parameters=parameters, best=1)
    [line] = draw(ParameterPlot(Objective.SPEARMAN, (there,)))["vconcat"]
    panels = [[rows for _, rows in layers(panel)] for panel in line["hconcat"]]
    assert [[row["setting"] for row in rows] for rows in panels[0]] == [[3.0, 4.0], [4.0]]
    assert [[row["setting"] for row in rows] for rows in panels[1]] == [[0.1]]
    assert len(panels) == 2
