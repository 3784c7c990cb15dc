"""The fifth part: where the time went."""

from __future__ import annotations

from launcher.report.page.facts import Facts, Part
from launcher.report.sections.course import time_section


def part(facts: Facts) -> Part:
    """Time by sweep and by stage."""
    return Part("time", "Time", {"time": time_section(facts.sweeps)})
