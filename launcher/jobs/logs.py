"""Finds and follows what the workers of a sweep say.

A worker that serves one sweep after another has one log, in the folder of the sweep it was submitted for; the ledger
knows which job it runs in. A worker that died before it reached the ledger is found by the sweep's newest submission.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from truestrength.trainer.contract.ledger import Ledger
from truestrength.trainer.contract.paths.outputs import OutputsRoot, worker_logs

FOLLOW_S = 0.5


def logs_of(ledger: Ledger, batch_id: str, outputs: OutputsRoot, worker: int | None = None) -> dict[str, Path]:
    """The log files of a sweep's workers (or of one), by a name for each; a process may have served it twice."""
    workers: dict[Path, list[str]] = {}
    for row in ledger.workers(batch_id):
        if row.job_id is not None and worker in {None, row.worker_id}:
            for path in outputs.worker_logs(row.job_id)[-1:]:
                workers.setdefault(path, []).append(str(row.worker_id))
    found = {f"worker {', '.join(numbers)}": path for path, numbers in workers.items()}
    if worker is None:
        logs = outputs.sweep(batch_id).worker_logs()
        newest = [path for path in logs if path.parent == logs[-1].parent]
        found |= {path.name: path for path in newest if path not in workers}
    return found


def tail(path: Path, lines: int | None) -> str:
    """The last lines of a text file; all of them for None."""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(text if lines is None else text[-lines:])


def last_words(outputs: OutputsRoot, batch_id: str, lines: int = 6) -> tuple[Path, str] | None:
    """A log of the newest array on SLURM, one that says something if any does, and its end; None: no array."""
    array = outputs.sweep(batch_id).newest_array()
    if array is None:
        return None
    logs = worker_logs(array)
    for path in reversed(logs):
        if text := tail(path, lines).strip():
            return path, text
    return (logs[-1], "nothing: the log is empty") if logs else (array, "nothing: no job of it has written a log")


def follow(ledger: Ledger, batch_id: str, outputs: OutputsRoot, worker: int | None = None) -> None:
    """Print what is written, each line after its worker's name, until no slot of the sweep is open."""
    read: dict[Path, int] = {}
    ended = False
    while True:
        for name, path in logs_of(ledger, batch_id, outputs, worker).items():
            read[path] = _print_new(name, path, read.get(path, 0))
        if ended:
            return
        progress = ledger.progress(batch_id)
        ended = progress.cancelled or not progress.open
        time.sleep(FOLLOW_S)


def _print_new(name: str, path: Path, position: int) -> int:
    """Print the whole lines from `position` on, and return where they end."""
    with path.open("rb") as file:
        file.seek(position)
        content = file.read()
    whole = content[: content.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        sys.stdout.write(f"{name}: {line}\n")
    sys.stdout.flush()
    return position + len(whole)
