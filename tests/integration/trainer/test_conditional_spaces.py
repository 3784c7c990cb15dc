"""A sweep over rows and conditions, from the worker's loop to the study, the tables, the report and the plots."""

import csv
import os
import threading

import msgspec
import pytest

from truestrength.launcher.report.analysis import report
from truestrength.launcher.report.figures.contents import ParameterPlot, figure_data
from truestrength.launcher.report.figures.files import draw_figures
from truestrength.launcher.report.reading import read_sweeps
from truestrength.launcher.report.sections.parameters import importance_section
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.ledger import study
from truestrength.trainer.contract.words import Method, Objective
from truestrength.trainer.worker.drain import TrialOutcome, drain

BATCH = "phase1_spearman_final_rank"
SPACE = {
    "trees": {"type": "rows", "names": ["max_depth", "learning_rate"], "values": [[3, 0.10], [5, 0.06]]},
    "training.loss": {"type": "choice", "values": ["listmle", "spearman"]},
    "model_a.hidden": {"type": "choice", "values": [8, 16], "when": {"training.loss": ["spearman"]}},
}


def score(job):
    """What is absent has the configuration's value."""
    assert job.parameters.get("model_a.hidden", 8) == job.config.model_a.hidden
    assert job.parameters["max_depth"] == job.config.model_b.max_depth
    value = job.config.model_b.max_depth + job.config.model_a.hidden / 100
    return TrialOutcome(value, dict.fromkeys(Objective, value))


@pytest.fixture
def drained(ledger, outputs, sweep_spec):
    def run(**fields):
        spec = sweep_spec({"search_spaces": {"phase1": SPACE}}, **fields)
        ledger.register(spec, outputs)
        worker = ledger.start_worker(BATCH, "testhost", os.getpid())
        assert drain(ledger, BATCH, worker, score, threading.Event()).done == spec.n_trials
        write_sweep_results(ledger, BATCH, outputs)
        return ledger.slots(BATCH)

    return run


@pytest.mark.parametrize("method", Method)
def test_every_method_runs_over_rows_and_conditions(ledger, outputs, drained, method):
    slots = drained(method=method, n_trials=6)
    assert {(s.parameters["max_depth"], s.parameters["learning_rate"]) for s in slots} == {(3, 0.10), (5, 0.06)}
    assert all(("model_a.hidden" in s.parameters) == (s.parameters["training.loss"] == "spearman") for s in slots)
    if method is Method.GRID:
        assert len({str(s.parameters) for s in slots}) == 6
    rows = list(csv.DictReader(outputs.sweep(BATCH).results.read_text().splitlines()))
    names = ["max_depth", "learning_rate", "model_a.hidden", "training.loss"]
    assert list(rows[0])[6:10] == names
    shown = [["" if value is None else str(value) for value in map(s.parameters.get, names)] for s in slots]
    assert [[row[name] for name in names] for row in rows] == shown
    trials = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert [trial.params for trial in trials] == [s.parameters for s in slots]


def test_a_lost_study_is_made_anew_with_what_was_there(ledger, drained):
    slots = drained()
    study.delete_study(ledger.connection, BATCH)
    trials = study.load_study(ledger.connection, ledger.spec(BATCH)).trials
    assert [trial.params for trial in trials] == [s.parameters for s in slots]


def test_importances_and_report_know_what_is_not_always_there(ledger, outputs, drained, tmp_path):
    drained(n_trials=24)
    (sweep,), _ = read_sweeps(ledger, outputs)
    together = "max_depth and learning_rate are chosen together: what each of them is worth cannot be told apart."
    assert together in importance_section([sweep], {})
    assert set(sweep.importances.importances) == {"max_depth", "learning_rate", "model_a.hidden", "training.loss"}
    [plot] = [drawn for _, drawn in figure_data([sweep]) if isinstance(drawn, ParameterPlot)]
    hidden = plot.rows[0].parameters["model_a.hidden"]
    assert {None, 8.0, 16.0} == set(hidden)
    problems = []
    figures = draw_figures({tmp_path / "figures": [sweep]}, problems.append, 0.0)[tmp_path / "figures"]
    assert problems == []
    listmle = [trial for trial in sweep.trials if trial.parameters["training.loss"] == "listmle"]
    only = msgspec.structs.replace(sweep, trials=tuple(listmle))
    text = report([only], [BATCH], figures, outputs, "")
    line = next(line for line in text.splitlines() if line.startswith("| model_a.hidden"))
    assert line.split("|")[2].strip() == "-"
