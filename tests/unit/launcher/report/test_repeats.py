"""What tables and report say of trials that have more seeds than one."""

import csv
import io
import re
from pathlib import Path

import msgspec
import pytest

from truestrength.launcher.report.analysis import report
from truestrength.launcher.report.sweep_files import result_columns, results_csv, summary
from truestrength.launcher.report.trials import best_of_target, rankers
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import Repeat, mean_of, standard_error_of
from truestrength.trainer.contract.words import Objective, Target


@pytest.fixture
def sweep(build):
    """Two trials of three seeds. By its first seed the first one is better, by the mean the second."""
    spec = msgspec.structs.replace(build.spec(), repeats=3)
    plain = build.sweep(spec, [0.90, 0.89])
    others = ([0.86, 0.88], [0.90, 0.91])
    trials = [repeated(build, trial, skills) for trial, skills in zip(plain.trials, others, strict=True)]
    return msgspec.structs.replace(plain, trials=tuple(trials))


def repeated(build, trial, skills):
    scores = [trial.metrics.objectives, *(build.metrics(skill).objectives for skill in skills)]
    repeats = tuple(Repeat(7 + i, row) for i, row in enumerate(scores))
    metrics = msgspec.structs.replace(trial.metrics, repeats=repeats, standard_error=standard_error_of(scores))
    return msgspec.structs.replace(trial, metrics=metrics, value=mean_of(scores).spearman)


def test_the_mean_is_ranked_and_its_error_stands_in_the_table(sweep):
    best = best_of_target([sweep], Target.FINAL_RANK)
    assert best is sweep.trials[1]
    rows = list(csv.DictReader(io.StringIO(results_csv(sweep))))
    assert (
        [float(row["value"]) for row in rows] == [float(row["spearman"]) for row in rows] == pytest.approx([0.88, 0.9])
    )
    errors = [trial.metrics.standard_error.spearman for trial in sweep.trials]
    assert [float(row["standard_error"]) for row in rows] == errors == pytest.approx([0.02 / 3**0.5, 0.01 / 3**0.5])
    found = summary(sweep)
    assert found["repeats"] == 3
    assert found["best"]["spearman"]["standard_error"] == errors[1]
    assert rankers(best.metrics)["stack"].spearman == pytest.approx(0.9)
    assert rankers(best.metrics)["stack"] == best.metrics.objectives


def test_sweeps_of_one_seed_have_the_columns_that_they_had(build):
    sweep = build.sweep(build.spec(), [0.8])
    assert "standard_error" not in result_columns(sweep)
    assert sweep.trials[0].standard_error(Objective.SPEARMAN) is None
    assert "seeds:" not in report([sweep], [sweep.spec.batch_id], {}, OutputsRoot(Path("out")), "")


def test_the_first_screen_says_what_is_a_mean_and_what_is_not(sweep):
    text = report([sweep], [sweep.spec.batch_id], {}, OutputsRoot(Path("out")), "")
    top = text.partition("## Objective")[0]
    assert "Its trials are means of 3 seeds: run_026 has spearman 0.9000 with a standard error of 0.0058" in top
    assert re.search(r"^\| its standard error +\| +0\.0058 \|$", text, re.MULTILINE)
    assert "--no-share --repeats 3 --config" in text
