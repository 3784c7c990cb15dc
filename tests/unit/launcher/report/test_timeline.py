"""Workers over time: every attempt that ended is in the chart, at its worker and as it ended, however many."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import altair as alt
import msgspec
import pytest

from tests.unit.launcher.report.test_cost import cost
from truestrength.launcher.report.figures.contents import figure_data
from truestrength.launcher.report.figures.drawing import draw
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.figures.timeline import WAITED
from truestrength.launcher.report.figures.workers import MOST_BARS, MOST_WORKERS, joined, worker_plot

START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


def at(trial, begin_s, end_s, **changes):
    moments = {"started_at": START + dt.timedelta(seconds=begin_s), "finished_at": START + dt.timedelta(seconds=end_s)}
    return msgspec.structs.replace(trial, **moments, **changes)


@pytest.fixture
def troubled(build):
    """A worker that dies and one that tries its slot again, after it has waited for a build."""
    sweep = build.sweep(build.spec(n_trials=3), [0.7, 0.8])
    one, two = sweep.trials
    dead = msgspec.structs.replace(build.failed(sweep.spec, 2, 40, "no sign of life", "dead"), host="node-1", pid=11)
    trials = (
        at(one, 0, 60, pid=11),
        at(dead, 60, 180, job_id="7_0"),
        at(two, 0, 120, pid=12, cost=cost(120, 200, waited_seconds=30.0)),
        at(two, 180, 240, pid=12, slot=2, attempt=2, run_id=41),
    )
    return msgspec.structs.replace(sweep, trials=trials)


def layers(sweep):
    return draw(dict(figure_data([sweep]))["timeline"])["layer"]


def test_a_bar_for_each_attempt_at_its_worker(troubled):
    bars, waits, deaths, again = (layer["data"]["values"] for layer in layers(troubled))
    found = {(row["worker"], row["state"], row["begin"], row["end"], row["mark"]) for row in bars}
    assert found == {
        ("node-1 7_0 pid 11", "complete", 0, 1, "#run_025"),
        ("node-1 7_0 pid 11", "dead", 1, 3, "#run_040"),
        ("node-1 7_0 pid 12", "complete", 0, 2, "#run_026"),
        ("node-1 7_0 pid 12", "complete", 3, 4, "#run_041"),
    }
    assert [(row["state"], row["begin"], row["end"]) for row in waits] == [(WAITED, 0, 0.5)]
    assert [row["mark"] for row in deaths] == ["#run_040"]
    assert [row["mark"] for row in again] == ["#run_041"]


@pytest.mark.parametrize(("seconds", "unit", "end"), [(90, "seconds", 90), (600, "minutes", 10), (36000, "hours", 10)])
def test_the_unit_suits_the_length(build, seconds, unit, end):
    sweep = build.sweep(build.spec(n_trials=1), [0.7])
    (bars,) = layers(msgspec.structs.replace(sweep, trials=(at(sweep.trials[0], 0, seconds),)))
    assert bars["data"]["values"][0]["end"] == end
    assert bars["encoding"]["x"]["title"] == f"{unit} since the first attempt began"


def test_it_is_a_vega_lite_chart_that_can_be_drawn(troubled, tmp_path):
    alt.Chart.from_dict(draw(dict(figure_data([troubled]))["timeline"]))
    draw_figures({tmp_path / "figures": [troubled]}, pytest.fail)
    drawn = Path(tmp_path / "figures/timeline.svg").read_text()
    assert 'data-mark="run_040"' in drawn
    assert WAITED in drawn


def test_of_ten_thousand_attempts_none_is_left_out_and_no_death_is_hid(build):
    sweep = build.sweep(build.spec(n_trials=10_000), [0.8])
    (one,) = sweep.trials
    trials = [at(one, 2 * i, 2 * i + 1.9, pid=i % 8, slot=i) for i in range(10_000)]
    trials[5000] = msgspec.structs.replace(trials[5000], state="dead")
    plot = worker_plot([msgspec.structs.replace(sweep, trials=tuple(trials))])
    bars = [bar for row in plot.rows for bar in row.bars]
    assert len(bars) <= MOST_BARS
    assert sum(bar.attempts for bar in bars) == 10_000
    assert [(bar.attempts, bar.begin) for bar in bars if bar.state == "dead"] == [(1, pytest.approx(10_000 / 60))]
    assert joined(plot)


def test_of_many_workers_those_with_trouble_are_shown(build):
    sweep = build.sweep(build.spec(n_trials=100), [0.8])
    trials = [at(sweep.trials[0], i, i + 1, pid=i, slot=i) for i in range(100)]
    trials[99] = msgspec.structs.replace(trials[99], state="failed")
    plot = worker_plot([msgspec.structs.replace(sweep, trials=tuple(trials))])
    assert (len(plot.rows), plot.workers) == (MOST_WORKERS, 100)
    assert plot.rows[-1].worker.endswith("pid 99")


def test_nothing_has_ended(build):
    assert worker_plot([build.sweep(build.spec(), [])]) is None
