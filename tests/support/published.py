"""A clone with the files of a sweep, and a bare remote beside it: what `publish` works on."""

import json
import subprocess
from pathlib import Path

import pytest

from truestrength.trainer.contract.paths.outputs import OutputsRoot

SECRET = "Tr0ub4dor-and-3"
BATCH = "phase1_spearman_final_rank"
LEFT = ("run_025/models/stack.json", "run_025/log.txt", "run_025/predictions.parquet", "jobs/1/7_0_log.out")
"""What is not for git."""


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make it, and go there."""
    for name, value in {"NAME": "Ann", "EMAIL": "ann@example.org"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://me:{SECRET}@db.example.org/sweeps")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "clone")
    folder = tmp_path / "clone"
    git(folder, "switch", "-q", "-c", "main")
    (folder / "README.md").write_text("# Mine\n\n## Report Assets\n")
    (folder / ".gitignore").write_text("outputs4/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    git(folder, "push", "-qu", "origin", "main")
    make_sweep(folder, BATCH)
    monkeypatch.chdir(folder)
    return folder


def make_sweep(folder: Path, batch_id: str, complete: int = 12) -> None:
    outputs = OutputsRoot(folder / "outputs4")
    sweep = outputs.sweep(batch_id)
    best = {"run_id": 25, "value": 0.91}
    summary = {"objective": "spearman", "complete": complete, "n_trials": 12, "best": {"spearman": best}}
    written = {
        sweep.summary: json.dumps(summary),
        sweep.results: "run_id\n25\n",
        sweep.run(25).config: "seed: 1\n",
        sweep.run(25).metrics: "{}",
        sweep.run(25).provenance: "{}",
        outputs.analysis: "# What the sweeps found\n",
        outputs.page: "<!doctype html>",
        outputs.figures / "thirds.svg": "<svg/>",
        **{sweep.folder / name: "not for git" for name in LEFT},
    }
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
