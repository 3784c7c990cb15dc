"""`truestrength publish` on real git: a bare remote, a second clone, and all that it refuses."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.places import CONFIG
from tests.support.published import BATCH, SECRET, git, make_clone, make_sweep
from truestrength.launcher.commands.parser import parser
from truestrength.trainer.contract import command_line
from truestrength.trainer.contract.paths.outputs import OutputsRoot

PUBLISHED = {
    "README.md",
    "outputs4/sweeps/SWEEP_PHASE1_ANALYSIS.md",
    "outputs4/sweeps/report.html",
    "outputs4/sweeps/figures/thirds.svg",
    f"outputs4/sweeps/{BATCH}/sweep_results_summary.json",
    f"outputs4/sweeps/{BATCH}/sweep_results.csv",
    f"outputs4/sweeps/{BATCH}/run_025/config.yaml",
    f"outputs4/sweeps/{BATCH}/run_025/metrics.json",
    f"outputs4/sweeps/{BATCH}/run_025/provenance.json",
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_clone(tmp_path, monkeypatch)


def publish(*words: str) -> int:
    return command_line.main(parser(), ["publish", *words, "--config", str(CONFIG), "--outputs", "outputs4"])


def committed(folder: Path, revision: str = "HEAD") -> set[str]:
    return set(git(folder, "show", "--pretty=format:", "--name-only", revision).split())


def test_results_and_analysis_are_committed_and_nothing_else(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "my_notes.txt").write_text("of nobody's business")
    assert publish(BATCH) == 0
    assert capsys.readouterr().out.startswith("committed 9 files to main as ")
    assert committed(clone) == PUBLISHED
    assert git(clone, "log", "-1", "--pretty=%B").strip() == f"Phase I: sweep results for {BATCH}"
    assert git(clone, "status", "--porcelain").split() == ["??", "my_notes.txt"]
    row = (clone / "README.md").read_text().splitlines()[-1]
    assert "(outputs4/sweeps/phase1_spearman_final_rank/) | 12/12 | spearman 0.9100, run_025 |" in row


def test_the_same_again_commits_nothing_and_what_is_new_alone(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish(BATCH) == 0
    before = git(clone, "rev-parse", "HEAD")
    assert publish(BATCH) == 0
    assert git(clone, "rev-parse", "HEAD") == before
    assert "main has all of it already" in capsys.readouterr().out
    make_sweep(clone, BATCH, complete=11)
    assert publish(BATCH) == 0
    assert committed(clone) == {"README.md", f"outputs4/sweeps/{BATCH}/sweep_results_summary.json"}
    assert (clone / "README.md").read_text().count("11/12") == 1
    assert "committed 2 files to main as " in capsys.readouterr().out


def test_pushed_results_are_in_a_second_clone(clone: Path, tmp_path: Path) -> None:
    assert publish(BATCH, "--push") == 0
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "second")
    assert committed(tmp_path / "second") == PUBLISHED


def test_a_rejected_push_keeps_the_commit_and_says_what_to_do(
    clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(tmp_path, "clone", "-q", str(tmp_path / "remote.git"), "second")
    git(tmp_path / "second", "commit", "-q", "--allow-empty", "-m", "theirs")
    git(tmp_path / "second", "push", "-q")
    assert publish(BATCH, "--push") == 2
    assert "`git pull --rebase origin main`, then the same command again" in capsys.readouterr().err
    assert committed(clone) == PUBLISHED
    git(clone, "pull", "-q", "--rebase", "origin", "main")
    assert publish(BATCH, "--push") == 0
    assert git(clone, "rev-parse", "HEAD") == git(tmp_path / "remote.git", "rev-parse", "main")


def _staged(clone: Path) -> None:
    (clone / "mine.txt").write_text("staged")
    git(clone, "add", "mine.txt")


def _detached(clone: Path) -> None:
    git(clone, "switch", "-q", "--detach")


def _conflict(clone: Path) -> None:
    _merge(clone, "other")


def _resolved(clone: Path) -> None:
    _merge(clone, "main")  # no conflict is left, and the merge is not finished


def _merge(clone: Path, ours: str) -> None:
    git(clone, "switch", "-qc", "side")
    (clone / "shared.txt").write_text("side")
    git(clone, "add", "shared.txt")
    git(clone, "commit", "-qm", "side")
    git(clone, "switch", "-q", "main")
    if ours != "main":
        (clone / "shared.txt").write_text(ours)
        git(clone, "add", "shared.txt")
    git(clone, "commit", "-q", "--allow-empty", "-m", "ours")
    subprocess.run(["git", "-C", clone, "merge", "-q", "--no-commit", "side"], check=False, capture_output=True)
    if ours == "main":
        git(clone, "reset", "-q", "--", "shared.txt")


def _readme(clone: Path) -> None:
    (clone / "README.md").write_text("# Changed\n")


def _latin1(clone: Path) -> None:
    (clone / "README.md").write_bytes(b"# M\xfcnchen\n")
    git(clone, "commit", "-qam", "mine")


def _password(clone: Path) -> None:
    OutputsRoot(clone / "outputs4").sweep(BATCH).run(25).provenance.write_text(json.dumps({"note": f"x{SECRET}"}))


def _url(clone: Path) -> None:
    OutputsRoot(clone / "outputs4").analysis.write_text("see postgresql://a:b@db.example.org/other\n")


def _hook(clone: Path) -> None:
    hook = clone / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not on Fridays >&2; exit 1\n")
    hook.chmod(0o755)


def _damaged(clone: Path) -> None:
    OutputsRoot(clone / "outputs4").sweep(BATCH).summary.write_text("{")


REFUSED = {
    "staged changes": (_staged, "the index is not clean (mine.txt)"),
    "a detached head": (_detached, "HEAD is detached"),
    "conflicts": (_conflict, "there are conflicts (shared.txt)"),
    "an unfinished merge": (_resolved, "a merge is not finished"),
    "a README of the user's": (_readme, "README.md: has changes of yours"),
    "a README in Latin-1": (_latin1, "README.md: is not UTF-8 text, so it gets no row"),
    "a password": (_password, "provenance.json: holds a password of a database"),
    "the URL of another database": (_url, "SWEEP_PHASE1_ANALYSIS.md: holds a password of a database"),
    "a hook": (_hook, "`git commit` refused, and nothing was committed: not on Fridays"),
    "a damaged summary": (_damaged, "sweep_results_summary.json: is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_safe_is_refused_and_nothing_changes(
    clone: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = REFUSED[name]
    spoil(clone)
    before = _state(clone)
    assert publish(BATCH, "--push") == 2
    told = capsys.readouterr().err
    assert said in told
    assert SECRET not in told
    assert _state(clone) == before


def _state(clone: Path) -> tuple[str, str, bytes]:
    return git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain"), (clone / "README.md").read_bytes()


def test_unknown_names_and_sweeps_that_are_missing_are_said(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish("phase1_spearman_final_rnk") == 2
    assert f"did you mean '{BATCH}'?" in capsys.readouterr().err
    assert publish("phase1") == 2
    assert "no results yet in outputs4/sweeps of phase1_spearman_playoff_outcome, " in capsys.readouterr().err


def test_a_folder_that_is_in_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_sweep(tmp_path, BATCH)
    monkeypatch.chdir(tmp_path)
    assert publish(BATCH) == 2
    assert "is in no git repository" in capsys.readouterr().err


def test_a_remote_to_choose(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(clone, "switch", "-qc", "new")
    assert publish(BATCH, "--push") == 0
    assert "pushed to origin new" in capsys.readouterr().out
    git(clone, "switch", "-qc", "newer")
    git(clone, "remote", "add", "other", "nowhere")
    assert publish(BATCH, "--push") == 2
    assert "nothing to push newer to: there are origin, other" in capsys.readouterr().err
