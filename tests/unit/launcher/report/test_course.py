"""The chart of a season's course: every rank at every date can be read back from it, and each line is a team's."""

import datetime as dt
from pathlib import Path

import altair as alt
import msgspec
import polars as pl
import pytest

from truestrength.launcher.report.figures.drawing import draw
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.figures.standing import course_plots
from truestrength.trainer.contract.paths.outputs import SweepPaths

DATES = [dt.date(2022, 11, 8) + dt.timedelta(days=day) for day in range(5)]
RANKS = {1: (1, 1, 2, 2, 1), 2: (2, 2, 1, 1, 2), 3: (3, 4, 4, 3, 3), 4: (4, 3, 3, 4, 4)}
FINAL = {1: 2, 2: 1, 3: 3, 4: 4}


@pytest.fixture
def sweep(build, tmp_path):
    """One run with predictions of a season of four teams, two in each conference."""
    found = msgspec.structs.replace(build.sweep(build.spec(n_trials=1), [0.8]), folder=str(tmp_path / "sweep"))
    path = SweepPaths(tmp_path / "sweep").run(25).predictions
    path.parent.mkdir(parents=True)
    rows = [
        {"season": "2022-23", "date": date, "team_id": team, "conference": "East" if team < 3 else "West",
         "predicted_rank": RANKS[team][day], "target_rank": FINAL[team]}
        for day, date in enumerate(DATES) for team in RANKS
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(path)
    return found


def panels(sweep):
    return draw(dict(course_plots([sweep]))["course_final_rank"])["concat"]


def ranks(line):
    """The ranks of one line on all dates: what is left out is as the date before."""
    found, known = [], None
    for date in DATES:
        known = line.get(str(date), known)
        found.append(known)
    return tuple(found)


def test_every_rank_on_every_date_is_in_it(sweep):
    drawn = {}
    for panel in panels(sweep):
        for row in panel["layer"][0]["data"]["values"]:
            drawn.setdefault(row["team"], {})[row["date"]] = row["rank"]
    assert {int(team): ranks(line) for team, line in drawn.items()} == RANKS
    assert sum(map(len, drawn.values())) < len(DATES) * len(RANKS), "dates without a change are left out"


def test_the_end_of_a_line_is_the_final_rank(sweep):
    ends = [row for panel in panels(sweep) for row in panel["layer"][1]["data"]["values"]]
    assert {int(row["team"]): row["rank"] for row in ends} == FINAL
    assert {row["date"] for row in ends} == {str(DATES[-1])}


def test_a_team_can_be_picked_by_its_name(sweep, tmp_path):
    teams = tmp_path / "league" / "teams.parquet"
    teams.parent.mkdir()
    names = ["AAA", "<b>", "CCC", None]
    pl.DataFrame({"team_id": [1, 2, 3, 4], "abbreviation": names}).write_parquet(teams)
    config = sweep.spec.config
    paths = msgspec.structs.replace(config.paths, data=str(teams.parent))
    spec = msgspec.structs.replace(sweep.spec, config=msgspec.structs.replace(config, paths=paths))
    named = msgspec.structs.replace(sweep, spec=spec)
    marks = [row["mark"] for panel in panels(named) for layer in panel["layer"] for row in layer["data"]["values"]]
    assert set(marks) == {"#AAA", "#<b>", "#CCC", "#4"}
    figures = tmp_path / "figures"
    assert "course_final_rank" in draw_figures({figures: [named]}, pytest.fail, courses=figures)[figures]
    drawn = (figures / "course_final_rank.svg").read_text()
    assert 'aria-label="#AAA"' in drawn or 'data-mark="AAA"' in drawn
    assert "<b>" not in drawn


def test_it_is_valid_vega_lite(sweep):
    alt.Chart.from_dict(draw(dict(course_plots([sweep]))["course_final_rank"]))


def test_a_run_whose_predictions_are_gone_has_none(sweep):
    SweepPaths(Path(sweep.folder)).run(25).predictions.unlink()
    assert dict(course_plots([sweep])) == {}
