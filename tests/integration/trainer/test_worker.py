"""The real worker on a small demo league and a real PostgreSQL: what it leaves, and how it stops."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import polars as pl
import pytest

from tests.support.small_sweep import SMALL, small_sweep
from truestrength.trainer.contract.config.settings import load_config
from truestrength.trainer.contract.files import write_text
from truestrength.trainer.contract.league.manifest import read_manifest
from truestrength.trainer.contract.ledger import AttemptState
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.data.demo import demo


@pytest.fixture(scope="module")
def league(tmp_path_factory):
    folder = tmp_path_factory.mktemp("league")
    demo(folder, seed=3, seasons=4)
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, league, project_database):
    (tmp_path / "league").symlink_to(league)
    (tmp_path / "config.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trainer(*arguments):
    command = [sys.executable, "-m", "trainer", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read(path, kind):
    return msgspec.json.decode(path.read_bytes(), type=kind)


def test_a_worker_drains_its_sweep_and_leaves_whole_runs(project, ledger):
    outputs = OutputsRoot(Path("out"))
    ledger.register(small_sweep(), outputs)
    done = trainer("work", "--batch-id", "small", "--threads", 1)
    assert done.returncode == 0, done.stderr
    attempts = ledger.attempts("small")
    assert [a.state for a in attempts] == [AttemptState.COMPLETE] * 3
    assert sorted(a.run_id for a in attempts) == [25, 26, 27]
    for attempt in attempts:
        run = outputs.sweep("small").run(attempt.run_id)
        metrics, record = read(run.metrics, RunMetrics), read(run.provenance, Provenance)
        assert metrics.objectives.spearman == attempt.value
        assert record.state == "complete"
        assert (record.batch_id, record.slot, record.attempt) == ("small", attempt.slot, attempt.attempt)
        assert load_config(run.config).model_a.epochs == attempt.parameters["model_a_epochs"]
        assert {p.suffix for p in run.models.iterdir()} == {".safetensors", ".json"}
        assert pl.read_parquet(run.predictions)["season"].unique().to_list() == list(metrics.seasons)
    trained = [read(outputs.sweep("small").run(a.run_id).metrics, RunMetrics).cache for a in attempts]
    assert sum(cache["model_a"].misses for cache in trained) == 1, "model A is trained once for the sweep"

    by_hand = trainer("run", "--config", outputs.sweep("small").run(25).config, "--threads", 1, "--no-share")
    assert by_hand.returncode == 0, by_hand.stderr
    again = RunPaths(Path(by_hand.stdout.strip()))
    assert again.folder.name == "run_028"
    same, first = (read(run.metrics, RunMetrics) for run in (again, outputs.sweep("small").run(25)))
    assert same.models == first.models, "a run repeated by hand, trained alone, gives the very same figures"

    held_out = trainer("holdout", "--run", again.folder)
    assert held_out.returncode == 0, held_out.stderr
    assert read(again.holdout, RunMetrics).seasons == (read_manifest(Path("league")).seasons[-1].season,)
    before = again.holdout.stat().st_mtime_ns
    assert trainer("holdout", "--run", again.folder).returncode == 0
    assert again.holdout.stat().st_mtime_ns == before, "the held-out season is read once"


def test_a_worker_told_to_stop_gives_its_slot_back_and_the_next_one_finishes(project, ledger):
    # Long enough for a signal to arrive in the middle of model A.
    slow = small_sweep(n_trials=1, overrides=["search_spaces.phase1.model_a_epochs={type: fixed, value: 150}"])
    ledger.register(slow, OutputsRoot(Path("out")))
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", "small", "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        while not any("model_a: miss" in log.read_text() for log in Path("out").glob("sweeps/small/run_*/log.txt")):
            assert worker.poll() is None, worker.stderr.read()
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=300)
    assert worker.returncode == 85
    (attempt,) = ledger.attempts("small")
    assert attempt.state is AttemptState.RELEASED
    record = json.loads((Path("out/sweeps/small/run_025/provenance.json")).read_text())
    assert (record["state"], record["reason"]) == ("released", "the worker was told to stop")
    assert ledger.progress("small").pending == 1

    assert trainer("work", "--batch-id", "small", "--threads", 1).returncode == 0
    assert ledger.progress("small").done == 1
    cache = read(OutputsRoot(Path("out")).sweep("small").run(26).metrics, RunMetrics).cache
    assert cache["model_a"].hits == 1, "what the stopped run had trained was kept"


def test_wrong_input_is_a_clear_error(project, ledger, league):
    ledger.register(small_sweep(), OutputsRoot(Path("out")))
    unknown = trainer("work", "--batch-id", "smal")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "did you mean 'small'?" in unknown.stderr
    assert "Traceback" not in unknown.stderr

    (project / "league").unlink()
    demo(project / "league", seed=4, seasons=4)
    other = trainer("work", "--batch-id", "small")
    assert other.returncode == 2
    assert "is not the data that the sweep small was made for" in other.stderr
    assert "Traceback" not in other.stderr
    assert ledger.progress("small").pending == 3

    nothing = trainer("holdout", "--run", "out/sweeps/small/run_025")
    assert nothing.returncode == 2
    assert "no complete run here" in nothing.stderr


def test_a_worker_does_not_wait_for_a_trial_of_another_one_but_goes_on_and_comes_back(project, ledger):
    outputs = OutputsRoot(Path("out"))
    first, second = small_sweep(n_trials=1), msgspec.structs.replace(small_sweep(n_trials=1), batch_id="second")
    for sweep in (first, second):
        ledger.register(sweep, outputs)
    other = ledger.claim("small", ledger.start_worker("small", "testhost", os.getpid()))
    both = [word for name in ("small", "second") for word in ("--batch-id", name)]
    with subprocess.Popen([sys.executable, "-m", "trainer", "work", *both, "--threads", "1"]) as worker:
        try:
            while ledger.progress("second").done == 0:
                assert worker.poll() is None
                time.sleep(0.05)
            assert ledger.progress("small").running == 1
            ledger.release(other, "it had to stop")
            assert worker.wait(timeout=300) == 0
        finally:
            worker.kill()
    assert ledger.progress("small").done == 1


def test_another_league_under_a_running_worker_costs_no_trial(project, ledger, league):
    ledger.register(small_sweep(n_trials=40), OutputsRoot(Path("out")))
    Path("league").unlink()
    shutil.copytree(league, "league")
    manifest = Path("league/league.json")
    other = manifest.read_text().replace(read_manifest(Path("league")).fingerprint, "0" * 64)
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", "small", "--threads", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        try:
            while ledger.progress("small").done < 2:
                assert worker.poll() is None
                time.sleep(0.05)
            write_text(manifest, other)
            said = worker.communicate(timeout=300)[1]
        finally:
            worker.kill()
    assert worker.returncode == 2
    assert "is not the data that the sweep small was made for" in said
    assert "Traceback" not in said
    assert {row.state for row in ledger.attempts("small")} <= {AttemptState.COMPLETE, AttemptState.RELEASED}
    assert ledger.progress("small").failed == 0
