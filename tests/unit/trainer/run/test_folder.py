"""The run folder says what it is at every moment, and its files are whole."""

import logging

import msgspec
import pytest
import yaml

from truestrength.trainer.contract import process
from truestrength.trainer.contract.config.settings import Config
from truestrength.trainer.contract.errors import DataError
from truestrength.trainer.contract.paths.outputs import RunPaths
from truestrength.trainer.contract.records import provenance
from truestrength.trainer.contract.records.metrics import RunMetrics, Scores
from truestrength.trainer.contract.records.provenance import Provenance
from truestrength.trainer.run import folder as run_folder
from truestrength.trainer.run.folder import Results

SCORES = Scores(spearman=0.5, ndcg4=0.6, ndcg16=0.7, ndcg20=0.8, playoff_spearman=0.4, rank_rmse=6.0)


def record():
    commit, dirty = provenance.git_state()
    return Provenance(
        run_id=25,
        state="running",
        batch_id="b",
        slot=0,
        attempt=1,
        started_at=provenance.utc_now(),
        seed=7,
        data_fingerprint="f",
        git_commit=commit,
        git_dirty=dirty,
        image=None,
        image_digest=None,
        host=process.host(),
        pid=1,
        job_id=None,
        device="cpu",
        threads=1,
        versions=provenance.versions(),
    )


def read(paths):
    return msgspec.json.decode(paths.provenance.read_bytes(), type=Provenance)


def metrics():
    return RunMetrics(
        target="final_rank",
        seasons=("2021-22",),
        n_dates=3,
        models={"stack": SCORES},
        baselines={},
        by_conference={},
        by_third={},
        stack_weights={"model_a": 1.0},
    )


def test_a_complete_run_has_every_file(tmp_path):
    paths = RunPaths(tmp_path / "run_025")
    with run_folder.opened(paths, Config(), record()) as folder:
        assert read(paths).state == "running"
        logging.getLogger("trainer").warning("half way")
        folder.write_results(Results(b"PAR1", {"m.json": b"{}"}, metrics()))
    assert {p.name for p in paths.folder.iterdir()} == {
        "config.yaml",
        "log.txt",
        "metrics.json",
        "models",
        "predictions.parquet",
        "provenance.json",
    }
    assert read(paths).state == "complete"
    assert read(paths).seconds is not None
    assert "half way" in paths.log.read_text()
    assert msgspec.json.decode(paths.metrics.read_bytes(), type=RunMetrics).objectives == SCORES
    assert msgspec.convert(yaml.safe_load(paths.config.read_text()), Config) == Config()


@pytest.mark.parametrize("error", [DataError("no games"), ValueError("boom"), KeyboardInterrupt()])
def test_a_failed_run_says_so_and_has_no_metrics(tmp_path, error):
    paths = RunPaths(tmp_path / "run_025")
    with pytest.raises(type(error)), run_folder.opened(paths, Config(), record()):
        raise error
    assert read(paths).state == "failed"
    assert str(error) in (read(paths).reason or "")
    assert not paths.metrics.exists()


def test_models_that_cannot_be_saved_leave_no_half_folder(tmp_path):
    paths = RunPaths(tmp_path / "run_025")

    unwritable = {"m.json": b"{}", "no/such/../\0": b""}
    with pytest.raises(ValueError, match="null byte"), run_folder.opened(paths, Config(), record()) as folder:
        folder.write_results(Results(b"PAR1", unwritable, metrics()))
    assert not paths.models.exists()
    assert not paths.metrics.exists()
    assert not [p for p in paths.folder.iterdir() if p.name.endswith(".tmp")]


def test_an_existing_folder_is_never_reused(tmp_path):
    paths = RunPaths(tmp_path / "run_025")
    paths.folder.mkdir()
    with pytest.raises(FileExistsError), run_folder.opened(paths, Config(), record()):
        pass


def test_mark_changes_only_a_running_run(tmp_path):
    paths = RunPaths(tmp_path / "run_025")
    with run_folder.opened(paths, Config(), record()) as folder:
        provenance.mark_ended(paths.provenance, "dead", "lease expired")
        assert read(paths).state == "dead"
        folder.close("released", "stopped")
        provenance.mark_ended(paths.provenance, "dead", "lease expired")
        assert read(paths).state == "released"
    provenance.mark_ended(tmp_path / "nowhere", "dead", "never began")


@pytest.mark.parametrize("found", ["superseded", "dead"])
@pytest.mark.parametrize("state", ["complete", "failed"])
def test_a_run_that_was_complete_and_does_not_count_says_so(tmp_path, state, found):
    """Its slot has a later owner, or its worker died between the folder and the ledger."""
    paths = RunPaths(tmp_path / "run_025")
    with run_folder.opened(paths, Config(), record()) as folder:
        folder.close(state, "for its own reason")
    provenance.mark_ended(paths.provenance, found, "not counted")
    assert read(paths).state == (found if state == "complete" else "failed")
    assert read(paths).reason == ("not counted" if state == "complete" else "for its own reason")
    assert read(paths).seconds is not None


def test_git_state_is_this_checkout():
    commit, dirty = provenance.git_state()
    assert commit is not None
    assert len(commit) == 40
    assert dirty in (True, False)
