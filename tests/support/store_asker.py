"""A hundred processes that ask the stage store for one entry at once: `python store_asker.py FOLDER PROCESSES`.

They are forked, so that the imports are paid once, and wait for one another. Each writes `built` or `read` into a
file of its own beside the store.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from truestrength.trainer.contract.database.address import database_url
from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.stages.stage_file import Contents
from truestrength.trainer.stages.store import Store

FOLDER, PROCESSES = Path(sys.argv[1]), int(sys.argv[2])


def build(_: Contents | None) -> Contents:
    time.sleep(0.3)
    return Contents({"value": np.arange(9)})


def ask(ready: int) -> None:
    os.read(ready, 1)  # ends for all at once, when the parent closes the pipe
    with Ledger(database_url(), patience_s=60) as ledger:
        store = Store(FOLDER / "store", ledger.building)
        assert store.fetch("x", {}, build).arrays["value"].tolist() == list(range(9))
        (FOLDER / f"{os.getpid()}.txt").write_text("built" if store.counts["x"].misses else "read")


ready, go = os.pipe()
children = []
for _ in range(PROCESSES):
    pid = os.fork()
    if pid == 0:
        os.close(go)
        code = 1
        try:
            ask(ready)
            code = 0
        finally:
            os._exit(code)
    children.append(pid)
os.close(go)
sys.exit(any(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children))
