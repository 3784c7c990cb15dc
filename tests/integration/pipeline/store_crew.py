"""Many processes that ask one store for the same entry at the same moment.

Run as `python store_crew.py PROCESSES STORE BUILT`, with `DATABASE_URL`. Whoever builds leaves a file in BUILT.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from trainer.contract import database
from trainer.contract.ledger import Ledger
from trainer.stages.stage_file import Contents
from trainer.stages.store import Store

COUNT, ROOT, BUILT = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])


def build(_: Contents | None) -> Contents:
    (BUILT / str(os.getpid())).touch()
    time.sleep(0.5)
    return Contents({"value": np.arange(100_000)})


def ask(start: float) -> int:
    with Ledger(database.normalise(os.environ["DATABASE_URL"], "DATABASE_URL"), patience_s=30) as ledger:
        store = Store(ROOT, ledger.building)
        time.sleep(max(0.0, start - time.monotonic()))
        return int(store.fetch("x", {"of": "all"}, build).arrays["value"].sum() != 4_999_950_000)


start = time.monotonic() + 2
children = []
for _ in range(COUNT):
    child = os.fork()
    if child == 0:
        os._exit(ask(start))
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
