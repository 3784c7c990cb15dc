"""The part on failures: reasons, and the last lines of the log, wherever they are found, as plain text."""

import html

import msgspec
import pytest

from truestrength.launcher.report.page.contents import page
from truestrength.launcher.report.page.facts import Facts
from truestrength.launcher.report.page.log_ends import LINES, MOST_BYTES, log_end
from truestrength.launcher.report.page.parts import failures
from truestrength.trainer.contract.files import write_text
from truestrength.trainer.contract.paths.outputs import OutputsRoot

BATCH = "phase1_spearman_final_rank"


@pytest.fixture
def outputs(tmp_path):
    return OutputsRoot(tmp_path)


def own_log(outputs, text, run_id=26):
    write_text(outputs.sweep(BATCH).run(run_id).log, text)


def workers_log(outputs, text, job="7_1"):
    path = outputs.sweep(BATCH).jobs / "20260101T000000.000000_abc" / f"{job}_0_log.out"
    write_text(path, text)
    return path


def facts(outputs, sweep):
    return Facts([sweep], [BATCH], None, {}, "", outputs, outputs.sweeps)


def failing(build, *trials):
    return msgspec.structs.replace(build.sweep(build.spec(), [0.8]), trials=trials)


def test_a_failed_attempt_shows_the_end_of_its_runs_log(build, outputs):
    own_log(outputs, "".join(f"line {i}\n" for i in range(100)))
    workers_log(outputs, "of the worker\n")
    trial = build.failed(build.spec(), 1, 26, "NaN")
    found = log_end(trial, outputs)
    assert found.path.name == "log.txt"
    assert found.text.splitlines() == [f"line {i}" for i in range(100 - LINES, 100)]


def test_one_that_died_shows_its_workers(build, outputs):
    own_log(outputs, "of the run\n")
    path = workers_log(outputs, "Killed\n")
    dead = msgspec.structs.replace(build.failed(build.spec(), 1, 26, "lost", "dead"), job_id="7_1")
    assert log_end(dead, outputs) == (path, "Killed")
    path.write_text("\n")
    assert log_end(dead, outputs).text == "of the run", "an empty log says nothing"


def test_what_it_said_is_text_without_colours_secrets_or_control_characters(build, outputs):
    said = "\x1b[31mERROR\x1b[0m postgresql://me:S3cret@db/x\n  5%\r 50%\r100%\r\na\x00b\x07\n\x1b]0;title\x07c \n\xff"
    own_log(outputs, said)
    lines = log_end(build.failed(build.spec(), 1, 26, "x"), outputs).text.splitlines()
    assert lines == ["ERROR postgresql://me:***@db/x", "100%", "ab", "c", "\xff"]


def test_of_a_long_log_the_end_is_read_and_long_lines_are_cut(build, outputs):
    own_log(outputs, "x" * 3 * MOST_BYTES + "\nend\n")
    text = log_end(build.failed(build.spec(), 1, 26, "x"), outputs).text
    assert len(text) < 600
    assert text.endswith("…\nend")


def test_a_log_that_is_gone_is_said_and_markup_is_text(build, outputs):
    markup = "<script>alert(1)</script>"
    own_log(outputs, f"{markup}\n", 27)
    spec = build.spec()
    trials = (build.failed(spec, 1, 26, markup), build.failed(spec, 2, 27, "b"), build.failed(spec, 2, None, "c"))
    text = page(facts(outputs, failing(build, *trials)))
    assert markup not in text
    assert f'<pre tabindex="0">{html.escape(markup)}</pre>' in text
    assert text.count("No log of it is left.") == 2
    assert f'href="{BATCH}/run_027/log.txt"' in text


def test_attempts_that_fail_alike_are_counted_and_a_few_logs_shown(build, outputs):
    spec = build.spec(n_trials=100)
    for run_id in range(26, 34):
        own_log(outputs, f"end of {run_id}", run_id)
    trials = [build.failed(spec, i, 26 + i, "NaN\n loss") for i in range(8)]
    data = failures.part(facts(outputs, failing(build, *trials, build.failed(spec, 9, None, None)))).data
    assert data["reasons"] == [("NaN loss", 8), ("no reason is known", 1)]
    assert [bool(row["log"] and row["log"]["text"]) for row in data["rows"]] == [True] * 3 + [False] * 6


def test_of_very_many_the_rest_is_counted(build, outputs, monkeypatch):
    monkeypatch.setattr(failures, "MOST_FAILED", 2)
    spec = build.spec()
    text = page(facts(outputs, failing(build, *[build.failed(spec, i, None, "x") for i in range(5)])))
    assert "The first 2 attempts; 3 more are left out" in text
