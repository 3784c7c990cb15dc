"""`--repeats` and `--goal` with real launchers and workers, killed in the middle: the same command ends well."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from statistics import fmean

import msgspec
import pytest

from tests.support.small_sweep import SMALL, small_sweep
from truestrength.launcher.report.sweep_files import write_sweep_results
from truestrength.trainer.contract.ledger import AttemptState, study
from truestrength.trainer.contract.ledger.lease import LEASE_VARIABLE
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.contract.records.metrics import RunMetrics
from truestrength.trainer.contract.words import Method
from truestrength.trainer.data.demo import demo

BATCH = "small"
BUDGET, KNOWN, REPEATS = 12, 5, 2
LEASE_S = 3


@pytest.fixture
def start(tmp_path, monkeypatch, project_database):
    """Start commands in a folder with a league, and leave none behind."""
    demo(tmp_path / "league", seed=3, seasons=4)
    (tmp_path / "config.yaml").write_text(SMALL)
    monkeypatch.setenv(LEASE_VARIABLE, str(LEASE_S))
    monkeypatch.chdir(tmp_path)
    started = []

    def command(*words):
        with Path("said.log").open("ab") as log:
            started.append(subprocess.Popen([sys.executable, "-m", *words], stdout=log, stderr=log))
        return started[-1]

    yield command
    for process in started:
        process.kill()
        process.wait()


def busy(ledger):
    """Workers in the middle of a trial."""
    rows = ledger.workers(BATCH)
    return [row.pid for row in rows if row.slot is not None and Path(f"/proc/{row.pid}").exists()]


def kill_workers(ledger, process, *, times):
    """Kill one worker after the other, each in the middle of a trial, as long as `process` runs."""
    killed = []
    while len(killed) < times and process.poll() is None:
        if pids := [pid for pid in busy(ledger) if pid not in killed]:
            time.sleep(0.1)
            with suppress(ProcessLookupError):
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])
        time.sleep(0.02)
    return killed


def test_killed_in_the_middle_the_same_command_ends_early_and_then_at_the_exact_budget(start, ledger):
    outputs = OutputsRoot(Path("out"))
    known = small_sweep(KNOWN, ["paths.batch_cache=other_cache"])
    ledger.register(msgspec.structs.replace(known, batch_id="known", method=Method.RANDOM, repeats=REPEATS), outputs)
    assert start("trainer", "work", "--batch-id", "known", "--threads", "1").wait(120) == 0
    truth = {row.slot: row.value for row in ledger.slots("known")}
    goal = max(truth.values())

    command = ["launcher", "sweep", "--config", "config.yaml", "--method", "random", "--batch-id", BATCH]
    command += ["--repeats", str(REPEATS), "--n-trials", str(BUDGET), "--n-jobs", "2", "--goal", repr(goal)]
    first = start(*command)
    while not ledger.is_there() or BATCH not in [now.batch_id for now in ledger.all_progress()]:
        assert first.poll() is None, Path("said.log").read_text()
        time.sleep(0.05)
    assert kill_workers(ledger, first, times=1)
    first.kill()
    for pid in busy(ledger):
        os.kill(pid, signal.SIGKILL)
    second = start(*command)
    assert kill_workers(ledger, second, times=1)
    assert second.wait(240) == 0, Path("said.log").read_text()
    now = ledger.progress(BATCH)
    assert (now.standing, now.open, now.failed, now.best_value) == ("goal reached", 0, 0, goal)
    assert now.done + now.not_needed == BUDGET
    assert now.not_needed > 0
    assert_whole(ledger, outputs, now)
    for row in ledger.slots(BATCH)[:KNOWN]:
        assert row.value in (truth[row.slot], None), "the mean is what it is when nobody is killed"

    ledger.register(ledger.spec(BATCH), outputs)
    worker = start("trainer", "work", "--batch-id", BATCH, "--threads", "1")
    assert kill_workers(ledger, worker, times=1)
    assert start("trainer", "work", "--batch-id", BATCH, "--threads", "1").wait(240) == 0
    write_sweep_results(ledger, BATCH, outputs)
    now = ledger.progress(BATCH)
    assert (now.done, now.not_needed, now.standing) == (BUDGET, 0, "complete")
    assert_whole(ledger, outputs, now)


def assert_whole(ledger, outputs, now):
    """Table, study, folders and ledger say the same; nothing is left running; no id twice; every value is a mean."""
    sweep = outputs.sweep(BATCH)
    rows = list(csv.DictReader(sweep.results.read_text().splitlines()))
    assert Counter(row["state"] for row in rows) == +Counter({"complete": now.done, "not needed": now.not_needed})
    states = Counter(row.state for row in ledger.attempts(BATCH))
    assert states[AttemptState.COMPLETE] == now.done
    assert states[AttemptState.DEAD] >= 2
    assert states[AttemptState.RUNNING] == 0
    ids = [row.run_id for row in ledger.attempts(BATCH) if row.run_id is not None]
    assert len(ids) == len(set(ids))
    trials = Counter(trial.state.name for trial in study.load_study(ledger.connection, ledger.spec(BATCH)).trials)
    assert trials["COMPLETE"] == now.done
    assert trials.keys() <= {"COMPLETE", "FAIL"}
    for row in rows[: now.done]:
        metrics = msgspec.json.decode(sweep.run(int(row["run_id"])).metrics.read_bytes(), type=RunMetrics)
        assert len(metrics.repeats) == REPEATS
        assert float(row["value"]) == fmean(repeat.objectives.spearman for repeat in metrics.repeats)
        assert float(row["standard_error"]) == metrics.standard_error.spearman
