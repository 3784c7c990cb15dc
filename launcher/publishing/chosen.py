"""Which files of an outputs root are published: results and analysis, and never models, caches, job files or logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from truestrength.trainer.contract.database import address
from truestrength.trainer.contract.database.url import parse
from truestrength.trainer.contract.errors import UserError
from truestrength.trainer.contract.paths.outputs import OutputsRoot, RunPaths
from truestrength.trainer.contract.paths.server import EmbeddedServerPaths

OF_A_SWEEP = ("*.json", "*.csv", "report.html")
SHORTEST_SECRET = 6
"""A shorter password stands in any text by chance; in a URL it is found all the same."""
_URL_WITH_PASSWORD = re.compile(rb"postgres(?:ql)?(?:\+\w+)?://[^\s:/@\"']*:[^\s/@\"']+@", re.IGNORECASE)


def published_files(outputs: OutputsRoot, batch_ids: Iterable[str]) -> list[Path]:
    """The files of some sweeps, and the analysis with its charts."""
    return sorted({path for path in _candidates(outputs, batch_ids) if path.is_file()})


def _candidates(outputs: OutputsRoot, batch_ids: Iterable[str]) -> Iterator[Path]:
    for batch_id in batch_ids:
        sweep = outputs.sweep(batch_id)
        for pattern in OF_A_SWEEP:
            yield from sweep.folder.glob(pattern)
        for run_id in sweep.run_ids():
            yield from _of_a_run(sweep.run(run_id))
    yield outputs.analysis
    yield outputs.page
    yield from outputs.figures.glob("*.svg")


def _of_a_run(run: RunPaths) -> Iterator[Path]:
    yield from (run.config, run.metrics, run.holdout, run.noise, run.provenance)


def refuse_secrets(files: Sequence[Path], passwords: Iterable[bytes]) -> None:
    """Look for passwords of databases before anything is committed: what was pushed once is known for good.

    Raises:
        UserError: a file holds one. Which, and none of it is shown.
    """
    searched = [password for password in passwords if len(password) >= SHORTEST_SECRET]
    for path in files:
        content = path.read_bytes()
        if _URL_WITH_PASSWORD.search(content) or any(password in content for password in searched):
            raise UserError(f"{path}: holds a password of a database: nothing was committed. Take it out of the file")


def known_passwords(project: Path) -> set[bytes]:
    """The passwords of the configured database and of the embedded server, as written in a URL and as they are.

    Raises:
        UserError: `DATABASE_URL_FILE` cannot be read.
    """
    server = EmbeddedServerPaths.of(project)
    urls = [address.database_url(project)] if address.configured() else []
    urls += [address.read_url(path) for path in (server.url, *server.urls.glob("*")) if path.is_file()]
    passwords = {password for url in urls if (password := parse(url).password)}
    if server.superuser.is_file():
        passwords.add(server.superuser.read_text(encoding="utf-8").strip())
    passwords.add(os.environ.get("PGPASSWORD", ""))  # that of a URL without one
    return {spelling.encode() for password in passwords for spelling in (password, unquote(password))}
