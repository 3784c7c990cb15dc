"""The last lines of what an attempt said: its run's own log or, where that says nothing of its end, its worker's.

Surprising: a worker that died could write nothing into its run's folder, so its own log comes first then; other logs
of workers hold many attempts, and their ends may be of a later one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from truestrength.launcher.report.trials import Trial
from truestrength.trainer.contract.database.url import redact
from truestrength.trainer.contract.ledger.rows import AttemptState
from truestrength.trainer.contract.paths.outputs import OutputsRoot

LINES = 12
MOST_BYTES = 16_384
"""That are read of a log's end."""
WIDEST = 500
"""Characters of a line."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LogEnd(NamedTuple):
    """Where it was found, and what it says."""

    path: Path
    text: str


def log_end(trial: Trial, outputs: OutputsRoot) -> LogEnd | None:
    """The end of the first log that there is and that says something; None where no log is left."""
    for path in _logs(trial, outputs):
        if text := _end(path):
            return LogEnd(path, text)
    return None


def _logs(trial: Trial, outputs: OutputsRoot) -> Iterator[Path]:
    own = [outputs.sweep(trial.batch_id).run(trial.run_id).log] if trial.run_id is not None else []
    workers = outputs.worker_logs(trial.job_id)[-1:] if trial.job_id else []
    died = trial.state == AttemptState.DEAD
    yield from [*workers, *own] if died else [*own, *workers]


def _end(path: Path) -> str:
    """Empty where there is nothing to read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            content = file.read()
    except OSError:
        return ""
    text = redact(content.decode("utf-8", errors="replace"))
    lines = [shown for line in text.split("\n") if (shown := _plain(line))]
    return "\n".join(lines[-LINES:])


def _plain(line: str) -> str:
    """A line as a terminal would have left it: without colours, and of a progress bar what stood there last."""
    written = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
    shown = _CONTROL.sub("", written).rstrip()
    return shown if len(shown) <= WIDEST else f"{shown[:WIDEST]} …"
