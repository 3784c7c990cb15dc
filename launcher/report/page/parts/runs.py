"""The seventh part: every run in a table, and how to repeat one.

The page's script makes the table anew from the data of all runs, which are in the page as JSON; without it, the first
ones are there to be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from truestrength.launcher.report.markdown import number, setting
from truestrength.launcher.report.page.facts import Facts, Part, link
from truestrength.launcher.report.sections.course import command_of, repeat_section
from truestrength.launcher.report.trials import Sweep, Trial, parameter_names
from truestrength.trainer.contract.config.search_space import Fixed, singles
from truestrength.trainer.contract.paths.outputs import run_name
from truestrength.trainer.contract.words import Direction, Objective

MOST_RUNS = 20_000
"""Attempts in the page. More make a file that is slow to open and to mail; `sweep_results.csv` has all."""
MOST_ROWS = 200
"""Attempts that are there to be read without the script."""


def part(facts: Facts) -> Part:
    """A row an attempt, in the order of sweeps and slots."""
    attempts = [(sweep, trial) for sweep in facts.sweeps for trial in sweep.trials]
    kept = attempts[:MOST_RUNS]
    return Part(
        "runs",
        "Every run",
        {
            "rows": [_row(facts, sweep, trial) for sweep, trial in kept[:MOST_ROWS]],
            "there": len(kept),
            "left_out": len(attempts) - len(kept),
            "json": _as_json(facts, kept),
            "repeat": repeat_section(facts.sweeps, facts.outputs),
        },
    )


def _row(facts: Facts, sweep: Sweep, trial: Trial) -> dict[str, Any]:
    folder = _folder(facts, sweep)
    return {
        "sweep": sweep.spec.batch_id,
        "run": trial.run,
        "folder": f"{folder}{trial.run}/" if trial.run_id is not None else "",
        "slot": trial.slot,
        "state": trial.state,
        "value": number(trial.value, 4),
        "parameters": ", ".join(_parameters(sweep, trial)),
        "seconds": number(trial.seconds, 1),
        "reason": trial.reason or "",
    }


def _parameters(sweep: Sweep, trial: Trial) -> Iterator[str]:
    for name in _varied(sweep):
        if name in trial.parameters:
            yield f"{name} {setting(trial.parameters[name])}"


def _varied(sweep: Sweep) -> list[str]:
    space = singles(sweep.spec.space)
    return [name for name in parameter_names(space) if not isinstance(space[name], Fixed)]


def _folder(facts: Facts, sweep: Sweep) -> str:
    """Of a sweep, as a link: empty on its own page."""
    path = quote(link(facts, facts.outputs.sweep(sweep.spec.batch_id).folder))
    return "" if path == "." else f"{path}/"


def _as_json(facts: Facts, attempts: list[tuple[Sweep, Trial]]) -> Markup:
    """What the script reads. No `<` is in it, so nothing in it can end the element that it stands in."""
    places = {sweep.spec.batch_id: i for i, sweep in enumerate(facts.sweeps)}
    names = {sweep.spec.batch_id: parameter_names(singles(sweep.spec.space)) for sweep in facts.sweeps}
    data = {
        "objectives": [{"name": o.value, "lower": o.direction is Direction.MINIMIZE} for o in Objective],
        "sweeps": [_sweep_data(facts, sweep, names[sweep.spec.batch_id]) for sweep in facts.sweeps],
        "runs": [
            [
                places[trial.batch_id],
                trial.run,
                trial.slot,
                trial.attempt,
                trial.state,
                _short(trial.value),
                _short(trial.seconds),
                [_short(trial.score(objective)) for objective in Objective],
                [_short(trial.parameters.get(name)) for name in names[trial.batch_id]],
                trial.reason,
            ]
            for _, trial in attempts
        ],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - see above


def _sweep_data(facts: Facts, sweep: Sweep, names: list[str]) -> dict[str, Any]:
    example = run_name(0)
    command = command_of(facts.outputs.sweep(sweep.spec.batch_id).run(0), sweep.spec.repeats)
    before, _, after = command.rpartition(example)
    return {
        "name": sweep.spec.batch_id,
        "target": sweep.spec.target.value,
        "folder": _folder(facts, sweep),
        "parameters": names,
        "varied": _varied(sweep),
        "command": [before, after],
    }


def _short(value: Any) -> Any:
    """Six digits of a number, which is more than the page shows; JSON knows no NaN."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
