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


def ask(start: float, root: Path, built: Path) -> int:
    """Fetch the entry when `start` has come; 0 if it is whole."""

    def build(_: Contents | None) -> Contents:
        (built / str(os.getpid())).touch()
        time.sleep(0.5)
        return Contents({"value": np.arange(100_000)})

    with Ledger(database.normalise(os.environ["DATABASE_URL"], "DATABASE_URL"), patience_s=30) as ledger:
        store = Store(root, ledger.building)
        time.sleep(max(0.0, start - time.monotonic()))
        return int(store.fetch("x", {"of": "all"}, build).arrays["value"].sum() != 4_999_950_000)


def main(count: int, root: Path, built: Path) -> int:
    """Fork the processes and wait for all of them."""
    start = time.monotonic() + 2
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os._exit(ask(start, root, built))
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
