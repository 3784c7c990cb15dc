"""What the probe job does on its node: `python -m truestrength.launcher.doctor.on_node FOLDER`.

Reads what the launcher wrote into a folder, and writes there what it sees of the database, the clock and the GPU.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from truestrength.launcher.doctor.paths import ANSWER, QUESTION
from truestrength.launcher.jobs.devices import devices
from truestrength.trainer.contract import files
from truestrength.trainer.contract.database import address, patience
from truestrength.trainer.contract.errors import UserError

PATIENCE_S = 10.0


def main(folder: Path) -> int:
    """Answer into the folder. Returns the exit code."""
    question = (folder / QUESTION).read_text(encoding="utf-8")
    answer: dict[str, Any] = {
        "question": question,
        "node": socket.gethostname(),
        "python": sys.version.partition(" ")[0],
        "gpus": [one.name for one in devices()],
        "database": _database() if address.configured() else None,
        "now": time.time(),
    }
    files.write_text(folder / ANSWER, json.dumps(answer))
    return 0


def _database() -> str:
    """Why the database cannot be used; empty when it answers."""
    try:
        patience.reach(address.database_url(), PATIENCE_S, lambda _: None)
    except UserError as error:
        return " ".join(str(error).split())
    return ""


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
