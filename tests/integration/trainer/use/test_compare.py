"""`compare`: runs side by side, and their gains date by date."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from truestrength.trainer.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.words import Objective
from truestrength.trainer.data.demo import demo
from truestrength.trainer.use.comparison import Comparison, compare
from truestrength.trainer.use.saved_run import SavedRun


@pytest.fixture(scope="module")
def other(make_run: Callable[..., SavedRun], demo_league: Path) -> SavedRun:
    """The same with other trees and a seed of its own."""
    return make_run(demo_league, **{"training.seed": 8, "model_b.max_depth": 3})


@pytest.fixture(scope="module")
def by_place(make_run: Callable[..., SavedRun], demo_league: Path) -> SavedRun:
    """Ranked by the playoff outcome."""
    return make_run(demo_league, **{"training.listmle_target": "playoff_outcome"})


@pytest.fixture
def with_predictions(tmp_path: Path) -> Callable[[SavedRun, pl.DataFrame], SavedRun]:
    """A run with other predictions."""

    def make(run: SavedRun, predictions: pl.DataFrame) -> SavedRun:
        changed = dataclasses.replace(run, paths=dataclasses.replace(run.paths, folder=tmp_path))
        predictions.write_parquet(changed.paths.predictions)
        return changed

    return make


def test_only_what_differs_and_the_figures_of_both(run: SavedRun, other: SavedRun) -> None:
    found = compare([run, other])
    assert found.parameters == {"training.seed": (7, 8), "model_b.max_depth": (4, 3)}
    assert [one.run for one in found.runs] == [run.name, other.name]
    assert [one.validation for one in found.runs] == [run.metrics.objectives, other.metrics.objectives]
    assert found.unpaired is None


def test_mean_gains_are_the_differences_of_the_metrics(run: SavedRun, other: SavedRun) -> None:
    """Both runs' means are over the same dates, so the paired mean is their difference, and has an interval."""
    (gains,) = compare([run, other]).gains.values()
    for objective in Objective:
        sign = -1 if objective is Objective.RANK_RMSE else 1
        wanted = sign * (other.metrics.objectives.of(objective) - run.metrics.objectives.of(objective))
        found = gains[objective.value]
        assert found.mean == pytest.approx(wanted, abs=1e-9)
        assert found.low <= found.mean <= found.high
        assert found.high > found.low


def test_a_run_gains_nothing_over_its_copy(run: SavedRun, tmp_path: Path) -> None:
    copy = dataclasses.replace(run, paths=dataclasses.replace(run.paths, folder=tmp_path))
    shutil.copy(run.paths.predictions, tmp_path)
    found = compare([run, copy])
    assert found.parameters == {}
    assert list(found.gains) == [str(tmp_path)]  # the names are the same
    assert {(gain.mean, gain.low, gain.high) for gain in found.gains[str(tmp_path)].values()} == {(0.0, 0.0, 0.0)}


def test_a_ranking_turned_round_is_much_worse(
    run: SavedRun, with_predictions: Callable[[SavedRun, pl.DataFrame], SavedRun]
) -> None:
    worse = with_predictions(run, run.predictions.with_columns(stack=-pl.col("stack")))
    (gains,) = compare([run, worse]).gains.values()
    assert gains["spearman"].high < -1
    assert gains["rank_rmse"].high < -3


def test_only_common_dates_are_paired(
    run: SavedRun, other: SavedRun, with_predictions: Callable[[SavedRun, pl.DataFrame], SavedRun]
) -> None:
    last = pl.col("season") == max(run.metrics.seasons)
    (gains,) = compare([run, with_predictions(other, other.predictions.filter(last))]).gains.values()
    means = [_spearman(one.predictions.filter(last)) for one in (run, other)]
    assert gains["spearman"].mean == pytest.approx(means[1] - means[0], abs=1e-9)


def _spearman(rows: pl.DataFrame) -> float:
    each = [
        pl.DataFrame({"a": -day["stack"], "b": day["target_rank"]}).select(pl.corr("a", "b", method="spearman")).item()
        for (_,), day in rows.group_by("date")
    ]
    return float(np.mean(each))


def test_other_targets_are_not_paired(run: SavedRun, by_place: SavedRun) -> None:
    found = compare([run, by_place])
    assert found.gains == {}
    assert found.unpaired is not None
    assert "rank by different targets" in found.unpaired
    assert "training.listmle_target" in found.parameters


def command(*words: str) -> int:
    return command_line.main(parser(), words)


def test_the_command_prints_tables_and_json(
    run: SavedRun, other: SavedRun, by_place: SavedRun, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("compare", run.name, other.name, "--outputs", str(outputs_root))
    assert command(*words) == 0
    table = capsys.readouterr().out
    assert re.search(r"model_b.max_depth +4 +3\n", table)
    assert re.search(
        rf"spearman +{run.metrics.objectives.spearman:.4f} +{other.metrics.objectives.spearman:.4f}", table
    )
    assert f"{other.name} over {run.name}" in table
    assert command(*words, "--json") == 0
    wanted = msgspec.json.decode(msgspec.json.encode(compare([run, other])), type=Comparison)
    assert msgspec.json.decode(capsys.readouterr().out, type=Comparison) == wanted
    assert command("compare", run.name, by_place.name, "--outputs", str(outputs_root)) == 0
    assert "No gain can be told: the runs rank by different targets" in capsys.readouterr().out


def test_the_launcher_has_the_same_command(run: SavedRun, other: SavedRun, outputs_root: Path) -> None:
    launcher = [sys.executable, "-m", "launcher", "compare"]
    words = [run.name, other.name, "--outputs", str(outputs_root), "--json"]
    done = subprocess.run([*launcher, *words], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["parameters"]["training.seed"] == [7, 8]
    done = subprocess.run([*launcher, "999", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "999: no such run" in done.stderr


@pytest.mark.parametrize("words", [["25"], ["25", "25"], ["25", "run_025"]])
def test_one_run_is_not_compared(
    words: list[str], run: SavedRun, outputs_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("compare", *words, "--outputs", str(outputs_root)) == 2
    assert "at least two runs are compared, each named once" in capsys.readouterr().err


def test_a_league_without_the_seasons_end_is_said(run: SavedRun, other: SavedRun, tmp_path: Path) -> None:
    demo(tmp_path / "others", seed=4, seasons=3)
    with pytest.raises(DataError, match="does not say how the season 2018-19 of the runs ended"):
        compare([run, other], tmp_path / "others")
