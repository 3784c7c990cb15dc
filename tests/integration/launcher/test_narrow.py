"""`truestrength narrow` on a real ledger: what it writes, and what it refuses without writing anything."""

import threading
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.support.places import CONFIG
from truestrength.launcher.commands.parser import parser
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.command_line import main
from truestrength.trainer.contract.config.search_space import Fixed, FloatRange
from truestrength.trainer.contract.config.settings import load_config, replace
from truestrength.trainer.contract.files import write_json, write_text
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import RunMetrics, Scores
from truestrength.trainer.contract.sweep.spec import SweepSpec
from truestrength.trainer.contract.words import Method, Objective, Phase, Target
from truestrength.trainer.worker.drain import TrialJob, TrialOutcome, drain

BATCH = "wide"


def run_trial(job: TrialJob) -> TrialOutcome:
    """Only the learning rate matters: the nearer to 0.08, the better."""
    paths = OutputsRoot(Path(job.config.paths.outputs)).sweep(job.spec.batch_id).run(job.run_id)
    value = 0.9 - abs(job.config.model_b.learning_rate - 0.08)
    scores = Scores(**dict.fromkeys(map(str, Objective), value))
    metrics = RunMetrics(
        target=job.spec.target, seasons=("2021-22",), n_dates=20, models={"stack": scores}, baselines={},
        by_conference={}, by_third={}, stack_weights={},
    )  # fmt: skip
    write_text(paths.config, yaml.safe_dump(msgspec.to_builtins(job.config)))
    write_json(paths.metrics, metrics)
    return TrialOutcome(value, msgspec.to_builtins(scores))


def run_sweep(ledger, outputs, n_trials=16, method=Method.RANDOM, batch_id=BATCH):
    spec = SweepSpec(
        batch_id=batch_id,
        objective=Objective.SPEARMAN,
        target=Target.FINAL_RANK,
        phase=Phase.PHASE1,
        method=method,
        n_trials=n_trials,
        config=replace(load_config(CONFIG), {"paths.outputs": str(outputs.root)}),
        data_fingerprint="f" * 64,
    )
    ledger.register(spec, outputs)
    worker = ledger.start_worker(batch_id, "testhost", 1)
    drain(ledger, batch_id, worker, run_trial, threading.Event())
    write_sweep_results(ledger, batch_id, outputs)


@pytest.fixture
def narrow(tmp_path, monkeypatch, project_database):
    """The command in a folder of its own, as a person calls it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def call(*words):
        return main(parser(), ["narrow", *words])

    return call


def test_what_is_written_is_a_plan_around_the_best_and_the_same_command_changes_nothing(
    narrow, ledger, outputs, capsys
):
    run_sweep(ledger, outputs)
    assert narrow(BATCH) == 0
    file = Path("config/narrowed_wide.yaml")
    told = capsys.readouterr().out
    assert told.startswith(f"{file}: written\nHow far chance alone moves the value was not measured. ")
    assert told.endswith(f"run phase2 --config {file} --set paths.outputs={outputs.root}\n")
    space = load_config(file).search_spaces["phase2"]
    rate = space["learning_rate"]
    assert isinstance(rate, FloatRange)
    assert 0.07 <= rate.low < rate.high <= 0.09
    assert rate.step == 0.005
    assert all(isinstance(space[name], Fixed) for name in ("n_estimators_rf", "min_samples_leaf")), "no effect"
    before = file.read_bytes()
    assert narrow(BATCH) == 0
    assert "is there already, the same" in capsys.readouterr().out
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_another_file_is_left_as_it_is(narrow, ledger, outputs, capsys):
    run_sweep(ledger, outputs)
    Path("mine.yaml").write_text("training: {seed: 1}\n")
    assert narrow(BATCH, "--to", "mine.yaml") == 2
    assert "mine.yaml: is there and says something else, so it is left as it is" in capsys.readouterr().err
    assert Path("mine.yaml").read_text() == "training: {seed: 1}\n"
    for place, why in ((".", "is a folder: name a file"), ("mine.yaml/x.yaml", "cannot be written: File exists")):
        assert narrow(BATCH, "--to", place) == 2
        assert f"--to {place}: {why}" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["mine.yaml"]


def test_what_cannot_be_narrowed_is_one_message_and_writes_nothing(narrow, ledger, outputs, capsys):
    run_sweep(ledger, outputs, 4)
    run_sweep(ledger, outputs, 12, Method.GRID, "grid")
    spec = msgspec.structs.replace(ledger.spec(BATCH), batch_id="open", n_trials=9)
    ledger.register(spec, outputs)
    for batch_id, said in (
        ("wid", "wid: no such sweep: did you mean 'wide'?"),
        (BATCH, "wide: has 4 complete trials, and a quartile needs at least 8"),
        ("grid", "grid: has tried the points of a grid"),
        ("open", "open: 0 of 9 trials are done (waiting): the command that started the sweep goes on with it"),
    ):
        assert narrow(batch_id) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: {said}")
        assert error.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_a_root_that_was_moved_has_to_be_named(narrow, ledger, outputs, capsys):
    run_sweep(ledger, outputs)
    moved = outputs.root.rename(outputs.root.with_name("moved"))
    assert narrow(BATCH) == 2
    assert f"{outputs.root}: is not the outputs root of wide: name the folder" in capsys.readouterr().err
    assert narrow(BATCH, "--outputs", str(moved)) == 0
    assert capsys.readouterr().out.endswith(f"--set paths.outputs={moved}\n")
