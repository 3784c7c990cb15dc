"""The benchmark commands, in the smallest setting, from the checkout."""

import subprocess
import sys

import pytest

from benchmarks.process_tree import measure
from tests.support.places import REPOSITORY
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.models.precision import choose_precision

BUSY = "import time\nwhile time.process_time() < 0.6: pass"


def benchmark(name, *words):
    command = [sys.executable, "-m", f"benchmarks.{name}", *words]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name",
    [
        "phase1",
        "trial",
        "orchestration",
        "ledger",
        "gpu",
        "siblings",
        "backtest",
        "neutral",
        "chaos",
        "samplers",
        "report",
    ],
)
def test_every_command_says_what_it_measures(name):
    said = benchmark(name, "--help")
    assert said.returncode == 0
    assert "How to read it" in " ".join(said.stdout.split())


def test_what_a_command_leaves_behind_is_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    daemon = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BUSY!r}], start_new_session=True)"
    usage = measure([sys.executable, "-c", daemon], {}, tmp_path / "log.txt")
    assert usage.cpu_s >= 0.6
    assert sum(usage.by_role.values()) >= usage.cpu_s - 1e-6


def test_a_command_that_fails_is_an_error_with_the_end_of_its_log(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(UserError, match="exit code 7"):
        measure([sys.executable, "-c", "raise SystemExit(7)"], {}, tmp_path / "log.txt")


def test_ledger():
    said = benchmark(
        "ledger", "--workers", "2", "--at-trials", "12", "--trials", "13", "--at-workers", "1", "--statements"
    )
    assert said.returncode == 0, said.stderr
    rows = [line.split() for line in said.stdout.splitlines()]
    assert ["2", "12"] in [row[:2] for row in rows]
    assert ["1", "13"] in [row[:2] for row in rows]
    assert any("truestrength.slots" in line for line in said.stdout.splitlines())


def test_orchestration_says_which_peer_is_missing():
    said = benchmark("orchestration", "--workers", "2", "--trials", "6", "--without", "hydra", "ray")
    assert said.returncode == 0, said.stderr
    lines = {line.split("  ")[0]: line for line in said.stdout.splitlines()}
    assert lines["this launcher"].split()[2:4] == ["2", "6"]
    assert "x our wall" in lines["plain Optuna"]
    assert lines["Ray Tune, OptunaSearch"].endswith("left out")
    assert lines["Hydra, submitit + Optuna"].endswith("left out")


def test_samplers_stand_beside_random_search_and_plain_optuna():
    small = ["--trials", "13", "--workers", "2", "--seeds", "1", "--pause-ms", "1"]
    said = benchmark("samplers", *small, "--functions", "mixed", "--samplers", "cmaes")
    assert said.returncode == 0, said.stderr
    rows = {line.split()[0]: line.split() for line in said.stdout.splitlines() if line}
    assert len(rows["cmaes"]) == len(rows["random"]) == 9
    assert (rows["random"][5], rows["cmaes"][7]) == ("0.50", "0")


@pytest.mark.skipif(choose_precision("off", "auto").device == "cuda", reason="this machine has CUDA")
def test_gpu_says_that_there_is_none():
    said = benchmark("gpu")
    assert said.returncode == 2
    assert "--device cpu" in said.stderr


def test_report_leaves_runs_out_of_charts_and_not_out_of_the_page(tmp_path):
    said = benchmark("report", "--trials", "700", "--sweeps", "2", "--keep", str(tmp_path / "report.html"))
    assert said.returncode == 0, said.stderr
    rows = [line.split()[:3] for line in said.stdout.splitlines()]
    assert ["plan", "700", "300"] in rows
    assert ["null_1", "350", "300"] in rows
    text = (tmp_path / "report.html").read_text()
    assert "Charts show at most 300 of 700 runs" in text
    assert all(f'"run_{run_id:03d}"' in text for run_id in range(25, 725)), "the table has them all"
