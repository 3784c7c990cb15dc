"""The end of a plan with a real trainer: the held-out season is read once, beside the plots, and told of."""

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import polars as pl
import pytest

from truestrength.launcher import held_out
from truestrength.launcher.conclusion import analyse, conclude
from truestrength.launcher.containers import contained as containers
from truestrength.launcher.containers.contained import contained
from truestrength.launcher.slurm.arrays import Slurm
from truestrength.launcher.slurm.finish import finish_plan
from truestrength.launcher.slurm.links import PlanEnd
from truestrength.launcher.slurm.profile import ClusterProfile
from truestrength.launcher.slurm.site import Site, Sweep
from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.noise import Noise
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target
from truestrength.trainer.data.demo import demo
from truestrength.trainer.run import pipeline
from truestrength.trainer.stages.store import Store

BATCH = "small"
CONFIG = """
paths: {data: league, outputs: out, batch_cache: cache}
evaluation: {validation: 1, holdout: 1}
training: {n_folds: 2, max_lists_oof: 6, max_final_batches: 6, roster_size: 5, rolling_windows: [10]}
model_b: {n_estimators: 5}
model_c: {n_estimators: 5}
search_spaces: {phase1: {model_a_epochs: {type: int, low: 1, high: 3}}}
"""
UNREAD = "The held-out season has not been read yet"


@pytest.fixture
def outputs(tmp_path, monkeypatch, project_database, ledger):
    """A sweep of two trials that is complete."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    demo(Path("league"), seed=3, seasons=4)
    spec = SweepSpec(
        batch_id=BATCH,
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=Method.OPTUNA,
        n_trials=2,
        config=load_config(Path("config.yaml"), ()),
        data_fingerprint=read_manifest(Path("league")).fingerprint,
    )
    root = OutputsRoot(Path("out"))
    ledger.register(spec, root)
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", BATCH, "--threads", "2"]
    subprocess.run(command, check=True, capture_output=True)
    return root


def end(outputs, ledger, *, changed):
    said = []
    end.all_read = conclude(
        outputs, [BATCH], ledger, changed=changed, held_out=True, noise=False, container=None, say=said.append
    )
    return said


def test_the_held_out_season_is_read_once_beside_the_plots(outputs, ledger):
    (said,) = end(outputs, ledger, changed=True)
    assert end.all_read
    (read,) = outputs.held_out_files()
    assert said == f"reading the held-out season for {read.parent.name}, the best run for final_rank"
    text = outputs.analysis.read_text()
    season = read_manifest(Path("league")).seasons[-1].season
    assert f"On the held-out season ({season})" in text
    assert UNREAD not in text
    before = {path: path.stat().st_mtime_ns for path in outputs.sweeps.rglob("*") if path.is_file()}
    assert end(outputs, ledger, changed=False) == []
    assert end.all_read
    assert {path: path.stat().st_mtime_ns for path in outputs.sweeps.rglob("*") if path.is_file()} == before


def test_what_was_read_when_the_launcher_died_is_told_by_the_next_one(outputs, ledger):
    """It died between the reading and the second analysis; the first was begun before and is written last."""
    held_out.read_held_out(
        ledger,
        outputs,
        [BATCH],
        container=None,
        say=print,
        meanwhile=lambda: analyse(outputs, [BATCH], ledger, pytest.fail),
    )
    assert UNREAD in outputs.analysis.read_text()
    assert end(outputs, ledger, changed=False) == []
    assert UNREAD not in outputs.analysis.read_text()


def test_what_goes_wrong_with_the_reading_is_said_and_the_analysis_is_there(outputs, ledger):
    Path("league").rename("elsewhere")
    said = end(outputs, ledger, changed=True)
    assert said[-1].startswith("the held-out season could not be read for run_0")
    assert "no league here" in said[-1]
    assert not end.all_read
    assert UNREAD in outputs.analysis.read_text()


def test_an_analysis_that_cannot_be_written_is_an_error_although_the_season_was_read(outputs, ledger, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        held_out.read_held_out(ledger, outputs, [BATCH], container=None, say=print, meanwhile=full)
    assert len(outputs.held_out_files()) == 1
    monkeypatch.setattr(containers, "contained", partial(contained, python="/no/such/python"))
    for path in outputs.held_out_files():
        path.unlink()
    said = []
    found = held_out.read_held_out(ledger, outputs, [BATCH], container=None, say=said.append, meanwhile=lambda: None)
    assert found == (0, 1)
    assert "/no/such/python: No such file or directory" in said[-1]


def test_the_last_job_of_a_plan_on_slurm_fails_when_something_is_unread_or_gone(outputs, ledger, capsys):
    """All sweeps are complete, so it asks SLURM nothing."""
    site = Site(
        profile=ClusterProfile(timeout_min=60),
        outputs=outputs,
        token="0",
        plan="plan",
        sweeps=(Sweep(BATCH, 1),),
        sequential=True,
        python=sys.executable,
        whole=True,
    )
    Path("league").rename("elsewhere")
    assert finish_plan(site, Slurm("0", None), ledger, PlanEnd(again=False)) == 1
    Path("elsewhere").rename("league")
    assert finish_plan(site, Slurm("0", None), ledger, PlanEnd(again=False)) == 0
    assert len(outputs.held_out_files()) == 1
    assert "every sweep is complete" in capsys.readouterr().out
    kept = outputs.held_out_files()[0].parent
    gone = next(run for run in outputs.sweep(BATCH).folder.glob("run_*") if run != kept)
    shutil.rmtree(gone)
    assert finish_plan(site, Slurm("0", None), ledger, PlanEnd(again=False)) == 1
    said = capsys.readouterr().out
    assert f"Complete, but their folders are gone: {BATCH}: {gone.name}." in said
    assert "every sweep is complete" not in said


def test_the_best_configuration_is_run_with_more_seeds_once(outputs, ledger):
    run = [sys.executable, "-m", "trainer", "work", "--batch-id", BATCH, "--threads", "2"]
    ledger.register(msgspec.structs.replace(ledger.spec(BATCH), n_trials=3), outputs)
    subprocess.run(run, check=True, capture_output=True)

    def measured():
        said = []
        conclude(outputs, [BATCH], ledger, changed=False, held_out=False, noise=True, container=None, say=said.append)
        return said, sorted(outputs.sweeps.glob("*/run_*/noise.json"))

    (said,), (file,) = measured()
    assert said == (
        f"measuring how far chance moves the value: the best configurations, of {file.parent.name}, with 5 more seeds"
    )
    noise = msgspec.json.decode(file.read_bytes(), type=Noise)
    assert noise.seeds == (8, 9, 10, 11, 12)
    assert len(set(noise.of(Objective.SPEARMAN))) > 1
    alone = replace(load_config(file.with_name("config.yaml")), {"training.seed": 9, "paths.batch_cache": "another"})
    trained = pipeline.train(alone, Path("league"), Store(Path("another"), max_gb=1))
    assert trained.metrics.objectives == noise.objectives[1]
    assert "5 more seeds of the best configuration" in outputs.analysis.read_text()
    assert measured() == ([], [file])


def test_noise_that_cannot_be_measured_is_said_and_stops_nothing(outputs, ledger):
    ledger.register(msgspec.structs.replace(ledger.spec(BATCH), n_trials=3), outputs)
    run = [sys.executable, "-m", "trainer", "work", "--batch-id", BATCH, "--threads", "2"]
    subprocess.run(run, check=True, capture_output=True)
    Path("league").rename("elsewhere")
    said = []
    assert conclude(outputs, [BATCH], ledger, changed=True, held_out=False, noise=True, container=None, say=said.append)
    assert "no league here" in said[-1]
    assert outputs.analysis.exists()


def explained(outputs, ledger):
    said = []
    end_of = partial(conclude, outputs, [BATCH], ledger, changed=False, held_out=False, noise=False, container=None)
    assert end_of(say=said.append, explained=True)
    return said, sorted(outputs.sweeps.glob("*/run_*/contributions.*"))


def test_the_best_run_is_explained_once(outputs, ledger):
    said, files = explained(outputs, ledger)
    assert said == []
    assert [path.name for path in files] == ["contributions.csv", "contributions.svg"]
    best = ledger.progress(BATCH).best_run_id
    assert {path.parent for path in files} == {outputs.sweep(BATCH).run(best).folder}
    rows = pl.read_csv(files[0])
    strength = rows.group_by("team").agg(pl.col("score").sum())
    predictions = pl.read_parquet(outputs.sweep(BATCH).run(best).predictions)
    of_day = predictions.filter(pl.col("date") == pl.lit(rows["as_of"][0]).str.to_date())
    assert sorted(strength["score"]) == pytest.approx(sorted(of_day["stack"]), abs=1e-4)
    before = [path.stat().st_mtime_ns for path in files]
    assert explained(outputs, ledger) == ([], files)
    assert [path.stat().st_mtime_ns for path in files] == before


def test_an_explanation_that_fails_is_said_and_stops_nothing(outputs, ledger):
    Path("league").rename("elsewhere")
    (said,), files = explained(outputs, ledger)
    assert said.startswith("what carried the teams could not be explained for run_0")
    assert "no league here" in said
    assert files == []
