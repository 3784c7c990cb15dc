"""The sixth part: what failed, where, why, and what it said last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from truestrength.launcher.report.markdown import MISSING
from truestrength.launcher.report.page.facts import Facts, Part, link
from truestrength.launcher.report.page.log_ends import log_end
from truestrength.launcher.report.sections.course import unread_said
from truestrength.launcher.report.trials import Trial

MOST_FAILED = 500
"""Attempts in the table; their logs are with the first of each reason."""
LOGS_A_REASON = 3
"""Many attempts fail alike, and the last lines of a few tell as much as those of all."""


def part(facts: Facts) -> Part:
    """Every attempt that ended without a result, by its reason, and the last lines of its log."""
    failed = [trial for sweep in facts.sweeps for trial in sweep.incomplete]
    reasons = reasons_of(failed)
    data = {
        "reasons": reasons.most_common(),
        "rows": _rows(facts, failed[:MOST_FAILED]),
        "left_out": max(0, len(failed) - MOST_FAILED),
        "logs_a_reason": LOGS_A_REASON if max(reasons.values(), default=0) > LOGS_A_REASON else 0,
        "unread": unread_said(facts.sweeps),
    }
    return Part("failures", "What failed", data)


def reasons_of(failed: Iterable[Trial]) -> Counter[str]:
    """How often attempts ended for which reason."""
    return Counter(map(_reason, failed))


def _rows(facts: Facts, failed: Sequence[Trial]) -> list[dict[str, Any]]:
    shown: Counter[str] = Counter()
    rows = []
    for trial in failed:
        reason = _reason(trial)
        shown[reason] += 1
        row = {
            "sweep": trial.batch_id,
            "run": trial.run,
            "state": trial.state,
            "reason": reason,
            "host": trial.host or MISSING,
            "job": trial.job_id or MISSING,
            "place": f"{trial.slot}.{trial.attempt}",
            "log": _log(facts, trial) if shown[reason] <= LOGS_A_REASON else None,
        }
        rows.append(row)
    return rows


def _reason(trial: Trial) -> str:
    return " ".join((trial.reason or "no reason is known").split())


def _log(facts: Facts, trial: Trial) -> dict[str, str]:
    """The end of a log and the way to it; without both where there is none any more."""
    found = log_end(trial, facts.outputs)
    if found is None:
        return {"text": "", "name": "", "address": ""}
    return {"text": found.text, "name": found.path.name, "address": quote(link(facts, found.path))}
