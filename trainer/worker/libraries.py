"""What the workers of one machine share: the libraries, imported before the fork, in this order and without their use.

Surprising: after nothing but imports all of them work in a child, but a single Polars query, a DMatrix or a large
product in the parent makes the same hang in every child, without a word (measured). And whichever brings the
first libgomp is the one whose threads the others use, so PyTorch comes last.
"""

from __future__ import annotations

import os
from importlib import import_module

from truestrength.trainer.contract.records import provenance

POLARS_GIVES_BACK = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
"""Polars' allocator gives pages back in a thread of its own, which a forked process has not: let it do so at once."""
LIBRARIES = (
    "numpy",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sklearn.tree",
    "xgboost",
    "polars",
    "psycopg2",
    "optuna",
    "torch",
)
OWN = (
    "truestrength.trainer.worker.work",
    "truestrength.trainer.search.samplers",
    "truestrength.trainer.run.pipeline",
    "truestrength.trainer.run.explanation",
    "truestrength.trainer.data.true_strength",
    "truestrength.trainer.models.deep_set_training",
    "truestrength.trainer.models.boosting",
    "truestrength.trainer.models.forest",
)


def load() -> None:
    """Import all that a worker may need."""
    os.environ.setdefault(*POLARS_GIVES_BACK)
    for name in (*LIBRARIES, *OWN):
        import_module(name)
    # What every run says of the code: remembered, so that no child has to ask Git and the installation again.
    provenance.git_state()
    provenance.versions()


def try_out() -> None:
    """Let each library do something with all its threads: it is here that a child would hang that was forked badly."""
    import numpy as np  # noqa: PLC0415 - the parent decides when
    import polars as pl  # noqa: PLC0415
    import torch  # noqa: PLC0415
    import xgboost  # noqa: PLC0415

    x = np.arange(64.0 * 64).reshape(64, 64)
    pl.DataFrame({"x": x[:, 0]}).filter(pl.col("x") > 0).select(pl.col("x").sum())
    torch.ones(300, 300).matmul(torch.ones(300, 300))
    xgboost.train({"max_depth": 1}, xgboost.DMatrix(x[:, 1:], x[:, 0]), 1)
    np.linalg.solve(np.eye(200), np.ones(200))
