"""The part on sweeps: the bar of each budget adds up, and the best run stands beside baseline and no training."""

import msgspec

from truestrength.launcher.report.figures.contents import figure_data
from truestrength.launcher.report.figures.drawing import draw
from truestrength.launcher.report.figures.standing import BEST_BASELINE, UNTRAINED
from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.page.parts import sweeps as own_part
from truestrength.launcher.report.trials import Slot
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import BASELINES, Gain
from truestrength.trainer.contract.words import Objective


def rows(sweeps, tmp_path, planned=None):
    outputs = OutputsRoot(tmp_path)
    names = planned or [sweep.spec.batch_id for sweep in sweeps]
    return own_part.part(Facts(sweeps, names, None, {}, "", outputs, outputs.sweeps)).data["rows"]


def with_gains(sweep, low, high):
    own = {name: dict.fromkeys(map(str, Objective), Gain((low + high) / 2, low, high)) for name in BASELINES}
    trials = [
        msgspec.structs.replace(trial, metrics=msgspec.structs.replace(trial.metrics, gains=own))
        for trial in sweep.trials
    ]
    return msgspec.structs.replace(sweep, trials=tuple(trials))


def test_the_bar_has_every_slot_once(build, tmp_path):
    sweep = build.sweep(build.spec(n_trials=20), [0.8, 0.81, 0.82])
    lost = build.failed(sweep.spec, 3, 40, "NaN")
    sweep = msgspec.structs.replace(
        sweep, standing="running", running=2, given_up=1, trials=(*sweep.trials, lost),
        not_needed=(Slot(19, 0), Slot(18, 0)), missing=frozenset({25}),
    )  # fmt: skip
    [row] = rows([sweep], tmp_path)
    found = {one.kind: one.slots for one in row["bar"]}
    assert found == {"done": 2, "running": 2, "given up": 1, "not needed": 2, "missing": 1, "waiting": 12}
    assert sum(one.percent for one in row["bar"]) == 100
    assert row["said"] == "running: 2 done, 2 running, 1 given up, 2 not needed, 1 missing, 12 waiting"
    assert row["failed"] == "1 failed"


def test_the_best_run_stands_beside_baseline_and_no_training(build, tmp_path):
    [row] = rows([with_gains(build.sweep(build.spec(), [0.84]), -0.01, 0.03)], tmp_path)
    assert (row["value"], row["run"]) == ("0.8400", "run_025")
    assert row["baseline"] == "blend +0.0100 (-0.0100 to +0.0300)"
    assert row["untrained"] == "+0.0500 (-0.0100 to +0.0300)"
    assert row["page"] == "phase1_spearman_final_rank/report.html"


def test_a_sweep_that_has_not_begun_has_a_row(build, tmp_path):
    [_, row] = rows([build.sweep(build.spec(), [])], tmp_path, ["phase1_spearman_final_rank", "later"])
    assert (row["sweep"], row["said"], row["value"], row["page"]) == ("later", "not begun", "-", "")


def test_gains_are_drawn_with_their_intervals_and_zero(phase1):
    sweeps = [with_gains(sweep, 0.001, 0.02) for sweep in phase1]
    plot = dict(figure_data(sweeps))["gains"]
    assert {row.against for row in plot.rows} == {BEST_BASELINE, UNTRAINED}
    assert len(plot.rows) == 2 * len(sweeps)
    panels = [panel for row in draw(plot)["vconcat"] for panel in row["hconcat"]]
    assert len(panels) == 4, "places have axes of their own"
    for panel in panels:
        zero, interval, points = panel["layer"]
        assert zero["data"]["values"] == [{"gain": 0}]
        assert [(row["low"], row["high"]) for row in interval["data"]["values"]] == [(0.001, 0.02)] * len(
            points["data"]["values"]
        )
    marks = {row["mark"] for panel in panels for row in panel["layer"][2]["data"]["values"]}
    assert marks == {f"#{row.run}" for row in plot.rows}


def test_a_gain_in_places_is_better_to_the_right(build):
    sweep = build.sweep(build.spec(Objective.RANK_RMSE), [0.9])
    for row in dict(figure_data([sweep]))["gains"].rows:
        assert row.gain > 0
        assert row.low is None
