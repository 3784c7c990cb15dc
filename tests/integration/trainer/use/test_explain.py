"""`trainer explain`: parts of a strength, by name, that add up to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import polars as pl
import pytest

from tests.integration.trainer.use.conftest import MIDDLE
from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.records.metrics import BASE_MODELS
from truestrength.trainer.data.league import League
from truestrength.trainer.models import boosting, forest
from truestrength.trainer.models.attribution import attribution
from truestrength.trainer.models.team_rows import context_rows, expected_rows
from truestrength.trainer.use.contributions import AVERAGE_PLAYERS, Explanation, by_name, explain
from truestrength.trainer.use.forecast import predict
from truestrength.trainer.use.ranked_date import RankedDate, rank_date
from truestrength.trainer.use.saved_run import SavedRun


@pytest.fixture(scope="module")
def ranked(run: SavedRun) -> RankedDate:
    return rank_date(run, None, MIDDLE)


@pytest.fixture(scope="module")
def explanation(run: SavedRun) -> Explanation:
    return explain(run, None, MIDDLE)


def test_the_parts_add_up_to_every_teams_score(explanation: Explanation, ranked: RankedDate, run: SavedRun) -> None:
    assert [team.score for team in explanation.teams] == sorted(ranked.stack.tolist(), reverse=True)
    for team in explanation.teams:
        assert sum(part.score for part in team.parts) == pytest.approx(team.score, abs=1e-4)
        assert sum(part.points for part in team.parts) == pytest.approx(team.strength, abs=1e-4)
        assert sum(row.total for row in by_name(team)) == pytest.approx(team.strength, abs=1e-4)
    predicted = {team.team: team.strength for team in predict(run, None, MIDDLE).teams}
    assert {team.team: team.strength for team in explanation.teams} == pytest.approx(predicted)


def test_each_models_parts_add_up_to_its_own_part_of_the_stack(explanation: Explanation, ranked: RankedDate) -> None:
    order = np.argsort(-ranked.stack)
    for model in BASE_MODELS:
        scores = ranked.scores[model]
        own = explanation.stack_weights[model] * (scores - scores.mean()) / scores.std()
        found = [sum(part.score for part in team.parts if part.model == model) for team in explanation.teams]
        assert found == pytest.approx(own[order].tolist(), abs=1e-4), model


def test_parts_of_the_raw_scores(ranked: RankedDate) -> None:
    models, lists, batches = ranked.run.models, ranked.read.lists, ranked.read.batches
    description, rows = models.description, context_rows(batches, lists)
    expected = expected_rows(batches, lists, description.target)
    of_b = boosting.contributions(boosting.load(models.model_b), rows, description.rounds)
    assert np.allclose(of_b.sum(axis=1) + expected, ranked.scores["model_b"], atol=1e-5)
    of_c = forest.contributions(models.model_c, rows, description.trees)
    assert np.allclose(of_c.sum(axis=1) + expected, ranked.scores["model_c"], atol=1e-5)
    of_a = attribution(models.model_a, description.target, description.hidden, batches, lists)
    whole = of_a.players.sum(axis=2) + of_a.context.sum(axis=2) + of_a.average
    assert np.allclose(whole[batches.team_mask[lists]], ranked.scores["model_a"], atol=1e-5)
    assert np.ptp(of_a.average) < 1e-6
    assert np.abs(of_a.players).max() > 1e-4
    shares = of_a.attention[batches.team_mask[lists]]
    assert shares.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_a_forests_parts_are_the_changes_on_the_way_down() -> None:
    tree = {
        "n_nodes": np.array([5]),
        "feature": np.array([1, 0, -1, -1, -1]),
        "threshold": np.array([0.5, 2.0, 0, 0, 0]),
        "left": np.array([1, 3, -1, -1, -1]),
        "right": np.array([2, 4, -1, -1, -1]),
        "value": np.array([1.0, 0.5, 3.0, 0.0, 0.75], dtype=np.float32),
    }
    rows = np.array([[1.0, 0.0], [3.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    assert forest.contributions(tree, rows, 1).tolist() == [[-0.5, -0.5, 1.0], [0.25, -0.5, 1.0], [0.0, 2.0, 1.0]]


def test_players_are_those_of_the_team_who_played_before(explanation: Explanation, league: League) -> None:
    own = league.player_games.filter(
        pl.col("season") == "2018-19", pl.col("season_type") == "regular", pl.col("date") < MIDDLE
    )
    last = own.sort("date").group_by("player_name", "player_id").agg(pl.col("team_id").last())
    abbreviation = dict(league.teams.select("team_id", "abbreviation").iter_rows())
    teams = {(name, abbreviation[team]) for name, team in last.select("player_name", "team_id").iter_rows()}
    for team in explanation.teams:
        names = [part.name for part in team.parts if part.kind == "player" and part.name != AVERAGE_PLAYERS]
        assert 8 <= len(names) <= 15
        assert all((name, team.team) in teams for name in names)
        assert sum(part.attention or 0 for part in team.parts) == pytest.approx(1.0, abs=1e-5)


def test_the_expected_rank_has_its_own_part(explanation: Explanation, ranked: RankedDate) -> None:
    best = explanation.teams[0]
    own = {part.model: part for part in best.parts if part.kind == "expected"}
    assert set(own) == set(BASE_MODELS)
    assert {part.name for part in own.values()} == {"expected_rank"}
    column = ranked.read.batches.context_columns.index("expected_rank")
    values = context_rows(ranked.read.batches, ranked.read.lists)[:, column]
    assert own["model_b"].value == pytest.approx(values[np.argmax(ranked.stack)])
    assert best.points("expected") > best.points("context") > 0


def test_the_other_target_begins_with_the_expected_place(make_run: Callable[..., SavedRun], demo_league: Path) -> None:
    run = make_run(demo_league, **{"training.listmle_target": "playoff_outcome"})
    for team in explain(run, None, MIDDLE).teams:
        assert {part.name for part in team.parts if part.kind == "expected"} == {"expected_place"}
        assert sum(part.score for part in team.parts) == pytest.approx(team.score, abs=1e-4)


def test_without_a_date_it_is_the_middle_of_the_last_validation_season(run: SavedRun) -> None:
    assert explain(run, None, None).season == "2018-19"
    assert date(2018, 12, 20) < date.fromisoformat(explain(run, None, None).as_of) < date(2019, 2, 20)


def command(*words: str) -> int:
    return command_line.main(parser(), words)


def test_the_command_prints_tables_json_and_a_chart(
    run: SavedRun, outputs_root: Path, explanation: Explanation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("explain", run.name, "--as-of", str(MIDDLE), "--outputs", str(outputs_root))
    assert command(*words, "--chart", str(tmp_path / "all.svg")) == 0
    short = capsys.readouterr().out
    assert all(team.name in short for team in explanation.teams)
    best = explanation.teams[0]
    assert command(*words, "--team", best.team.lower(), "--chart", str(tmp_path / "one.svg")) == 0
    table = capsys.readouterr().out
    assert table.startswith(f"{best.name} ({best.team}), rank 1: 2018-19 as of {MIDDLE}, by run_025")
    assert all(part.name in table for part in best.parts)
    assert re.search(rf"\nall .* {best.strength:+.2f}\n".replace("+", r"\+"), table)
    for name in ("all.svg", "one.svg"):
        root = ElementTree.parse(tmp_path / name).getroot()
        assert str(MIDDLE) in root.attrib["aria-label"]
        assert root.attrib["role"] == "img"
        texts = {element.text for element in root.iter() if element.text}
        assert (best.team if name == "all.svg" else "expected_rank") in texts
    assert command(*words, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Explanation) == explanation


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--team", "QQQ"], "--team QQQ: no such team in 2018-19: .*Allowed: ALD, "),
        (["--chart", "chart.png"], "--chart chart.png: the chart is an SVG file: name it chart.svg"),
        (["--as-of", "2014-01-01"], "the league's first season"),
    ],
)
def test_a_mistake_is_said(
    words: list[str], said: str, run: SavedRun, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("explain", "25", *words, "--outputs", str(outputs_root)) == 2
    found = capsys.readouterr()
    assert not found.out
    assert re.search(said, found.err), found.err


def test_saved_explanations_stay_and_one_that_fails_stops_none(
    make_run: Callable[..., SavedRun], demo_league: Path, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(demo_league, **{"training.seed": 11})
    assert command("explain", "999", run.name, "--save", "--outputs", str(outputs_root)) == 2
    found = capsys.readouterr()
    assert found.out == f"{run.paths.contributions}\n"
    assert "999: no such run" in found.err
    assert run.paths.contributions_chart.read_text().startswith("<svg role=")
    before = run.paths.contributions.stat().st_mtime_ns
    assert command("explain", run.name, "--save", "--outputs", str(outputs_root)) == 0
    assert run.paths.contributions.stat().st_mtime_ns == before


def test_flags_that_do_not_go_together_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("explain", "25", "26") == 2
    assert "2 runs: one is explained at a time, or several with --save" in capsys.readouterr().err
    assert command("explain", "25", "--save", "--as-of", "2024-01-01") == 2
    assert "no --as-of with it" in capsys.readouterr().err
