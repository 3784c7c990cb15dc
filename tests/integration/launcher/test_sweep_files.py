"""Results and report from a real ledger, a real study and run folders, by workers that train nothing."""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.support.places import CONFIG
from truestrength.launcher.commands.report import report
from truestrength.launcher.report.analysis import write_analysis
from truestrength.launcher.report.reading import read_sweep, registered
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.contract.database.sessions import connected, execute
from truestrength.trainer.contract.errors import DatabaseError, UserError
from truestrength.trainer.contract.files import write_json, write_text
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, run_name
from truestrength.trainer.contract.records.metrics import RunMetrics, Scores
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target
from truestrength.trainer.worker.drain import TrialJob, TrialOutcome, drain

BATCH = "phase1_rank_rmse_final_rank"
FILES = (
    "sweep_config.json",
    "sweep_results.csv",
    "sweep_results_summary.json",
    "best_config_by_objective.json",
    "optuna_study.json",
    "optuna_importances.json",
    "study.sqlite3",
)


def make_scores(skill):
    return Scores(
        spearman=skill, ndcg4=skill, ndcg16=skill, ndcg20=skill, playoff_spearman=skill, rank_rmse=10 * (1 - skill)
    )


def run_trial(job: TrialJob) -> TrialOutcome:
    """Leave a run folder whose figures follow from the parameters; the first attempt at slot 1 fails."""
    paths = OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id).run(job.run_id)
    if (job.slot, job.attempt) == (1, 1):
        raise ValueError("the loss is NaN | in epoch 3")
    skill = job.config.model_a.epochs / 40 + job.config.model_b.learning_rate
    metrics = RunMetrics(
        target=job.spec.target,
        seasons=("2021-22",),
        n_dates=20,
        models={"stack": make_scores(skill), "model_a": make_scores(skill - 0.1)},
        baselines={"win_rate": make_scores(0.6)},
        by_conference={},
        by_third={},
        stack_weights={"model_a": 1.0},
    )
    write_text(paths.config, yaml.safe_dump(msgspec.to_builtins(job.config)))
    write_json(paths.metrics, metrics)
    values = msgspec.to_builtins(metrics.objectives)
    return TrialOutcome(values[job.spec.objective], values)


@pytest.fixture
def outputs(tmp_path: Path) -> OutputsRoot:
    return OutputsRoot(tmp_path / "outputs4")


def make_spec(outputs: OutputsRoot, objective: Objective = Objective.RANK_RMSE, n_trials: int = 5) -> SweepSpec:
    config = replace(load_config(CONFIG), {"paths.outputs": str(outputs.root)})
    return SweepSpec(
        batch_id=f"phase1_{objective}_final_rank",
        objective=objective,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=n_trials,
        config=config,
        data_fingerprint="f" * 64,
    )


def run_sweep(ledger: Ledger, spec: SweepSpec, outputs: OutputsRoot) -> None:
    ledger.register(spec, outputs)
    worker = ledger.start_worker(spec.batch_id, "testhost", 1, "7_0")
    drain(ledger, spec.batch_id, worker, run_trial, threading.Event())


def contents(outputs: OutputsRoot) -> dict[str, bytes]:
    folder = outputs.sweep(BATCH).folder
    return {name: (folder / name).read_bytes() for name in FILES}


def test_the_files_of_a_sweep_say_what_the_ledger_says(ledger, outputs):
    run_sweep(ledger, make_spec(outputs), outputs)
    write_sweep_results(ledger, BATCH, outputs)
    paths = outputs.sweep(BATCH)

    attempts = ledger.attempts(BATCH)
    rows = list(csv.DictReader(paths.results.read_text().splitlines()))
    assert [(int(r["slot"]), int(r["attempt"]), r["state"], int(r["run_id"])) for r in rows] == [
        (a.slot, a.attempt, a.state, a.run_id) for a in attempts
    ]
    assert [row["state"] for row in rows].count("complete") == 5
    for row, attempt in zip(rows, attempts, strict=True):
        if row["state"] == "complete":
            assert float(row["value"]) == attempt.value == float(row["rank_rmse"])
            assert float(row["seconds"]) == attempt.seconds
            assert {name: json.loads(row[name]) for name in attempt.parameters} == attempt.parameters
        else:
            assert (row["value"], row["spearman"], row["slot"]) == ("", "", "1")

    best = min((a for a in attempts if a.value is not None), key=lambda a: a.value)
    summary = json.loads(paths.summary.read_text())
    assert summary["best"]["rank_rmse"]["run_id"] == best.run_id == ledger.progress(BATCH).best_run_id
    assert summary["best"]["rank_rmse"]["value"] == best.value
    assert summary["attempts"] == {"complete": 5, "failed": 1}

    config = json.loads(paths.best_configs.read_text())["rank_rmse"]["config"]
    assert config == yaml.safe_load(paths.run(best.run_id).config.read_text())
    assert json.loads(paths.config.read_text())["digest"] == ledger.spec(BATCH).digest


def test_the_study_as_json_is_the_study_in_the_database(ledger, outputs):
    run_sweep(ledger, make_spec(outputs), outputs)
    write_sweep_results(ledger, BATCH, outputs)
    study = json.loads(outputs.sweep(BATCH).study.read_text())
    attempts = {attempt.trial_number: attempt for attempt in ledger.attempts(BATCH)}
    assert (study["study_name"], study["direction"]) == (BATCH, "minimize")
    assert sorted(trial["number"] for trial in study["trials"]) == sorted(attempts)
    for trial in study["trials"]:
        attempt = attempts[trial["number"]]
        assert (trial["state"] == "complete", trial["value"]) == (attempt.state == "complete", attempt.value)
        assert trial["user_attrs"]["run_id"] == attempt.run_id
        assert trial["params"]["max_depth"] == attempt.parameters["max_depth"]
        assert trial["distributions"]["max_depth"]["attributes"]["high"] == 5
    found = json.loads(outputs.sweep(BATCH).importances.read_text())
    assert found["n_trials"] == 5
    assert sum(found["importances"].values()) == pytest.approx(1)


def test_writing_again_changes_no_byte_and_leaves_nothing_else(ledger, outputs):
    run_sweep(ledger, make_spec(outputs), outputs)
    write_sweep_results(ledger, BATCH, outputs)
    first, text = contents(outputs), write_analysis(ledger, [BATCH], outputs, pytest.fail).read_bytes()
    pages = outputs.page.read_bytes(), outputs.sweep(BATCH).page.read_bytes()
    (outputs.sweep(BATCH).folder / "sweep_results.csv").unlink()
    write_sweep_results(ledger, BATCH, outputs)
    assert write_analysis(ledger, [BATCH], outputs, pytest.fail).read_bytes() == text
    assert contents(outputs) == first
    assert (outputs.page.read_bytes(), outputs.sweep(BATCH).page.read_bytes()) == pages
    folders = {run_name(attempt.run_id) for attempt in ledger.attempts(BATCH) if attempt.state == "complete"}
    assert {entry.name for entry in outputs.sweep(BATCH).folder.iterdir()} == {
        *FILES, "report.html", "figures", *folders
    }  # fmt: skip


def test_a_sweep_without_trials_has_files_too(ledger, outputs):
    ledger.register(make_spec(outputs), outputs)
    write_sweep_results(ledger, BATCH, outputs)
    assert len(outputs.sweep(BATCH).results.read_text().splitlines()) == 1
    found = json.loads(outputs.sweep(BATCH).importances.read_text())
    assert found["reason"] == "0 complete trials; at least 4 are needed"


def test_a_sweep_that_is_not_there_leaves_no_folder(ledger, outputs):
    with pytest.raises(DatabaseError, match="no such sweep"):
        write_sweep_results(ledger, "nothing", outputs)
    assert not outputs.sweeps.exists()


def test_the_report_covers_the_plan_and_the_roots_other_sweeps(ledger, outputs, tmp_path):
    run_sweep(ledger, make_spec(outputs), outputs)
    ledger.register(make_spec(outputs, Objective.NDCG4), outputs)
    elsewhere = OutputsRoot(tmp_path / "elsewhere")
    ledger.register(make_spec(elsewhere, Objective.NDCG16), elsewhere)
    write_sweep_results(ledger, BATCH, outputs)
    text = write_analysis(ledger, ["phase1_ndcg4_final_rank", "not_registered"], outputs, pytest.fail).read_text()
    assert registered(ledger, outputs) == [BATCH, "phase1_ndcg4_final_rank"]
    for batch_id, state in (
        (BATCH, "complete"),
        ("phase1_ndcg4_final_rank", "waiting"),
        ("not_registered", "-"),
    ):
        assert any(line.startswith(f"| {batch_id} ") and f"| {state}" in line for line in text.splitlines())
    assert "phase1_ndcg16_final_rank" not in text
    assert "ValueError: the loss is NaN \\| in epoch 3" in text
    best = ledger.progress(BATCH).best_run_id
    assert f"## Best run for `final_rank`: {run_name(best)}" in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (outputs.sweeps / line.partition("](")[2].rstrip(")")).is_file()


def test_a_sweep_of_another_version_does_not_stop_the_report(ledger, outputs, project_database):
    run_sweep(ledger, make_spec(outputs), outputs)
    ledger.register(make_spec(outputs, Objective.NDCG4), outputs)
    with connected(ledger.url) as other_version:
        execute(
            other_version,
            """UPDATE truestrength.sweeps SET spec = spec || '{"n_trials": "many"}' WHERE batch_id LIKE '%ndcg4%'""",
        )
    text = write_analysis(ledger, [BATCH, "phase1_ndcg4_final_rank"], outputs, pytest.fail).read_text()
    assert "another version of this program made them: `phase1_ndcg4_final_rank`" in text
    assert f"| {BATCH} " in text
    command = [sys.executable, "-m", "launcher", "report"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=outputs.root.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "left out: sweep 'phase1_ndcg4_final_rank'" in done.stdout
    assert outputs.sweep(BATCH).summary.exists()


def test_the_time_at_which_a_death_was_noticed_is_not_taken_for_its_duration(ledger, outputs):
    ledger.register(make_spec(outputs), outputs)
    worker = ledger.start_worker(BATCH, "testhost", 1)
    claim = ledger.claim(BATCH, worker)
    ledger.begin(claim, {"max_depth": 4}, 25)
    ledger.expire(BATCH, [worker])
    write_sweep_results(ledger, BATCH, outputs)
    (dead,) = read_sweep(ledger, BATCH, outputs).trials
    assert (dead.state, dead.seconds) == ("dead", None)
    assert json.loads(outputs.sweep(BATCH).summary.read_text())["seconds"] == 0


def test_lost_run_folders_do_not_stop_the_report(ledger, outputs):
    run_sweep(ledger, make_spec(outputs), outputs)
    best = ledger.progress(BATCH).best_run_id
    shutil.rmtree(outputs.sweep(BATCH).run(best).folder)
    write_sweep_results(ledger, BATCH, outputs)
    sweep = read_sweep(ledger, BATCH, outputs)
    assert [trial.run_id for trial in sweep.complete if trial.metrics is None] == [best]
    assert f"`{BATCH}` {run_name(best)}" in write_analysis(ledger, [BATCH], outputs, pytest.fail).read_text()


def test_the_report_command_writes_everything_again(ledger, outputs, project_database):
    run_sweep(ledger, make_spec(outputs), outputs)
    command = [sys.executable, "-m", "launcher", "report", "--outputs", str(outputs.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=outputs.root.parent)
    assert (done.returncode, done.stderr) == (0, "")
    *files, empty, verdict = done.stdout.splitlines()
    assert files == [str(outputs.sweep(BATCH).folder), str(outputs.analysis), str(outputs.page)]
    best = run_name(ledger.progress(BATCH).best_run_id)
    assert empty == ""
    assert f"for final_rank, {best} won (sweep {BATCH})" in verdict
    for written in (outputs.analysis, outputs.page, outputs.sweep(BATCH).page):
        assert f"{best} won" in written.read_text(), "the same sentence stands first in the files"
    assert set(contents(outputs)) == set(FILES)
    assert outputs.analysis.is_file()


def test_the_report_command_says_what_is_not_there(ledger, outputs, tmp_path, project_database):
    asked = argparse.Namespace(outputs=outputs.root, batch_id=None)
    with pytest.raises(UserError, match="the ledger has no sweeps of this outputs root"):
        report(asked)
    unnamed = argparse.Namespace(outputs=None, batch_id=None)
    with pytest.raises(UserError, match="knows no outputs root that is here: name its folder with --outputs"):
        report(unnamed)
    ledger.register(make_spec(outputs), outputs)
    asked.batch_id = "phase1_rank_rmse_final_rnk"
    with pytest.raises(UserError, match=f"did you mean '{BATCH}'?"):
        report(asked)
    other = OutputsRoot(tmp_path / "other")
    ledger.register(make_spec(other, Objective.NDCG4), other)
    with pytest.raises(UserError, match=f"several outputs roots: --outputs {outputs.root}\\|{other.root}"):
        report(unnamed)
