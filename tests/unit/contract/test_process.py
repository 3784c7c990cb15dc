"""Workers x threads = cores: the launcher shares them out, and a worker keeps to its share."""

import os

import pytest

from truestrength.trainer.contract import process
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.process import THREAD_VARIABLES, thread_environment, threads_per_worker, use_threads


@pytest.mark.parametrize(("cores", "workers", "threads"), [(16, 4, 4), (2, 2, 1), (2, 4, 1), (7, 2, 3)])
def test_cores_are_shared_out_and_nobody_gets_none(monkeypatch, cores, workers, threads):
    monkeypatch.setattr(process, "cores", lambda: cores)
    assert threads_per_worker(workers) == threads


def test_launcher_and_worker_set_the_same_variables(monkeypatch):
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "77")
    assert use_threads(3) == 3
    assert {name: os.environ[name] for name in THREAD_VARIABLES} == thread_environment(3)
    assert use_threads(None) == process.cores()
    with pytest.raises(UserError, match="at least 1"):
        use_threads(0)


@pytest.mark.parametrize(("quota", "threads"), [("150000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_a_containers_quota_counts(monkeypatch, tmp_path, quota, threads):
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(process, "CPU_QUOTA", tmp_path / "cpu.max")
    assert use_threads(None) == threads or (threads is None and len(os.sched_getaffinity(0)))
