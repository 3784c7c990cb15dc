"""The stage store under contention between processes, with the database as the arbiter."""

import subprocess
import sys
from collections import Counter

from tests.support.places import SUPPORT
from truestrength.trainer.contract.paths.store import StorePaths

SCRIPT = SUPPORT / "store_asker.py"


def test_a_hundred_processes_that_ask_at_once_build_one_file(project_database, ledger, tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "100"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Counter(path.read_text() for path in tmp_path.glob("*.txt")) == {"built": 1, "read": 99}
    paths = StorePaths(tmp_path / "store")
    assert len(paths.entries()) == 1
    assert list(paths.leftovers()) == []
