"""`truestrength.results`: sweeps and runs from their files, and the notebook that shows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient

from tests.support.places import REPOSITORY
from tests.support.small_sweep import SMALL, small_sweep
from truestrength import results
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.errors import DataError, UserError
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.data.demo import demo

ROOT = Path("out")


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project_database: str, ledger: Ledger) -> Path:
    """Three trials of a sweep, with tables, in the current folder's `out`; and a sweep that has none."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(SMALL)
    demo(Path("league"), seed=3, seasons=4)
    ledger.register(small_sweep(), OutputsRoot(ROOT))
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", "small", "--threads", "2"]
    subprocess.run(command, check=True, capture_output=True)
    write_sweep_results(ledger, "small", OutputsRoot(ROOT))
    OutputsRoot(ROOT).sweep("unborn").folder.mkdir()
    return tmp_path


def test_what_is_read_back_without_a_database(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    _check_table()
    _check_best()
    _check_ranking()
    _check_mistakes()
    _check_damage()


def _check_table() -> None:
    trials = results.load(str(ROOT))
    assert trials.columns[:6] == ["batch_id", "objective", "target", "phase", "method", "run_id"]
    assert trials["state"].to_list() == ["complete"] * 3
    assert set(trials["batch_id"]) == {"small"}
    for folder, value in trials.select("folder", "value").iter_rows():
        assert results.load_run(Path(folder)).metrics.objectives.spearman == pytest.approx(value)


def _check_best() -> None:
    trials = results.load(ROOT)
    best = results.best(ROOT, "small")
    assert best.metrics.objectives.spearman == trials["value"].max()
    worst_error = results.best(ROOT, "small", "rank_rmse")
    assert worst_error.metrics.objectives.rank_rmse == trials["rank_rmse"].min()
    assert best.predictions["season"].unique().to_list() == list(best.metrics.seasons)
    assert best.models.description.target == "final_rank"


def _check_ranking() -> None:
    best = results.best(ROOT, "small")
    days = best.predictions["date"].unique().sort()
    ranked = results.predict(best, days[30])
    wanted = best.predictions.filter(pl.col("date") == days[30]).sort("predicted_rank")
    assert ranked["team_id"].to_list() == wanted["team_id"].to_list()


def _check_mistakes() -> None:
    for call, said in (
        (lambda: results.load("nowhere"), "nowhere: no tables of sweeps here"),
        (lambda: results.best(ROOT, "smal"), "smal: no such sweep in out: did you mean 'small'"),
        (lambda: results.best(ROOT, "unborn"), "unborn: no such sweep in out"),
        (lambda: results.best(ROOT, "small", "spearmn"), "spearmn: no such objective: did you mean 'spearman'"),
    ):
        with pytest.raises(UserError, match=said):
            call()


def _check_damage() -> None:
    paths = OutputsRoot(ROOT).sweep("small")
    asked = json.loads(paths.config.read_text())
    paths.config.write_text(json.dumps({**asked, "objective": "beauty"}))
    with pytest.raises(DataError, match=r"sweep_config.json: cannot be read: .*Write it again"):
        results.load(ROOT)
    paths.config.write_text(json.dumps(asked))
    paths.best_configs.write_text("{")
    with pytest.raises(DataError, match=r"best_config_by_objective.json: cannot be read"):
        results.best(ROOT, "small")
    shutil.rmtree(paths.folder)
    with pytest.raises(UserError, match="no tables of sweeps here"):
        results.load(ROOT)


@pytest.mark.filterwarnings("default")  # of the notebook's own libraries
def test_the_notebook_runs_as_it_is(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ROOT.rename("outputs4")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    notebook = nbformat.read(REPOSITORY / "examples" / "results.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(sweep)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert len(shown) == 6
    assert "expected_final_rank" in shown[-1]["data"]["text/plain"]
