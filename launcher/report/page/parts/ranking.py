"""The fourth part: where the best runs rank well, by season, target and model, and their championship odds."""

from __future__ import annotations

from truestrength.launcher.report.page.facts import Facts, Part
from truestrength.launcher.report.sections.ceiling import ceiling_section
from truestrength.launcher.report.sections.objectives import target_section
from truestrength.launcher.report.sections.odds import odds_section
from truestrength.launcher.report.sections.parameters import rolling_section
from truestrength.launcher.report.sections.slices import slice_section, stack_section


def part(facts: Facts) -> Part:
    """The sections on the best runs, in the report's order."""
    pictures = {name: name for name in facts.charts if not name.startswith("trials_")}
    courses = [name for name in facts.charts if name.startswith("course_")]
    sections = [
        slice_section(facts.sweeps, pictures),
        target_section(facts.sweeps),
        rolling_section(facts.sweeps, pictures),
        odds_section(facts.sweeps, pictures),
        stack_section(facts.sweeps),
        ceiling_section(facts.sweeps),
    ]
    return Part("ranking", "Where it ranks well", {"sections": [text for text in sections if text], "courses": courses})
