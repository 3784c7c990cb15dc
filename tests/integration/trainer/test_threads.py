"""`truestrength train --threads N` computes with N threads, in every pool of every numeric library."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.places import REPOSITORY

AT_EXIT = """
import atexit, json, os

def pools():
    from threadpoolctl import threadpool_info
    import polars, torch
    found = {f"{pool['internal_api']} {pool['prefix']}": pool["num_threads"] for pool in threadpool_info()}
    found["polars"] = polars.thread_pool_size()
    found["torch"] = torch.get_num_threads()
    with open(os.environ["POOLS"], "w") as file:
        json.dump(found, file)

if "POOLS" in os.environ:
    atexit.register(pools)
"""
CONFIG = """
paths: {data: league, outputs: out, batch_cache: cache}
evaluation: {validation: 1, holdout: 1}
training: {n_folds: 2, max_lists_oof: 6, max_final_batches: 6, roster_size: 5, rolling_windows: [10]}
model_a: {epochs: 1}
model_b: {n_estimators: 5}
model_c: {n_estimators: 5}
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_every_pool_has_the_threads_that_were_asked_for(tmp_path, project_database, threads):
    (tmp_path / "sitecustomize.py").write_text(AT_EXIT)
    (tmp_path / "config.yaml").write_text(CONFIG)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY}", "POOLS": str(tmp_path / "pools.json")}
    environment.pop("OMP_NUM_THREADS", None)

    def trainer(*words):
        subprocess.run([sys.executable, "-m", "trainer", *words], cwd=tmp_path, env=environment, check=True)

    trainer("data", "demo", "--into", "league", "--seasons", "4")
    trainer("run", "--config", "config.yaml", "--threads", str(threads))
    pools = json.loads((tmp_path / "pools.json").read_text())
    assert {"polars", "torch"} < set(pools)
    assert any(name.startswith("openblas") for name in pools), pools
    assert any(name.startswith("openmp") for name in pools), pools
    assert set(pools.values()) == {threads}, pools
