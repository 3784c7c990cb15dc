"""The seventh part: every run in a table, and how to repeat one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from launcher.report.markdown import MISSING, number, setting
from launcher.report.page.facts import Facts, Part, link
from launcher.report.sections.course import repeat_section
from launcher.report.trials import Sweep, Trial, parameter_names
from trainer.contract.config.search_space import singles

MOST_RUNS = 2000
"""Rows of the table of runs. More make a file that is slow to open and to mail; `sweep_results.csv` has all."""


def part(facts: Facts) -> Part:
    """A row an attempt, in the order of sweeps and slots."""
    rows = list(_rows(facts))
    return Part(
        "runs",
        "Every run",
        {
            "rows": rows[:MOST_RUNS],
            "left_out": max(0, len(rows) - MOST_RUNS),
            "repeat": repeat_section(facts.sweeps, facts.outputs),
        },
    )


def _rows(facts: Facts) -> Iterator[dict[str, Any]]:
    for sweep in facts.sweeps:
        paths = facts.outputs.sweep(sweep.spec.batch_id)
        for trial in sweep.trials:
            yield {
                "sweep": sweep.spec.batch_id,
                "run": trial.run,
                "folder": f"{quote(link(facts, paths.run(trial.run_id).folder))}/" if trial.run_id is not None else "",
                "slot": trial.slot,
                "state": trial.state,
                "value": number(trial.value, 4),
                "parameters": ", ".join(_parameters(sweep, trial)),
                "seconds": MISSING if trial.seconds is None else number(trial.seconds, 1),
                "reason": trial.reason or "",
            }


def _parameters(sweep: Sweep, trial: Trial) -> Iterator[str]:
    for name in parameter_names(singles(sweep.spec.space)):
        if name in trial.parameters:
            yield f"{name} {setting(trial.parameters[name])}"
