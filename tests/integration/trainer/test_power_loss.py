"""What a worker calls safe was written through to the disk: file and folder, before the ledger heard of it.

The calls of a real worker are traced (strace). A rename that is not followed by an fsync of its folder, or a new folder
whose own entry was not, may be gone after a loss of power, although the ledger says that the run is complete.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.small_sweep import SMALL, small_sweep
from truestrength.trainer.contract.ledger import AttemptState
from truestrength.trainer.contract.paths.outputs import OutputsRoot
from truestrength.trainer.data.demo import demo

CALLS = "rename,renameat,renameat2,link,linkat,fsync,fdatasync,mkdir,mkdirat"
CALL = re.compile(r"^(\d+\.\d+) (\w+)\((.*)\) += 0$")
NAMED = re.compile(r'"([^"]*)"')
OPENED = re.compile(r"^\d+<(.*?)>(\(deleted\))?$")


@pytest.fixture
def strace():
    if not shutil.which("strace"):
        if os.environ.get("CI") != "true":
            pytest.skip("needs strace")
        apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        subprocess.run([*apt, "update"], check=True)
        subprocess.run([*apt, "install", "-y", "--no-install-recommends", "strace"], check=True)
    return "strace"


def traced(folder, command, strace):
    """Every call in the order of time: when, which, and the paths that it names."""
    trace = folder / "trace"
    # A file per thread: so no call is cut in two by another thread's.
    watch = [strace, "-ff", "-y", "-ttt", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(trace)]
    done = subprocess.run([*watch, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    calls = []
    for part in folder.glob("trace.*"):
        for line in part.read_text().splitlines():
            if found := CALL.match(line):
                when, name, words = found.groups()
                opened = OPENED.match(words)
                paths = [opened[1]] if opened else NAMED.findall(words)
                if paths:  # some speak of no file
                    calls.append((float(when), name, [folder / path for path in paths]))
    return sorted(calls, key=lambda call: call[0])


def unsafe(calls, below, until):
    """What was put into its place below a folder without being safe by then, and why."""
    synced = [(when, paths[0]) for when, name, paths in calls if name in {"fsync", "fdatasync"}]
    for when, name, paths in calls:
        target = paths[-1]
        if name.endswith("sync") or target.name.endswith(".tmp") or not target.is_relative_to(below):
            continue
        if not any(when < then < until and path == target.parent for then, path in synced):
            yield f"{name} {target}: its folder was not written through"
        if "mkdir" in name or any(then < when and path == paths[0] for then, path in synced):
            continue
        # A folder that is renamed: each of its files was.
        inside = [paths[0] / kept.name for kept in target.iterdir()] if target.is_dir() else [paths[0]]
        safe = {ends[-1] for then, other, ends in calls if "rename" in other and then < when}
        yield from (f"{name} {target}: {path.name} was not written through" for path in inside if path not in safe)


def test_what_the_ledger_calls_complete_is_on_the_disk(tmp_path, monkeypatch, project_database, ledger, strace):
    monkeypatch.chdir(tmp_path)
    demo(tmp_path / "league", seed=3, seasons=4)
    (tmp_path / "config.yaml").write_text(SMALL)
    ledger.register(small_sweep(2), OutputsRoot(Path("out")))
    command = [sys.executable, "-m", "trainer", "work", "--batch-id", "small", "--threads", "1"]
    calls = traced(tmp_path, command, strace)
    sweep = OutputsRoot(tmp_path / "out").sweep("small")
    attempts = ledger.attempts("small")
    assert {attempt.state for attempt in attempts} == {AttemptState.COMPLETE}
    for attempt in attempts:
        run = sweep.run(attempt.run_id)
        placed = {paths[-1] for _, name, paths in calls if "rename" in name}
        whole = {run.config, run.metrics, run.predictions, run.models, run.provenance}
        assert whole <= placed, "the trace has the run"
        found = list(unsafe(calls, run.folder, attempt.finished_at.timestamp()))
        assert found == []
    assert [line for line in unsafe(calls, tmp_path / "cache", float("inf")) if "rename" in line] == []
