"""A stand-in for nvidia-smi: a GPU that is cut into two slices, and one that is whole."""

import json
import os

LISTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-0)
  MIG 3g.20gb     Device  0: (UUID: MIG-1)
  MIG 1g.5gb      Device  1: (UUID: MIG-2)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-1)
"""
MEMORY = "GPU-0, 40960\nGPU-1, 40960\n"


def smi(folder, monkeypatch, listed=LISTED, memory=MEMORY):
    """Put it on the search path."""
    (folder / "listed").write_text(listed)
    (folder / "memory").write_text(memory)
    script = f'#!/bin/sh\ncase "$1" in -L) cat {folder}/listed;; *) cat {folder}/memory;; esac\n'
    (folder / "nvidia-smi").write_text(script)
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def run_that_took(outputs, peak_mb, run_id=25):
    """Leave the record of a run that says how much of a GPU's memory it had."""
    record = {
        "run_id": run_id, "state": "complete", "batch_id": None, "slot": None, "attempt": None, "started_at": "",
        "seed": 1, "data_fingerprint": "", "git_commit": None, "git_dirty": None, "image": None, "image_digest": None,
        "host": "", "pid": 1, "job_id": None, "device": "cuda/bf16", "threads": 1, "versions": {},
        **({"gpu_memory_mb": peak_mb} if peak_mb else {}),
    }  # fmt: skip
    path = outputs.sweep("a").run(run_id).provenance
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
