"""The third part: how the search went, and what the parameters are worth."""

from __future__ import annotations

from launcher.report.page.facts import Facts, Part
from launcher.report.sections.parameters import importance_section
from launcher.report.sections.prior import prior_section


def part(facts: Facts) -> Part:
    """Value by trial, importances, and value by parameter."""
    pictures = {name: name for name in facts.charts}
    return Part(
        "search",
        "Search",
        {
            "trials": [name for name in facts.charts if name.startswith("trials_")],
            "importances": importance_section(facts.sweeps, pictures),
            "slices": [name for name in facts.charts if name.startswith("parameters_")],
            "prior": prior_section(facts.sweeps),
        },
    )
