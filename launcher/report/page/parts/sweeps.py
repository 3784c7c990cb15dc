"""The second part: what is there of each sweep, its best run, and how that stands against the baselines."""

from __future__ import annotations

from urllib.parse import quote

from launcher.report.page.facts import Facts, Part, link
from launcher.report.sections.headline import standing_section
from launcher.report.sections.objectives import objective_section


def part(facts: Facts) -> Part:
    """How far the sweeps are, and by objective the best run of each, with its parameters."""
    begun = [sweep.spec for sweep in facts.sweeps]
    objectives = dict.fromkeys(spec.objective for spec in begun)
    pages = {} if facts.sweep else {s.batch_id: quote(link(facts, facts.outputs.sweep(s.batch_id).page)) for s in begun}
    return Part(
        "sweeps",
        "Sweeps",
        {
            "there": standing_section(facts.sweeps, facts.planned),
            "pages": pages,
            "objectives": [objective_section(objective, facts.sweeps, {}) for objective in objectives],
        },
    )
