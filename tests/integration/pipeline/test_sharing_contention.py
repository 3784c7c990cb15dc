"""Many processes that ask at once build one file: the database says who."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from trainer.contract.paths import StorePaths

CREW = Path(__file__).parent / "store_crew.py"


def test_sixty_processes_build_one_file(database_url: str, tmp_path: Path) -> None:
    built = tmp_path / "built"
    built.mkdir()
    root = tmp_path / "store"
    subprocess.run(
        [sys.executable, str(CREW), "60", str(root), str(built)],
        env={**os.environ, "DATABASE_URL": database_url},
        check=True,
        timeout=120,
    )
    assert len(list(built.iterdir())) == 1
    assert len(StorePaths(root).entries()) == 1
    assert StorePaths(root).leftovers() == []
