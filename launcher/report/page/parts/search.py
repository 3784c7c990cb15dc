"""The third part: how the search went, what the parameters are worth, and the runs beside each other."""

from __future__ import annotations

from truestrength.launcher.report.figures.contents import shown_in_charts
from truestrength.launcher.report.figures.together import front
from truestrength.launcher.report.markdown import number, table
from truestrength.launcher.report.page.facts import Facts, Part
from truestrength.launcher.report.sections.parameters import importance_section
from truestrength.launcher.report.sections.prior import prior_section
from truestrength.trainer.contract.words import Objective, Target

MOST_BEST = 20
"""Rows of the table of runs that nobody beats."""


def part(facts: Facts) -> Part:
    """Value by trial, importances, parallel axes, value by parameter, and the objectives against each other."""
    pictures = {name: name for name in facts.charts}
    shown, there = shown_in_charts(facts.sweeps)
    return Part(
        "search",
        "Search",
        {
            "left_out": f"{shown} of {there}" if shown < there else "",
            "trials": [name for name in facts.charts if name.startswith("trials_")],
            "importances": importance_section(facts.sweeps, pictures),
            "slices": [name for name in facts.charts if name.startswith("parameters_")],
            "targets": [target.value for target in Target if f"parallel_{target}" in facts.charts],
            "front": _front(facts),
            "prior": prior_section(facts.sweeps),
        },
    )


def _front(facts: Facts) -> str:
    """The runs that nobody beats, target by target."""
    found = [(target, trial) for target in Target for trial in front(facts.sweeps, target)]
    rows = [
        [trial.run, target.value, *(number(trial.score(objective)) for objective in Objective)]
        for target, trial in found[:MOST_BEST]
    ]
    if not rows:
        return ""
    more = f"\n\n{len(found) - MOST_BEST} more are not in this table." if len(found) > MOST_BEST else ""
    return table(["run", "target", *Objective], rows, text_columns=2) + more
