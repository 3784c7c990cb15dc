"""The page as a new user meets it: its first screen answers what won, whether by chance, and what failed; and a team
can be picked from the course of a season.
"""

import datetime as dt
import runpy
from pathlib import Path

import msgspec
import polars as pl
import pytest

from tests.support.browser import chromium
from tests.support.places import REPOSITORY
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import BASELINES, Gain
from truestrength.trainer.contract.words import Objective

TEAMS = 6
IN_VIEW = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth;
"""
PICK = """
const chart = document.querySelector('[data-chart="course_final_rank"]');
const list = chart.previousElementSibling.querySelector("select");
list.value = arguments[0];
list.dispatchEvent(new Event("change"));
return [list.options.length, [...new Set([...chart.querySelectorAll(".picked")].map(mark => mark.dataset.mark))]];
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Phase I with a failure, with gains that are known, and the predictions of one best run."""
    build = runpy.run_path(str(REPOSITORY / "tests/unit/launcher/report/conftest.py"))
    first, *others = (_with_gains(sweep) for sweep in build["make_phase1"](n_trials=3, skill=0.84))
    outputs = OutputsRoot(tmp_path_factory.mktemp("outputs"))
    lost = build["make_failed"](first.spec, 1, 999, "ValueError: the loss is not a number")
    sweeps = [msgspec.structs.replace(first, trials=(*first.trials, lost)), *others]
    sweeps = [msgspec.structs.replace(s, folder=str(outputs.sweep(s.spec.batch_id).folder)) for s in sweeps]
    for sweep in sweeps:
        for trial in sweep.complete:
            _predictions(outputs.sweep(sweep.spec.batch_id).run(trial.run_id).predictions)
    drawn = draw_figures({outputs.figures: sweeps}, pytest.fail, courses=outputs.figures)[outputs.figures]
    charts = {name: (outputs.sweeps / path).read_text() for name, path in drawn.items()}
    planned = [sweep.spec.batch_id for sweep in sweeps]
    outputs.page.write_text(page(Facts(sweeps, planned, None, charts, "Data: x.", outputs, outputs.sweeps)))
    return outputs.page


def _with_gains(sweep):
    gains = {name: dict.fromkeys(map(str, Objective), Gain(0.01, -0.001, 0.02)) for name in BASELINES}
    measured = [msgspec.structs.replace(trial.metrics, gains=gains) for trial in sweep.trials]
    trials = [msgspec.structs.replace(t, metrics=m) for t, m in zip(sweep.trials, measured, strict=True)]
    return msgspec.structs.replace(sweep, trials=tuple(trials))


def _predictions(path: Path):
    path.parent.mkdir(parents=True, exist_ok=True)
    dates = [dt.date(2022, 11, 8) + dt.timedelta(days=day) for day in range(4)]
    rows = [
        {"season": "2022-23", "date": date, "team_id": team, "conference": "East" if team % 2 else "West",
         "predicted_rank": (team + day) % TEAMS + 1, "target_rank": team + 1}
        for day, date in enumerate(dates) for team in range(TEAMS)
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(path)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (360, 740)])
def test_the_first_screen_says_what_won_whether_by_chance_and_what_failed(browser, report, width, height):
    browser.open(report, width=width, height=height)
    text = browser.run("return document.querySelector('.verdict').innerText")
    assert text.count(" won (sweep phase1_") == 2
    assert "by no more than chance (" in text
    assert "All 13 sweeps are complete, 1 attempt failed: " in text
    assert browser.run(IN_VIEW, ".verdict")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out sideways"
    reasons = browser.run("return document.querySelector('.reasons').innerText")
    assert reasons == "1 \N{MULTIPLICATION SIGN} ValueError: the loss is not a number"


def test_a_team_can_be_picked_from_the_course_of_a_season(browser, report):
    browser.open(report)
    assert browser.run(PICK, "3") == [TEAMS + 1, ["3"]]
    assert browser.console() == []
